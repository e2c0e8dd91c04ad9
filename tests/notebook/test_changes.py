"""Has a value changed? In place or anew, deep inside, and without keeping it alive."""

import gc
import weakref
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from lib.notebook.changes import mark


@dataclass
class Node:
    value: int
    inner: list


CASES = {
    "list": ([1, 2], lambda v: v.append(3)),
    "list, same length": ([1, 2], lambda v: v.__setitem__(0, 9)),
    "long list, at its end": ([0] * 5000, lambda v: v.__setitem__(-1, 9)),
    "deep inside": ({"a": [[1]]}, lambda v: v["a"][0].append(2)),
    "dict": ({"a": 1}, lambda v: v.update(a=2)),
    "Counter": (Counter("ab"), lambda v: v.update("a")),
    "order of a dict": ({"a": 1, "b": 1}, lambda v: v.__setitem__("a", v.pop("a"))),
    "set": ({1}, lambda v: v.add(2)),
    "deque": (deque([1, 2]), lambda v: v.rotate()),
    "bytearray": (bytearray(b"ab"), lambda v: v.reverse()),
    "object": (Node(1, []), lambda v: setattr(v, "value", 2)),
    "list in an object": (Node(1, []), lambda v: v.inner.append(1)),
    "tensor": (torch.zeros(3), lambda v: v.add_(1)),
    "tensor by the same numbers": (torch.zeros(3), lambda v: v.zero_()),
    "large tensor": (torch.zeros(2000, 2000), lambda v: v[-1, -1].fill_(1)),
    "tensor in a list": ([torch.zeros(3)], lambda v: v[0].mul_(2)),
    "array": (np.zeros(3), lambda v: v.__setitem__(1, 5)),
    "model": (torch.nn.Linear(2, 2), lambda v: v.weight.detach().add_(1)),
}


@pytest.mark.parametrize(("value", "change"), CASES.values(), ids=CASES)
def test_a_change_in_place_is_seen(value, change):
    before = mark(value)
    assert mark(value) == before
    change(value)
    assert mark(value) != before


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), ("1", 1), ([], ()), (0.0, -0.0), (b"a", "a"), (None, 0)],
    ids=str,
)
def test_equal_but_not_the_same(one, other):
    assert mark(one) != mark(other)


@pytest.mark.parametrize("make", [lambda: [1, {"a": (2.5, "b")}], lambda: float("nan"), lambda: 3])
def test_bound_anew_to_the_same_is_no_change(make):
    assert mark(make()) == mark(make())


def test_nothing_is_kept_alive():
    value = Node(1, [])
    alive = weakref.ref(value)
    kept = mark([value])
    del value
    gc.collect()
    assert alive() is None and kept is not None


def test_a_value_that_cannot_be_read_can_still_be_told_from_another():
    class Broken(list):
        def __len__(self):
            raise RuntimeError

    one, other = Broken([1]), Broken([1])
    assert mark(one) == mark(one) != mark(other)
