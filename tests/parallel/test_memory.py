"""Training state per rank against the ZeRO paper's numbers and what a course would compute."""

import pytest

from lib.parallel.memory import (
    bytes_per_param,
    largest_trainable,
    traffic_per_param,
    training_state_bytes,
)
from lib.tensors.memory import RECIPES

PAPER = "bf16 + fp32 master"  # 2 + 2 + 4 + 4 + 4 bytes


@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_the_zero_papers_example(zero, gigabytes):
    """arXiv 1910.02054, figure 1: 7.5 billion parameters on 64 ranks."""
    held = sum(training_state_bytes(7.5e9, PAPER, zero, n=64).values()) / 1e9
    assert held == pytest.approx(gigabytes, abs=0.05)


@pytest.mark.parametrize(("zero", "billions"), [(0, 6.7), (1, 16), (2, 24.6), (3, 53.3)])
def test_largest_models_on_eight_gpus_of_80_gb(zero, billions):
    """By hand: 80 / 12, 80 / (4 + 8 / 8), 80 / (2 + 10 / 8), 80 / (12 / 8)."""
    found = largest_trainable(80e9, "bf16 + fp32 moments", zero, n=8) / 1e9
    assert found == pytest.approx(billions, abs=0.05)


@pytest.mark.parametrize("by", RECIPES)
def test_stages_divide_more_and_more(by):
    held = [bytes_per_param(by, zero, n=5) for zero in range(4)]
    assert held == sorted(held, reverse=True)
    assert held[0] == RECIPES[by].bytes_per_param and held[3] == pytest.approx(held[0] / 5)
    assert all(bytes_per_param(by, zero, n=1) == held[0] for zero in range(4))


def test_memory_kept_free_is_not_used():
    assert largest_trainable(100, "fp32 sgd", kept_free=0.2) == 10


def test_stages_one_and_two_cost_no_traffic():
    assert [traffic_per_param(zero, 4) for zero in range(4)] == [2, 2, 2, 3]
    assert [traffic_per_param(zero, 4, microbatches=8) for zero in range(4)] == [2, 2, 9, 24]
    assert traffic_per_param(3, 1) == 0


def test_errors_state_the_rule():
    with pytest.raises(ValueError, match=r"stages 0 .* to 3, not 4"):
        training_state_bytes(1, PAPER, zero=4)
    with pytest.raises(ValueError, match="at least one rank, not 0"):
        training_state_bytes(1, PAPER, n=0)
