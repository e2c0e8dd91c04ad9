"""Graphs that torch.compile makes: how many there are, of how many operations, and when."""

from collections.abc import Callable

import torch
from torch import Tensor

from adapters import attention as adapter
from lib.grading.feedback import same
from lib.grading.problems import problem

X, Y = torch.linspace(-1, 2, 6), torch.linspace(-1, 1, 4)


def straight(x: Tensor) -> Tensor:
    return (2 * x).exp()


def longer(x: Tensor) -> Tensor:
    return torch.tanh((2 * x).exp()) + 1


def decides(x: Tensor) -> Tensor:
    y = 2 * x
    if y.sum() > 0:
        return y.exp()
    return y.tanh() + 1


def check(function: Callable, calls: list[Tensor], expected: list[int], given: str) -> None:
    counts, results = adapter.graphs(function, *((x,) for x in calls))
    same(list(counts), expected, given=f"{given}: operations of each graph")
    for x, mine in zip(calls, results, strict=True):
        same(mine, function(x), given=f"{given}: a result", within=1e-6)


@problem("torch_compile")
def test_a_straight_function_is_one_graph():
    check(straight, [X], [2], "(2 * x).exp()")
    check(longer, [X], [4], "tanh((2 * x).exp()) + 1")
    check(straight, [X, X, X], [2], "(2 * x).exp(), called three times")


@problem("torch_compile")
def test_other_shapes_make_other_graphs():
    check(straight, [X, Y, X], [2, 2], "(2 * x).exp() for 6, 4 and again 6 numbers")


@problem("torch_compile")
def test_a_decision_about_numbers_cuts_the_graph():
    """2 * x, sum, > 0; then exp alone; for other numbers, tanh and + 1."""
    given = "2 * x, then exp if the sum is positive, else tanh and + 1"
    check(decides, [X], [3, 1], given)
    check(decides, [X, -X], [3, 1, 2], f"{given}; called for both")


@problem("torch_compile")
def test_what_was_compiled_before_is_forgotten():
    """Else, after some eight graphs of one function, no more are made."""
    for n in range(1, 13):
        check(straight, [X], [2], f"(2 * x).exp(), compiled for the time number {n}")
