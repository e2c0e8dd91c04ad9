"""Tiers: what is found, what overrides it, and which value a tier gets."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from lib.notebook import tiers
from lib.notebook.tiers import by_tier, for_tier, found_tier, tier


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv("LECTURES_TIER", raising=False)
    found_tier.cache_clear()
    yield
    found_tier.cache_clear()


def pretend_gpus(monkeypatch, n_gpus):
    monkeypatch.setattr(tiers, "has_gpu", lambda: True)
    cuda = SimpleNamespace(is_available=lambda: n_gpus > 0, device_count=lambda: n_gpus)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))


@pytest.mark.parametrize(("n_gpus", "expected"), [(0, "cpu"), (1, "gpu"), (2, "gpus"), (8, "gpus")])
def test_the_number_of_gpus_decides(monkeypatch, n_gpus, expected):
    pretend_gpus(monkeypatch, n_gpus)
    assert tier() == expected


def test_a_driver_without_torch_is_the_cpu_tier(monkeypatch):
    monkeypatch.setattr(tiers, "has_gpu", lambda: True)
    monkeypatch.setitem(sys.modules, "torch", None)  # import torch -> ImportError
    assert tier() == "cpu"


def test_torch_is_not_imported_where_there_is_no_driver():
    code = (
        "import sys; from lib.notebook import tiers; tiers.has_gpu = lambda: False; "
        "print(tiers.tier(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "False"]


@pytest.mark.parametrize(("written", "expected"), [("gpus", "gpus"), (" GPU ", "gpu")])
def test_the_environment_overrides(monkeypatch, written, expected):
    monkeypatch.setenv("LECTURES_TIER", written)
    assert tier() == expected


def test_an_unknown_tier_is_refused_with_the_choices(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "tpu")
    with pytest.raises(ValueError, match=r"'tpu'.*cpu, gpu, gpus.*remove the variable"):
        tier()


@pytest.mark.parametrize(
    ("here", "values", "expected"),
    [
        ("cpu", {"cpu": 2, "gpu": 3, "gpus": 5}, 2),
        ("gpu", {"cpu": 2, "gpu": 3, "gpus": 5}, 3),
        ("gpus", {"cpu": 2, "gpu": 3, "gpus": 5}, 5),
        ("gpus", {"cpu": 2, "gpu": 3}, 3),
        ("gpus", {"cpu": 2}, 2),
        ("gpu", {"cpu": 2, "gpus": 5}, 2),
        ("gpu", {"cpu": 2, "gpu": None}, None),  # None is a value like any other
    ],
)
def test_a_missing_tier_takes_the_next_smaller_value(monkeypatch, here, values, expected):
    monkeypatch.setenv("LECTURES_TIER", here)
    assert by_tier(**values) == expected


def test_misspelt_and_missing_tiers_are_errors(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "cpu")
    with pytest.raises(ValueError, match="No tier is called gpuu"):
        by_tier(cpu=1, gpuu=2)
    with pytest.raises(ValueError, match="Give one for cpu"):
        for_tier({"gpu": 2})
