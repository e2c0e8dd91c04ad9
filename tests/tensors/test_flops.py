"""FLOPs: by hand, against torch's counter, and the numbers of well-known runs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.tensors.flops import (
    attention_flops,
    flops_by_part,
    flops_per_token,
    matmul_flops,
    model_flops,
    training_days,
    training_flops,
)

TINY = SimpleNamespace(
    vocab_size=37,
    n_layers=2,
    width=12,
    n_heads=4,
    n_kv_heads=2,
    head_width=6,
    ff_width=17,
    ffn="swiglu",
)


def counted(fn):
    with FlopCounterMode(display=False) as counter:
        fn()
    return counter.get_total_flops()


# By hand


def test_a_matmul():
    assert matmul_flops(3, 5, 7) == 3 * 7 * (5 + 5)
    assert counted(lambda: torch.ones(3, 5) @ torch.ones(5, 7)) == 210


def test_a_toy_step():
    """Two square layers and a column on top, of width 4, two examples: 36 parameters."""
    forward = 2 * matmul_flops(2, 4, 4) + matmul_flops(2, 4, 1)
    assert 3 * forward == 6 * 2 * 36 == training_flops(36, 2) == 432


def test_the_term_that_the_rule_leaves_out():
    L, T, N, H = 2, 7, 4, 6
    matrices = L * (12 * (4 + 2 * 2) * 6 + 4 * 6 * 12 + 3 * 12 * 17) + 12 * 37
    assert flops_per_token(TINY, T) == 6 * matrices + 12 * L * T * N * H


def test_a_window_bounds_the_keys():
    """Layers 0 and 2 see 3 keys, layer 1 all of them."""
    sizes = {field: getattr(TINY, field) for field in vars(TINY)} | {"n_layers": 3}
    config = ModelConfig(**sizes, context=50, window=3, window_pattern="WF")
    whole = replace(config, window=None)
    saved = flops_per_token(whole, 50) - flops_per_token(config, 50)
    assert saved == 12 * 2 * (50 - 3) * 4 * 6
    assert flops_per_token(whole, 3) == flops_per_token(config, 3)


# Against torch's counter


def test_attention():
    q, k = torch.ones(3, 4, 6, 5), torch.ones(3, 4, 7, 5)
    assert 3 * attention_flops(4, 6, 7, 5) == counted(lambda: (q @ k.mT) @ k)


@pytest.mark.parametrize(
    "choices",
    [
        {"ffn": "swiglu"},
        {"ffn": "gelu"},
        {"ffn": "geglu", "attention_gate": True},
        {"ffn": "relu2", "parallel": True},
        {"ffn": "reglu", "norm_placement": "sandwich", "qk_norm": "all"},
    ],
    ids=lambda choices: "-".join(map(str, choices.values())),
)
def test_a_model(choices):
    sizes = {field: getattr(TINY, field) for field in vars(TINY) if field != "ffn"}
    config = ModelConfig(**sizes, **choices, context=6)
    model, ids = Transformer(config), torch.zeros(3, 6, dtype=torch.int64)
    assert model_flops(config, 3, 6, backward=False) == counted(lambda: model(ids))
    assert model_flops(config, 3, 6) == counted(lambda: model(ids).sum().backward())


def test_the_parts_of_a_big_model():
    """GPT-2 XL, with three matrices in each feed-forward layer: worked out on paper."""
    xl = SimpleNamespace(vocab_size=50257, n_layers=48, width=1600, n_heads=25, n_kv_heads=25)
    xl.head_width, xl.ff_width, xl.ffn = 64, 6400, "swiglu"
    parts = flops_by_part(xl, 1, 1024, backward=False)
    total = sum(parts.values())
    assert total == pytest.approx(4.51e12, rel=1e-3)
    assert parts["feed-forward"] / total == pytest.approx(0.67, abs=0.005)
    assert parts["attention scores and average"] / total == pytest.approx(0.07, abs=0.005)
    assert model_flops(xl, 1, 16384, backward=False) == pytest.approx(149.5e12, rel=1e-3)


# Whole runs


def test_seventy_billion_parameters_on_fifteen_trillion_tokens():
    assert training_flops(70e9, 15e12) == pytest.approx(6.3e24)
    assert training_days(70e9, 15e12, 1024, 989.5e12, mfu=0.5) == pytest.approx(143.9, abs=0.05)


def test_gpt_3():
    assert training_flops(174.6e9, 300e9) == pytest.approx(3.14e23, rel=2e-3)


def test_what_eight_devices_do_in_two_weeks():
    fourteen_days = training_days(1, 9.58e21 / 6, 8, 989.5e12, mfu=1.0)
    assert fourteen_days == pytest.approx(14, rel=1e-3)
