import csv
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.model.choices import FFN, Norm, NormPlacement, Positions, QKNorm
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
    """Every field that could change which parameters there are, and the others at random too."""
    n_kv_heads, parallel = draw(st.integers(1, 3)), draw(st.booleans())
    words = {
        name: draw(st.sampled_from(get_args(kind)))
        for name, kind in {"norm": Norm, "positions": Positions, "ffn": FFN}.items()
    }
    flags = ("norm_offset", "bias", "tied", "attention_gate")
    return ModelConfig(
        vocab_size=draw(st.integers(1, 50)),
        context=draw(st.integers(1, 20)),
        n_layers=draw(st.integers(1, 3)),
        width=draw(st.integers(1, 20)),
        n_heads=n_kv_heads * draw(st.integers(1, 3)),
        n_kv_heads=n_kv_heads,
        head_width=2 * draw(st.integers(1, 5)),
        ff_width=draw(st.integers(1, 30)),
        norm_placement="pre" if parallel else draw(st.sampled_from(get_args(NormPlacement))),
        parallel=parallel,
        qk_norm=draw(st.sampled_from([None, *get_args(QKNorm)])),
        qkv_bias=draw(st.sampled_from([None, True, False])),
        window=draw(st.sampled_from([None, 1, 7])),
        window_pattern=draw(st.sampled_from(["W", "WF", "FWW"])),
        rope_scaling=draw(st.sampled_from([None, (8.0, 1.0, 4.0, 16)])),
        output_softcap=draw(st.sampled_from([None, 30.0])),
        attention_softcap=draw(st.sampled_from([None, 50.0])),
        attention_scale=draw(st.sampled_from([None, 0.1])),
        embedding_scale=draw(st.sampled_from([1.0, 4.5])),
        **words,
        **{name: draw(st.booleans()) for name in flags},
    )


@settings(max_examples=30, deadline=None)
@given(configs())
def test_the_count_is_what_the_built_model_holds(config):
    with torch.device("meta"):
        model = Transformer(config)
    assert n_params(config) == sum(p.numel() for p in model.parameters())
    parts = params_by_part(config)
    norms = sum(p.numel() for name, p in model.named_parameters() if "norm" in name)
    ffn = sum(p.numel() for name, p in model.named_parameters() if ".ffn." in name)
    assert (parts["norms"], parts["ffn"]) == (norms, ffn)


def test_parameters_of_the_variants_by_hand():
    """What each choice adds to two layers of width 8 with four heads of 2 for two keys."""
    plain = ModelConfig(10, 8, 2, 8, 4, n_kv_heads=2, ff_width=6)

    def more(**choices):
        return n_params(replace(plain, **choices)) - n_params(plain)

    assert more(qk_norm="head") == 2 * (2 + 2)
    assert more(qk_norm="all") == 2 * (8 + 4)
    assert more(attention_gate=True) == 2 * 8 * 8
    assert more(qkv_bias=True) == 2 * (8 + 4 + 4)
    assert more(norm_placement="sandwich") == 2 * 2 * 8
    assert more(norm_placement="reordered") == 0
    assert more(norm_placement="post") == -8
    assert more(parallel=True) == -2 * 8
    assert more(norm="none") == -5 * 8
    assert more(ffn="relu") == -2 * 8 * 6
    assert more(positions="learned") == 8 * 8
    assert more(positions="alibi", window=3, output_softcap=5.0, norm_offset=True) == 0


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


def test_replacing_changes_one_choice_and_checks_it():
    config = ModelConfig(**SMALL, window=4, window_pattern="WF", qk_norm="head", ffn="relu")
    assert config.ff_width == 96  # without a gate four times the width
    assert replace(config, qk_norm=None, window=None).qk_norm is None
    assert replace(config, ffn="geglu").ff_width == 96  # a number by now, so it stays
    assert replace(config, ffn="geglu", ff_width=None).ff_width == 64
    assert hash(replace(config, rope_scaling=(8.0, 1.0, 4.0, 16))) != hash(config)
    with pytest.raises(ValueError, match=r"window counts something"):
        replace(config, window=0)


