import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.model.config import ModelConfig, n_params, params_by_part
from lib.model.transformer import Transformer

FACTS = Path(__file__).parents[2] / "lib" / "assets" / "facts" / "models.csv"
SMALL = {"vocab_size": 37, "context": 11, "n_layers": 3, "width": 24, "n_heads": 4}

# Counting parameters


def test_parameters_by_hand():
    """One layer of width 4 with two heads of 2, a gate, no biases, its own output matrix."""
    config = ModelConfig(10, 8, 1, 4, 2, ff_width=6)
    assert params_by_part(config) == {
        "embedding": 40,
        "positions": 0,
        "attention": 4 * 16,
        "ffn": 3 * 24,
        "norms": 3 * 4,
        "output": 40,
    }
    assert n_params(config) == 228


@st.composite
def configs(draw):
    n_kv_heads = draw(st.integers(1, 3))
    return ModelConfig(
        vocab_size=draw(st.integers(1, 50)),
        context=draw(st.integers(1, 20)),
        n_layers=draw(st.integers(1, 3)),
        width=draw(st.integers(1, 20)),
        n_heads=n_kv_heads * draw(st.integers(1, 3)),
        n_kv_heads=n_kv_heads,
        head_width=2 * draw(st.integers(1, 5)),
        ff_width=draw(st.integers(1, 30)),
        norm=draw(st.sampled_from(["rms", "layer"])),
        positions=draw(st.sampled_from(["rope", "rope_half", "learned"])),
        ffn=draw(st.sampled_from(["swiglu", "gelu", "gelu_tanh"])),
        bias=draw(st.booleans()),
        tied=draw(st.booleans()),
    )


@settings(max_examples=25, deadline=None)
@given(configs())
def test_the_count_is_what_the_built_model_holds(config):
    with torch.device("meta"):
        model = Transformer(config)
    assert n_params(config) == sum(p.numel() for p in model.parameters())


def described(row: dict[str, str]) -> ModelConfig | None:
    """The config of a published model; None if it has parts of another kind, or gaps."""
    ffn = {"SwiGLU": "swiglu", "GELU": "gelu", "GELU (tanh approx.)": "gelu_tanh"}
    norm = {"RMSNorm": "rms", "LayerNorm": "layer"}
    numbers = ["vocabulary", "context", "layers", "width"]
    numbers += ["heads", "kv_heads", "head_width", "ff_width"]
    ours = (
        row["activation"] in ffn
        and row["norm"] in norm
        and row["norm_position"] in ("pre", "pre (+ final)")
        and row["position"].startswith(("RoPE", "learned"))
        and {row["bias"], row["tied_embeddings"]} <= {"yes", "no"}
        and row["qk_norm"] == "no"
        and not row["experts"]
        and int(row["checked"]) >= 1
    )
    if not (ours and all(row[name] for name in numbers)):
        return None
    return ModelConfig(
        *(int(row[name]) for name in numbers),
        norm=norm[row["norm"]],
        positions="learned" if row["position"].startswith("learned") else "rope",
        ffn=ffn[row["activation"]],
        bias=row["bias"] == "yes",
        tied=row["tied_embeddings"] == "yes",
    )


with open(FACTS, encoding="utf-8", newline="") as file:
    PUBLISHED = {row["name"]: row for row in csv.DictReader(file) if described(row)}
# Its row contradicts itself: 24 heads of 128 are 3,072 wide, and the model 2,048.
del PUBLISHED["GPT-3 XL"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name):
    """GPT-2's are known to the thousand; "7B" may be anything from 6.6 to 7.2 for others."""
    published = int(PUBLISHED[name]["parameters"])
    allowed = 0.000_01 if name.startswith("GPT-2") else 0.02
    assert n_params(described(PUBLISHED[name])) == pytest.approx(published, rel=allowed)


def test_there_are_published_counts_of_many_kinds():
    assert {"GPT-2 small", "GPT-3 175B", "Llama 2 7B", "Llama 3.1 405B"} <= PUBLISHED.keys()
    assert len(PUBLISHED) > 20


def test_exact_published_counts():
    gpt2 = described(PUBLISHED["GPT-2 small"])
    assert n_params(gpt2) == 124_439_808
    llama = described(PUBLISHED["Llama 2 7B"])
    assert n_params(llama) == 6_738_415_616
    with torch.device("meta"):  # shapes without memory
        assert sum(p.numel() for p in Transformer(llama).parameters()) == 6_738_415_616


