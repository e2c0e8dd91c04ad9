"""What a value looks like: readable, short, the same in every run, and never by foreign code."""

import enum
import functools
from collections import Counter, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.notebook.values import WIDTH, describe, short


@dataclass
class Rule:
    rank: int
    parts: list[bytes] = field(default_factory=list)


class Colour(enum.Enum):
    RED = 1


class Slotted:
    __slots__ = ("here", "unset")

    def __init__(self):
        self.here = 1


class Hostile:
    """Every way of looking at it fails, or takes for ever."""

    def __repr__(self):
        raise RuntimeError("looked at")

    __str__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = __repr__

    def __getattr__(self, name):
        raise RuntimeError("asked for " + name)


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (3, "int", "3"),
        (True, "bool", "True"),
        (None, "NoneType", "None"),
        (0.1, "float", "0.1"),
        ("a\n'b", "str, 4 characters", repr("a\n'b")),
        (b"\xf0\x9f", "bytes, 2 bytes", r"b'\xf0\x9f'"),
        ([], "list, 0 items", "[]"),
        ([1, [2]], "list, 2 items", "[1, [2]]"),
        ((1,), "tuple, 1 item", "(1,)"),
        ({"a": 1}, "dict, 1 entry", "{'a': 1}"),
        ({(97, 98): 2}, "dict, 1 entry", "{(97, 98): 2}"),
        (Counter("abb"), "Counter, 2 entries", "{'b': 2, 'a': 1}"),
        (defaultdict(list, a=[1]), "defaultdict, 1 entry", "{'a': [1]}"),
        ({3, 1, 2}, "set, 3 items", "{1, 2, 3}"),
        (set(), "set, 0 items", "set()"),
        (deque([1]), "deque, 1 item", "deque([1])"),
        (range(3), "range", "range(0, 3)"),
        (Fraction(1, 3), "Fraction", "Fraction(1, 3)"),
        (Colour.RED, "Colour", "Colour.RED"),
        (Point(1, 2), "Point, 2 items", "Point(x=1, y=2)"),
        (Rule(1, [b"t", b"h"]), "Rule", "Rule(rank=1, parts=[b't', b'h'])"),
        (Slotted(), "Slotted", "Slotted(here=1)"),
        (object(), "object", "a object"),
        (ValueError("no", 1), "ValueError", "ValueError('no', 1)"),
        (len, "builtin_function_or_method", "len"),
        (Rule, "type", "class Rule"),
        (functools.reduce, "builtin_function_or_method", "reduce"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_kind_and_text(value, kind, text):
    shown = describe(value)
    assert (shown.kind, shown.text, shown.grid) == (kind, text, None)


def test_long_values_are_cut_and_counted():
    assert describe(list(range(1000))).text == (
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, … 980 more]"
    )
    assert describe("x" * 1000).text == repr("x" * WIDTH) + "…"
    assert describe(10**5000).text == "an integer of about 5,001 digits"


def test_sets_of_strings_are_sorted_because_their_order_changes_from_run_to_run():
    assert describe({"pear", "fig", "apple"}).text == "{'fig', 'pear', 'apple'}"


def test_a_value_that_contains_itself():
    loop = [1]
    loop.append(loop)
    assert describe(loop).text.startswith("[1, [1, [1, ")


def test_foreign_code_is_not_called():
    assert describe(Hostile()).text == "a Hostile"
    assert describe([Hostile()]).text == "[a Hostile]"
    assert short({"key": Hostile()}) == "{'key': a Hostile}"


def test_a_tensor_has_shape_dtype_device_and_numbers():
    shown = describe(torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True))
    assert shown.kind == "Tensor · shape (1, 3) · float32 · cpu · requires grad"
    assert shown.text == "1, -2, 0.5"
    assert shown.grid == ((1.0, -2.0, 0.5),)


def test_a_large_array_shows_its_first_numbers_and_its_range():
    shown = describe(np.arange(300.0).reshape(20, 15))
    assert shown.kind == "ndarray · shape (20, 15) · float64"
    assert shown.text == "0, 1, 2, 3, 4, 5, … (from 0 to 299)"
    assert shown.grid is None
    assert describe(torch.zeros(3000, 3000)).text == "0, 0, 0, 0, 0, 0, …"


@pytest.mark.parametrize(
    ("value", "text", "grid"),
    [
        (torch.tensor(3), "3", None),
        (np.float32(0.5), "0.5", None),
        (torch.zeros(0), "empty", None),
        (torch.tensor([True, False]), "True, False", ((True, False),)),
        (torch.ones(2, dtype=torch.bfloat16), "1, 1", ((1.0, 1.0),)),
        (torch.ones(2, device="meta"), "", None),
        (np.array(["a"]), "a", None),
        (np.array([1 + 2j]), "(1+2j)", None),
    ],
    ids=str,
)
def test_arrays_of_every_kind(value, text, grid):
    shown = describe(value)
    assert (shown.text, shown.grid) == (text, grid)


def test_a_model_is_its_number_of_parameters():
    assert describe(torch.nn.Linear(3, 5)).text == "20 parameters"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.frozensets(st.text())
    ),
    max_leaves=60,
)


@settings(max_examples=50, deadline=None)
@given(anything)
def test_every_text_is_short(value):
    assert len(describe(value).text) <= 4 * WIDTH
