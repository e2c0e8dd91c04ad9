"""Activations per layer against the paper's formulas and numbers, and against lib/tensors."""

from fractions import Fraction

import pytest

from lib.model.config import ModelConfig
from lib.parallel.activation_memory import (
    LINEAR_PARTS,
    QUADRATIC_PARTS,
    activation_bytes_per_layer,
    block_parts,
    decoder_bytes,
    live_microbatches,
)
from lib.parallel.schedules import simulate_schedule
from lib.tensors.activations import layer_activations

GPT3 = {"s": 2048, "b": 1, "h": 12288, "a": 96}
ODD = {"s": 30, "b": 7, "h": 24, "a": 4}


def formula(s, b, h, a, whole, divided, quadratic, t):
    return s * b * h * (whole + Fraction(divided, t) + Fraction(quadratic * a * s, h * t))


@pytest.mark.parametrize("t", [2, 3, 8])
@pytest.mark.parametrize(
    ("sequence", "recompute", "whole", "divided", "quadratic"),
    [
        (False, "none", 10, 24, 5),
        (False, "selective", 10, 24, 0),
        (True, "none", 0, 34, 5),
        (True, "selective", 0, 34, 0),
        (False, "full", 2, 0, 0),
    ],
)
def test_the_papers_table(sequence, recompute, whole, divided, quadratic, t):
    """arXiv 2205.05198, table 2."""
    ours = activation_bytes_per_layer(**ODD, t=t, sequence=sequence, recompute=recompute)
    assert ours == pytest.approx(float(formula(**ODD, whole=whole, divided=divided,
                                               quadratic=quadratic, t=t)))  # fmt: skip


def test_the_parts_are_34_24_and_5():
    assert sum(size for size, _ in LINEAR_PARTS.values()) == 34
    assert sum(size for size, divided in LINEAR_PARTS.values() if divided) == 24
    assert sum(QUADRATIC_PARTS.values()) == 5


def test_gpt3():
    """2.87 GB for a layer, 0.107 GB on each of 8 ranks with everything that the paper offers."""
    assert activation_bytes_per_layer(**GPT3) / 1e9 == pytest.approx(2.87, abs=0.005)
    cut = activation_bytes_per_layer(**GPT3, t=8, sequence=True, recompute="selective")
    assert cut / 1e9 == pytest.approx(0.107, abs=0.0005)
    assert 5 * GPT3["a"] * GPT3["s"] / GPT3["h"] == 80


def test_selective_recomputation_takes_away_the_quadratic_parts():
    gone = block_parts(**ODD).keys() - block_parts(**ODD, recompute="selective").keys()
    assert gone == QUADRATIC_PARTS.keys()


CONFIG = ModelConfig(50, 16, 3, 24, 4, n_kv_heads=2, attention="sdpa")


def test_our_own_decoder_is_divided_but_for_its_norms():
    whole = layer_activations(CONFIG, 2, 16)
    assert decoder_bytes(CONFIG, 2, 16) == whole
    tensor = decoder_bytes(CONFIG, 2, 16, t=2)
    assert tensor["norms"] == whole["norms"]
    assert all(2 * tensor[part] == whole[part] for part in whole if part != "norms")
    both = decoder_bytes(CONFIG, 2, 16, t=2, sequence=True)
    assert sum(both.values()) == sum(whole.values()) / 2


@pytest.mark.parametrize("m", [2, 4, 12])
@pytest.mark.parametrize(
    ("kind", "chunks"), [("gpipe", 1), ("1f1b", 1), ("zero-bubble", 1), ("interleaved", 2)]
)
def test_live_microbatches_are_those_of_a_simulation(kind, chunks, m):
    """The simulation counts chunks, each of them a part of a rank's layers."""
    peak = simulate_schedule(kind, 4, m, chunks=chunks).peak_live[0] / chunks
    assert live_microbatches(kind, 4, m, chunks) == pytest.approx(peak, abs=1 / chunks)


def test_errors_state_the_rule():
    with pytest.raises(ValueError, match=r"choose from .*'selective'"):
        block_parts(**ODD, recompute="some")
    with pytest.raises(ValueError, match="sequence=True needs t of 2"):
        block_parts(**ODD, sequence=True)