def test_a_config_survives_a_file():
    config = ModelConfig(**SMALL, norm="layer", tied=True)
    assert ModelConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("choices", "gated", "has_bias", "turned"),
    [
        ({}, True, False, 6),
        ({"ffn": "relu2", "bias": True, "rope_fraction": 1 / 3}, False, True, 2),
        ({"ffn": "geglu_tanh", "bias": True, "qkv_bias": False}, True, False, 6),
        ({"ffn": "silu", "qkv_bias": True, "rope_fraction": 2 / 3}, False, True, 4),
    ],
)
def test_what_follows_from_the_choices(choices, gated, has_bias, turned):
    config = ModelConfig(**SMALL, **choices)
    assert (config.is_gated, config.has_qkv_bias, config.turned_width) == (gated, has_bias, turned)


def test_all_shares_of_a_head_may_turn():
    """2 / 98 * 98 is no whole number in floating point, but means two coordinates."""
    for n in range(2, 99, 2):
        config = ModelConfig(37, 11, 1, 98, 1, rope_fraction=n / 98)
        assert config.turned_width == n


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
        (
            {"rope_fraction": 0.5},
            r"rope_fraction=0.5 of 6 coordinates are 3\. .* rope_fraction=4/6",
        ),
        (
            {"rope_fraction": 0.0},
            r"rope_fraction=0.0 .* are 0\. .*rope_fraction=2/6, or pos.*'none'",
        ),
        ({"rope_fraction": 1.5}, r"rope_fraction=1.5 of 6 coordinates are 9\. .*rope_fraction=6/6"),
        (
            {"rope_scaling": (8.0, 4.0, 1.0, 16)},
            r"\(8.0, 4.0, 1.0, 16\) does not fit: .* below high",
        ),
        ({"rope_scaling": (0.0, 1.0, 4.0, 16)}, r"does not fit: factor is above zero"),
        ({"rope_scaling": (8.0, 1.0, 4.0, 0)}, r"The context in rope_scaling counts .*, not 0"),
        ({"window": 0}, r"window counts something: a whole number from 1 up, not 0"),
        ({"window_pattern": "WFL"}, r"window_pattern is 'WFL'. Write one letter .* as in 'WWWF'"),
        ({"window_pattern": ""}, r"window_pattern is ''"),
        ({"rope_on_full": False}, r"without a window these are all layers. .*positions='none'"),
        (
            {"rope_on_full": False, "window": 4, "positions": "learned"},
            r"learned positions are in the stream, .* Choose positions='rope' or 'alibi'",
        ),
        (
            {"parallel": True, "norm_placement": "sandwich"},
            r"norm_placement is 'sandwich'. Choose 'pre', or parallel=False",
        ),
        ({"attention_softcap": 0.0}, r"attention_softcap is 0.0. Choose a number above zero, or"),
        ({"output_softcap": -30.0}, r"output_softcap is -30.0. Choose a number above zero"),
        ({"attention_scale": 0.0}, r"attention_scale is 0.0. Choose a number above zero"),
        (
            {"attention_softcap": 50.0, "attention": "sdpa"},
            r"cannot cap scores, but attention_softcap is 50.0. Choose attention='plain'",
        ),
    ],
)
def test_errors_say_what_to_do(wrong, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**{**SMALL, **wrong})


def test_words_outside_the_choices_are_explained(monkeypatch):
    """The types that a test run checks would refuse them first, so that is switched off here."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"norm is 'batch'. Choose from 'rms', 'layer', 'none'."):
        ModelConfig(**SMALL, norm="batch")
    with pytest.raises(ValueError, match=r"qk_norm is 'each'. Choose from 'head', 'all'."):
        ModelConfig(**SMALL, qk_norm="each")


def test_odd_heads_are_fine_without_rotation():
    assert ModelConfig(**{**SMALL, "n_heads": 8}, positions="learned").head_width == 3
