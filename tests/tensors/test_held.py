"""What torch holds: small graphs whose saved tensors can be counted by hand."""

import weakref
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lib.tensors.held import bytes_held, saved_bytes, saved_tensors
from lib.tensors.memory import training_state


def layers(*widths):
    return [nn.Linear(n, m) for n, m in pairwise(widths)]


def test_a_product_keeps_its_input_and_a_sum_nothing():
    x, layer = torch.randn(3, 5), nn.Linear(5, 7)
    assert saved_bytes(lambda: layer(x)) == 3 * 5 * 4
    assert saved_bytes(lambda: layer(x) + layer(x)) == 3 * 5 * 4  # the same input, once
    assert saved_bytes(lambda: layer(x) + 1) == 3 * 5 * 4
    assert saved_bytes(lambda: layer(x).exp()) == (3 * 5 + 3 * 7) * 4


def test_a_view_keeps_all_it_is_a_view_of():
    x, layer = torch.randn(100, 5), nn.Linear(5, 7)
    assert saved_bytes(lambda: layer(x[:3])) == 100 * 5 * 4
    assert saved_bytes(lambda: layer(torch.ones(1, 1).expand(3, 5))) == 4


def test_parameters_do_not_count_however_they_are_used():
    x, weight = torch.randn(3, 5), nn.Parameter(torch.randn(7, 5))
    assert saved_bytes(lambda: x @ weight.t()) == 3 * 5 * 4
    assert saved_bytes(lambda: weight[:2].exp().sum()) == 2 * 5 * 4  # only the result


def test_saved_tensors_in_order():
    first, second = layers(5, 7, 2)
    saved = saved_tensors(lambda: second(first(torch.randn(3, 5)).relu()))
    assert [tuple(tensor.shape) for tensor in saved] == [(3, 5), (3, 7)]


def test_checkpointing_keeps_only_inputs():
    first, second = layers(5, 7, 2)
    x = torch.randn(3, 5)
    whole = lambda x: second(first(x).exp())  # noqa: E731
    assert saved_bytes(lambda: whole(x)) == (3 * 5 + 3 * 7) * 4
    assert saved_bytes(lambda: checkpoint(whole, x, use_reentrant=False)) == 3 * 5 * 4


def test_gradients_are_right():
    weight = nn.Parameter(torch.randn(3, 5, dtype=torch.float64))
    loss = []
    saved_bytes(lambda: loss.append(weight.exp().sin().sum()) or loss[0])
    loss.pop().backward()
    torch.testing.assert_close(weight.grad, weight.exp().cos() * weight.exp())


def test_nothing_stays_behind():
    weight, results = nn.Parameter(torch.randn(3, 5)), []

    def fn():
        result = weight.exp()  # saved, and holds the node that saves it
        results.append(weakref.ref(result))
        return result.sin()

    saved_bytes(fn)
    assert results[0]() is None


@pytest.mark.parametrize(
    ("optimizer", "recipe"),
    [
        (lambda params: torch.optim.SGD(params), "fp32 sgd"),
        (lambda params: torch.optim.SGD(params, momentum=0.9), "fp32 momentum"),
        (lambda params: torch.optim.AdamW(params), "fp32 adam"),
    ],
)
def test_a_training_state_is_what_its_recipe_says(optimizer, recipe):
    model = nn.Sequential(*layers(5, 7, 2))
    optimizer = optimizer(model.parameters())
    model(torch.randn(3, 5)).sum().backward()
    optimizer.step()
    expected = training_state(5 * 7 + 7 + 7 * 2 + 2, recipe)
    assert expected.pop("master copy") == 0
    if recipe == "fp32 adam":
        expected["optimizer"] += 4 * 4  # a counter of steps for each tensor
    assert bytes_held(model, optimizer) == expected
