import pytest
import torch

from lib.model.config import ModelConfig
from lib.training import precision
from lib.training.precision import (
    Precision,
    autocast,
    choose_precision,
    faster,
    matmul_speeds,
)


def test_the_choice_needs_a_clear_gain():
    assert faster({"float32": 100.0, "bfloat16": 430.0}, 1.2) == "bfloat16"
    assert faster({"float32": 100.0, "bfloat16": 119.0}, 1.2) == "float32"
    assert faster({"float32": 100.0, "bfloat16": 37.0}, 1.2) == "float32"
    assert faster({"float32": 100.0}, 0.5) == "float32"


def test_gain():
    assert Precision("bfloat16", {"float32": 2.0, "bfloat16": 5.0}).gain == 2.5
    assert Precision("float32", {"float32": 2.0, "bfloat16": 5.0}).gain == 1


@pytest.mark.parametrize(("slow", "expected"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_the_slower_one_is_not_chosen(monkeypatch, slow, expected):
    def product(a, b):
        return 1e-3 if str(a.dtype) == f"torch.{slow}" else 1e-4

    monkeypatch.setattr(precision, "_timed_product", product)
    chosen = choose_precision(size=10, seconds=0.0)
    assert chosen.dtype == expected
    assert sorted(chosen.speeds.values()) == pytest.approx([2e6, 2e7])  # 2 * 10^3 FLOPs


def test_the_fastest_product_counts(monkeypatch):
    durations = iter([9.0, 9.0, 4.0, 4.0, 2.0, 8.0, 3.0, 1.0, *[5.0] * 1000])
    now = iter(range(1000))
    monkeypatch.setattr(precision, "_timed_product", lambda a, b: next(durations))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(now))
    speeds = matmul_speeds("cpu", ["float32", "bfloat16"], size=1, seconds=4.0)
    assert speeds == {"float32": 2 / 2, "bfloat16": 2 / 1}


def test_here():
    chosen = choose_precision(size=64, seconds=0.01)
    assert set(chosen.speeds) == {"float32", "bfloat16"}
    assert all(speed > 1e6 for speed in chosen.speeds.values())
    ModelConfig(37, 11, 2, 24, 4, compute_dtype=chosen.dtype)  # a name that it knows


def test_autocast():
    x = torch.randn(3, 4)
    with autocast("bfloat16"):
        assert (x @ x.T).dtype == torch.bfloat16
    with autocast("float32"):
        assert (x @ x.T).dtype == torch.float32
    with pytest.raises(ValueError, match=r"dtype is 'float16'\. Choose from 'float32', 'bfloat16'"):
        autocast("float16")
