"""peek: the facts of every kind of value, in one short line."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lib.notebook.peek import SHORT, array_range, facts, number_text, peek, peeked, short


def row(value):
    return dict(zip(("type", "shape", "dtype", "device", "value"), facts(value)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.arange(4), "[0, 1, 2, 3]"),
        (torch.arange(1000).reshape(10, 100), "0 to 999"),
        (torch.linspace(-1, 2, 30, dtype=torch.bfloat16), "-1 to 2"),
        (torch.full((9,), 2.5).to(torch.float8_e4m3fn), "2.5 to 2.5"),
        (torch.ones(3, 5, requires_grad=True) * 2, "2 to 2"),
        (torch.arange(12) % 3 == 0, "4 of 12 true"),
        (torch.tensor([3 + 4j] * 9), "magnitude 5 to 5"),
        (
            torch.tensor([1.0] * 9 + [float("nan"), float("inf"), float("-inf")]),
            "1 to 1, 1 nan, 2 inf",
        ),
        (torch.tensor([float("nan")] * 9), "9 nan"),
        (torch.empty(0, 3), "empty"),
        (torch.empty(3, device="meta"), "no values: a meta tensor has only a shape"),
        (torch.eye(5).to_sparse(), "sparse, 5\u00a0values stored"),
        (torch.tensor(0.5), "0.5"),
    ],
)
def test_tensors_show_their_range(value, text):
    assert row(value)["value"] == text


def test_a_tensor_shows_shape_dtype_device():
    found = row(torch.zeros(3, 5, dtype=torch.float16))
    assert (found["type"], found["shape"], found["dtype"]) == ("Tensor", "(3, 5)", "float16")
    assert found["device"] == "cpu"


def test_arrays_of_other_things_are_shortened():
    assert array_range(np.array(["a", "b"] * 9)).startswith("['a', 'b'")
    assert row(np.zeros((2, 3), dtype=np.int8))["dtype"] == "int8"


@pytest.mark.parametrize(
    ("value", "shape", "text"),
    [
        ("hat", "3\u00a0characters", "'hat'"),
        (b"\x00a", "2\u00a0bytes", "b'\\x00a'"),
        ({"a": 1}, "1\u00a0entry", "{'a': 1}"),
        ([7], "1\u00a0item", "[7]"),
        (None, "", "None"),
        (object(), "", "<object object>"),  # without its address
    ],
)
def test_other_values(value, shape, text):
    assert (row(value)["shape"], row(value)["value"]) == (shape, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (True, "True"),
        (0.1 + 0.2, "0.3"),
        (1e-9, "1e-09"),
        (float("nan"), "nan"),
        (np.float32(2.5), "2.5"),
        (10**40, "about 1e+40"),
        (1 + 2j, "1+2j"),
    ],
)
def test_numbers_are_written_short(value, text):
    assert number_text(value) == text


def test_long_values_keep_both_ends():
    text = short("a" * 500 + "z")
    assert len(text) == SHORT
    assert text.startswith("'aaa") and text.endswith("az'") and "…" in text
    assert len(short(list(range(10**6)))) <= SHORT


def test_only_used_columns_appear_and_markup_is_escaped():
    grid = peeked({"loss": 3.5, "name": "<script>"})
    assert grid.columns == ["name", "type", "shape", "value"]
    assert "<script>" not in grid.html()
    assert peeked({"loss": 3.5}).columns == ["name", "type", "value"]


def test_a_module_is_shown_in_one_line():
    assert "\n" not in row(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))["value"]


def test_peek_without_values_says_how():
    with pytest.raises(ValueError, match=r"peek\(loss=loss"):
        peek()


def test_torch_is_not_imported():
    code = (
        "import sys; from lib.notebook.peek import facts; facts([1]); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
