"""Operations as the profiler counts them; and products, counted on a model without numbers."""

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from adapters import measuring
from lib.grading.answers import judge, words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from systems.model import SIZES, loss_of, on_paper

X = torch.randn(48, 48, generator=torch.Generator().manual_seed(0))


def calls(rows: list[Any], name: str) -> int:
    return sum(row.calls for row in rows if row.name == name)


@problem("profile")
def test_operations_are_counted():
    for n in (1, 3):

        def run(n: int = n) -> None:
            x = X
            for _ in range(n):
                x = torch.mm(x, X)
            x.softmax(dim=-1)

        rows = measuring.operations(run)
        same(calls(rows, "aten::mm"), n, given=f"{n} products and a softmax: calls of aten::mm")
        given = f"{n} products and a softmax: calls of aten::_softmax"
        same(calls(rows, "aten::_softmax"), 1, given=given)


@problem("profile")
def test_run_is_called_once():
    ran = []
    measuring.operations(lambda: ran.append(X @ X))
    same(len(ran), 1, given="operations(run): how often run() was called")


@problem("profile")
def test_each_name_has_one_row_and_the_dearest_comes_first():
    rows = measuring.operations(lambda: [X @ X, X.softmax(-1), (X @ X).exp()])
    names = [row.name for row in rows]
    holds(len(set(names)) == len(names), "Each operation has one row.", yours=names)
    seconds = [row.seconds for row in rows]
    same(seconds, sorted(seconds, reverse=True), given="seconds of the rows, in order")


@problem("profile")
def test_time_is_an_operations_own():
    """A layer calls aten::linear, that aten::addmm. With the time of those it calls, aten::linear
    would take at least as long as aten::addmm, which does all the work."""
    big, w, b = torch.ones(256, 1024), torch.ones(1024, 1024), torch.ones(1024)
    torch.nn.functional.linear(big, w, b)
    rows = measuring.operations(lambda: torch.nn.functional.linear(big, w, b))
    own = {row.name: row.seconds for row in rows}
    rule = "aten::linear only calls aten::addmm: its own time is a small part of the other's."
    holds(own["aten::linear"] < 0.5 * own["aten::addmm"], rule, yours=own)


class Products(TorchDispatchMode):
    """Counts the products of matrices that run inside."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        self.calls[name] += name in ("mm", "bmm")
        return func(*args, **(kwargs or {}))


def products(size: str, backward: bool) -> int:
    model = on_paper(SIZES[size])
    ids = torch.zeros(4, 128, dtype=torch.int64, device="meta")
    with Products() as counter, torch.set_grad_enabled(backward):
        loss = loss_of(model, ids, ids)
        if backward:
            loss.backward()
    return counter.calls.total()


@problem("profile")
def test_number_of_products():
    forward, both = products("small", backward=False), products("small", backward=True)
    mistakes = {
        "The output projection is a product too.": forward - 1,
        "Attention has two products of its own, scores and averages.": forward - 24,
        "The feed-forward layer has three matrices.": forward - 12,
        "This is of one layer.": (forward - 1) / 12,
    }
    judge("profile.products_forward", forward, 0, mistakes)
    reason = "Backward, each product makes two: one for each of its factors."
    judge("profile.products_both", both, 0, {reason: 2 * forward, "With forward.": 2 * both / 3})


@problem("profile")
def test_flops_of_products_and_softmax():
    """Per score: two products of H multiplications and additions; five operations of softmax."""
    H = SIZES["small"].width // SIZES["small"].n_heads
    mistakes = {
        "There are two products: queries with keys, weights with values.": 2 * H / 5,
        "A multiplication and its addition are two operations.": 2 * H / 5,
        "Vectors of a head have H numbers, not D.": 4 * SIZES["small"].width / 5,
        "It is the operations of the products, divided by those of the softmax.": 5 / (4 * H),
    }
    judge("profile.flops_ratio", 4 * H / 5, 0.01, mistakes)


@problem("profile")
def test_your_own_measurements_are_there():
    words("profile.dearest")
    words("profile.comparison", at_least=20)
