"""Operations against counts by hand and against torch's counter, which lacks CPU attention."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from lib.grading.flop_meter import BudgetSpent, FlopMeter


def spent(work) -> int:
    with FlopMeter() as meter:
        work()
    return meter.spent


def test_products_count_two_per_multiplication_and_the_rest_one_per_result():
    a, b, x = torch.ones(3, 5), torch.ones(5, 7), torch.ones(5)
    assert spent(lambda: a @ b) == 2 * 3 * 5 * 7
    assert spent(lambda: a @ x) == spent(lambda: torch.einsum("ij,j->i", a, x)) == 2 * 3 * 5
    assert spent(lambda: x @ x) == 2 * 5
    assert spent(lambda: a + 1) == spent(lambda: a.add_(1)) == 15
    assert spent(lambda: a.t().reshape(15)[None].t()) == 15  # reshape copies, views are free
    assert spent(lambda: a[:, :, None] * b) == 3 * 5 * 7  # a product in disguise is not free


def test_a_layer_costs_the_same_whether_gradients_are_wanted_or_not():
    layer, x = nn.Linear(5, 7), torch.ones(3, 5)
    with torch.inference_mode():
        without = spent(lambda: layer(x))
    assert spent(lambda: layer(x)) == without == 2 * 3 * 5 * 7


def test_training_a_network_agrees_with_torchs_counter():
    """Its counter leaves out what is no product: here a few numbers per weight and activation."""
    network = nn.Sequential(nn.Linear(61, 67), nn.ReLU(), nn.Linear(67, 71))
    x = torch.randn(73, 61)
    with FlopCounterMode(display=False) as theirs, FlopMeter() as ours:
        network(x).square().mean().backward()
    products = 2 * 73 * (2 * 61 * 67 + 3 * 67 * 71)  # nobody asks for the gradient of x
    assert theirs.get_total_flops() == products
    assert products < ours.spent < 1.03 * products


def test_attention_on_the_cpu_is_counted():
    B, N, T, H = 2, 3, 11, 4
    q = torch.randn(B, N, T, H, requires_grad=True)
    with FlopMeter() as forward:
        y = scaled_dot_product_attention(q, q, q, is_causal=True)
    assert forward.spent == 2 * (2 * B * N * T * T * H)
    with FlopMeter() as backward:
        y.backward(torch.ones_like(y))
    products = 5 * (2 * B * N * T * T * H)  # the scores again, and four gradients
    assert products <= backward.spent < 1.1 * products


@pytest.mark.parametrize("fused", [True, False])
def test_optimizers_that_change_lists_of_tensors_are_counted(fused):
    weight = nn.Parameter(torch.ones(7, 11))
    weight.grad = torch.ones(7, 11)
    optimizer = torch.optim.AdamW([weight], fused=fused, foreach=not fused)
    optimizer.step()
    assert spent(optimizer.step) >= 7 * 11


def test_compiled_code_is_counted_too():
    def work(a):
        return (a @ a).sin() + 1

    compiled = torch.compile(work, backend="eager")
    compiled(torch.ones(7, 7))
    assert spent(lambda: compiled(torch.ones(7, 7))) == 7 * 7 + 2 * 7**3 + 2 * 7 * 7


@pytest.mark.parametrize("work", [torch.linalg.inv, torch.linalg.qr, torch.fft.fft])
def test_what_has_no_rule_is_refused(work):
    with pytest.raises(NotImplementedError, match="no rule for what"):
        spent(lambda: work(torch.eye(3)))
    x = torch.ones(3)
    assert spent(lambda: torch.linalg.vector_norm(x)) == 1  # to clip gradients


def test_above_the_limit_it_stops_and_goes_on_counting():
    with FlopMeter(limit=100) as meter:
        torch.ones(10) + 1
        assert (meter.spent, meter.left) == (20, 80)
        with pytest.raises(BudgetSpent, match="has done 120 operations, and its budget is 100"):
            torch.ones(100)
        with pytest.raises(BudgetSpent):
            torch.ones(1)
    assert meter.spent == 121
