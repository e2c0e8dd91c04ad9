"""Numbers as one would say them; every expected text was written by hand."""

import math

import pytest

from lib.notebook.units import duration, memory, quantity, rounded


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 µs"),
        (35e-6, "35 µs"),
        (0.0219, "21.9 ms"),
        (0.34, "340 ms"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (2.14, "2.1 s"),
        (95, "95 s"),
        (210, "3.5 min"),
        (3 * 3600, "3 h"),
        (72 * 3600, "3 days"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(512, "512 B"), (96e6, "96 MB"), (1.25e9, "1.2 GB"), (-3e6, "-3 MB")]
)
def test_memory(n_bytes, text):
    assert memory(n_bytes) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.1e9, "FLOP", "2.1 GFLOP"),
        (95.4e9, "FLOP/s", "95.4 GFLOP/s"),
        (999.9e9, "FLOP/s", "1 TFLOP/s"),
        (3e6, "operations", "3 million operations"),
        (21.4e6, "operations/s", "21.4 million operations/s"),
        (12, "operations", "12 operations"),
    ],
)
def test_quantity(value, unit, text):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.034, "0.034"), (1.0, "1"), (1.44, "1.4"), (14.44, "14.4"), (1234, "1,234"), (9.97, "10")],
)
def test_rounded(value, text):
    assert rounded(value) == text


def test_numbers_that_are_none_do_not_crash():
    assert rounded(math.nan) == "nan"
    assert duration(math.inf) == "inf days"
