"""The configs of published models against the table of facts, and their counts by building them."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.model.config import n_params, params_by_part
from lib.model.transformer import Transformer
from lib.model.zoo import MODELS, model_config
from lib.tensors.flops import flops_per_token, training_flops
from lib.tensors.kv_cache import kv_bytes_per_token, kv_cache_bytes

FACTS = Path(__file__).parents[2] / "lib" / "assets" / "facts" / "models.csv"
ROWS = {row["name"]: row for row in csv.DictReader(FACTS.open(encoding="utf-8"))}
PUBLISHED = [name for name in MODELS if name != "tiny"]

SIZES = {
    "layers": "n_layers",
    "width": "width",
    "heads": "n_heads",
    "kv_heads": "n_kv_heads",
    "head_width": "head_width",
    "ff_width": "ff_width",
    "vocabulary": "vocab_size",
    "context": "context",
}
EXACT = {  # what the published files hold, where it is known to the last parameter
    "GPT-2 small": 124_439_808,
    "GPT-2 XL": 1_557_611_200,
    "Llama 2 7B": 6_738_415_616,
    "Llama 2 13B": 13_015_864_320,
    "Llama 3.1 8B": 8_030_261_248,
    "Mistral 7B": 7_241_732_096,
    "Qwen2.5 0.5B": 494_032_768,
    "Gemma 2 2B": 2_614_341_888,
    "OLMo 2 7B": 7_298_617_344,
    "SmolLM2 135M": 134_515_008,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_of_the_facts(name):
    config, row = MODELS[name], ROWS[name]
    assert {field: getattr(config, field) for field in SIZES.values()} == {
        field: int(row[column]) for column, field in SIZES.items()
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_choices_are_those_of_the_facts(name):
    config, row = MODELS[name], ROWS[name]
    assert config.tied == (row["tied_embeddings"] == "yes")
    assert (config.bias, config.has_qkv_bias) == {
        "yes": (True, True),
        "no": (False, False),
        "QKV only": (False, True),
    }[row["bias"]]
    assert config.norm == {"LayerNorm": "layer", "RMSNorm": "rms"}[row["norm"]]
    activation = row["activation"].split()[0]
    assert (
        config.ffn == {"GELU": "gelu_tanh", "SwiGLU": "swiglu", "GeGLU": "geglu_tanh"}[activation]
    )
    assert (config.qk_norm is not None) == row["qk_norm"].startswith("yes")
    windows = "sliding" in row["attention"] or "local" in row["attention"]
    assert (config.window is not None) == windows
    placement = row["norm_position"].partition(" ")[0], "both sides" in row["norm_position"]
    expected = {"pre": ("pre", False), "sandwich": ("pre", True), "reordered": ("post", False)}
    assert placement == expected[config.norm_placement]


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_the_published_ones(name):
    """Within one unit of the last digit that is printed: some round and some cut off."""
    printed = int(ROWS[name]["parameters"])
    last_digit = 10 ** (len(str(printed)) - len(str(printed).rstrip("0")))
    if name == "Qwen2.5 32B":  # 32.5 is printed, three units less than its own shapes hold
        last_digit *= 3
    assert abs(n_params(MODELS[name]) - printed) < last_digit
    if name in EXACT:
        assert n_params(MODELS[name]) == EXACT[name]


@pytest.mark.parametrize("name", MODELS)
def test_built_without_memory_a_model_holds_what_was_counted(name):
    """With two layers and with three, since all layers are alike."""
    config = MODELS[name]
    two, three = (held(replace(config, n_layers=n)) for n in (2, 3))
    assert two + (config.n_layers - 2) * (three - two) == n_params(config)


def held(config):
    with torch.device("meta"):
        return sum(p.numel() for p in Transformer(config).parameters())


def test_training_the_largest_took_what_is_published():
    """Ours leaves out the table of embeddings and the norms, and adds attention."""
    config, n_tokens = MODELS["Llama 3.1 405B"], int(ROWS["Llama 3.1 405B"]["tokens"])
    rule = training_flops(n_params(config), n_tokens)
    assert rule == pytest.approx(3.8e25, rel=0.005)  # numbers.csv, llama31_405b_training_compute
    attention = 12 * config.n_layers * 8192 * config.width * n_tokens
    table = training_flops(config.vocab_size * config.width, n_tokens)
    assert flops_per_token(config, 8192) * n_tokens == pytest.approx(
        rule - table + attention, rel=1e-5
    )


def test_what_a_cache_takes():
    """A key and a value of K H numbers for each layer and token, two bytes per number."""
    kib = {name: kv_bytes_per_token(MODELS[name]) / 1024 for name in PUBLISHED}
    assert kib["Llama 2 7B"] == 2 * 32 * 32 * 128 * 2 / 1024 == 512
    assert kib["Llama 3.1 8B"] == 128  # a quarter, since four heads share
    assert kib["Qwen3 8B"] == 144
    assert kv_cache_bytes(MODELS["Mistral 7B"], 8192) == 128 * 1024 * 4096  # its window alone
    gemma = MODELS["Gemma 2 9B"]  # every second layer, half the text
    assert kv_cache_bytes(gemma, 8192) == 0.75 * 8192 * kv_bytes_per_token(gemma)


def test_a_count_of_llama_2_that_circulates_leaves_out_the_norms():
    parts = params_by_part(MODELS["Llama 2 13B"])
    assert sum(parts.values()) - parts["norms"] == 13_015_449_600


def test_a_name_that_is_not_there():
    with pytest.raises(KeyError, match=r"no 'Llama 3 8B'. Did you mean Llama 3.1 8B or"):
        model_config("Llama 3 8B")
    assert model_config("tiny") is MODELS["tiny"]