# What is filled in


def test_what_is_left_open_is_filled_in():
    config = ModelConfig(**SMALL)
    assert (config.n_kv_heads, config.head_width, config.ff_width) == (4, 6, 64)
    assert config.compute_dtype == config.dtype == "float32"


@pytest.mark.parametrize(
    ("width", "ffn", "ff_width"),
    [(512, "swiglu", 1344), (768, "gelu", 3072), (768, "gelu_tanh", 3072), (2, "swiglu", 64)],
)
def test_the_usual_feed_forward_width(width, ffn, ff_width):
    assert ModelConfig(37, 11, 1, width, 1, ffn=ffn).ff_width == ff_width


def test_what_is_given_stays():
    config = ModelConfig(**SMALL, n_kv_heads=2, head_width=10, ff_width=7, compute_dtype="bfloat16")
    assert (config.n_kv_heads, config.head_width, config.ff_width) == (2, 10, 7)
    assert (config.dtype, config.compute_dtype) == ("float32", "bfloat16")


def test_replacing_keeps_what_was_filled_in_unless_asked():
    config = ModelConfig(**SMALL)
    assert replace(config, width=48).head_width == 6
    wider = replace(config, width=48, head_width=None, ff_width=None)
    assert wider == ModelConfig(**{**SMALL, "width": 48})


def test_a_config_survives_a_file():
    config = ModelConfig(**SMALL, norm="layer", tied=True)
    assert ModelConfig(**json.loads(json.dumps(asdict(config)))) == config


# One dial


def test_depth_gives_the_shape():
    config = ModelConfig.from_depth(4, vocab_size=1000, context=99, tied=True)
    assert (config.n_layers, config.width, config.n_heads, config.head_width) == (4, 256, 8, 32)
    assert (config.vocab_size, config.context, config.tied) == (1000, 99, True)
    assert ModelConfig.from_depth(3, 1000, aspect=100, head_width=64).n_heads == 5


@pytest.mark.parametrize("n", [3e5, 1e6, 4e6, 3e7, 2e8, 7e9])
@pytest.mark.parametrize("choices", [{}, {"tied": True, "n_kv_heads": 2, "positions": "learned"}])
def test_the_number_of_parameters_is_nearly_met(n, choices):
    config = ModelConfig.from_params(n, 1024, **choices)
    assert n_params(config) == pytest.approx(n, rel=0.05 if n > 1e7 else 0.5)
    one_head = config.n_kv_heads if choices else 1
    wider, narrower = (
        ModelConfig.from_depth(
            config.n_layers, 1024, aspect=heads * 32 / config.n_layers, **choices
        )
        for heads in (config.n_heads + one_head, config.n_heads - one_head)
    )
    off = [max(n_params(c) / n, n / n_params(c)) for c in (narrower, config, wider)]
    assert off[1] == min(off), "another width is closer"
    assert 32 <= config.width / config.n_layers <= 128


def test_a_budget_too_small_is_explained():
    with pytest.raises(ValueError, match=r"vocabulary of 50,257 .* 100,000 parameters.*tied=True"):
        ModelConfig.from_params(100_000, 50_257)


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_heads": 6, "n_kv_heads": 4}, r"6 / 4 leaves 2 over. .* from \[1, 2, 3, 6\]"),
        ({"n_heads": 5}, r"24 cannot be cut into 5 .*: 4 is left over.*\[1, 2, 3, 4, 6, 8, 12, 24"),
        ({"n_heads": 8}, r"head_width is 3, an odd number.*positions='learned'"),
        ({"n_layers": 0}, r"n_layers counts something: a whole number from 1 up, not 0"),
        ({"ff_width": -1}, r"ff_width counts"),
    ],
)
def test_errors_say_what_to_do(wrong, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**{**SMALL, **wrong})


def test_words_outside_the_choices_are_explained(monkeypatch):
    """The types that a test run checks would refuse them first, so that is switched off here."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"norm is 'batch'. Choose from 'rms', 'layer'."):
        ModelConfig(**SMALL, norm="batch")


def test_odd_heads_are_fine_without_rotation():
    assert ModelConfig(**{**SMALL, "n_heads": 8}, positions="learned").head_width == 3
