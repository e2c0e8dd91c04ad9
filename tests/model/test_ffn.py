import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lib.model.config import ModelConfig
from lib.model.ffn import ACTIVATIONS, GatedFFN, PlainFFN, make_ffn


def filled(**choices):
    ffn = make_ffn(ModelConfig(37, 11, 1, 6, 1, ff_width=10, dtype="float64", **choices))
    torch.manual_seed(0)
    for weight in ffn.parameters():
        torch.nn.init.normal_(weight)
    return ffn


def test_swiglu_by_hand():
    """One unit: gate 2, up 3, down 5 on an input of 1 gives 5 * silu(2) * 3."""
    ffn = GatedFFN(ModelConfig(37, 11, 1, 1, 1, head_width=2, ff_width=1))
    for part, weight in ((ffn.gate, 2.0), (ffn.up, 3.0), (ffn.down, 5.0)):
        torch.nn.init.constant_(part.weight, weight)
    silu = 2 / (1 + torch.e**-2)
    assert ffn(torch.ones(1, 1, 1)).item() == pytest.approx(15 * silu)


def test_swiglu_formula():
    ffn, x = filled(), torch.randn(2, 3, 6, dtype=torch.float64)
    inner = x @ ffn.gate.weight.T
    expected = (inner * inner.sigmoid() * (x @ ffn.up.weight.T)) @ ffn.down.weight.T
    assert_close(ffn(x), expected)


@pytest.mark.parametrize(
    ("kind", "bend"),
    [
        ("geglu", F.gelu),
        ("geglu_tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("reglu", F.relu),
    ],
)
def test_other_gates_bend_the_gate_and_not_the_other_factor(kind, bend):
    ffn, x = filled(ffn=kind), torch.randn(2, 3, 6, dtype=torch.float64)
    inner = bend(x @ ffn.gate.weight.T) * (x @ ffn.up.weight.T)
    assert_close(ffn(x), inner @ ffn.down.weight.T)


@pytest.mark.parametrize(
    ("kind", "at_minus_one", "at_two"),
    [
        ("relu", 0, 2),
        ("relu2", 0, 4),
        ("silu", -1 / (1 + torch.e), 2 / (1 + torch.e**-2)),
        ("gelu", -0.15865525, 1.9544997),  # Phi(-1) = 0.15865525, Phi(2) = 0.97724987
    ],
)
def test_bends_by_hand(kind, at_minus_one, at_two):
    bent = ACTIVATIONS[kind](torch.tensor([-1.0, 2.0], dtype=torch.float64))
    assert_close(bent, torch.tensor([at_minus_one, at_two], dtype=torch.float64))
    assert filled(ffn=kind).bend is ACTIVATIONS[kind]


@pytest.mark.parametrize(("kind", "approximate"), [("gelu", "none"), ("gelu_tanh", "tanh")])
def test_gelu_formula(kind, approximate):
    ffn, x = filled(ffn=kind, bias=True), torch.randn(2, 3, 6, dtype=torch.float64)
    assert isinstance(ffn, PlainFFN)
    inner = F.gelu(x @ ffn.up.weight.T + ffn.up.bias, approximate=approximate)
    assert_close(ffn(x), inner @ ffn.down.weight.T + ffn.down.bias)


def test_the_gate_has_its_bias():
    assert len(list(filled(bias=True).parameters())) == 6


def test_positions_do_not_mix():
    ffn, x = filled(), torch.randn(2, 3, 6, dtype=torch.float64)
    before = ffn(x)
    x[:, 1] += 1
    changed = (ffn(x) != before).any(dim=-1)
    assert changed.tolist() == [[False, True, False]] * 2
