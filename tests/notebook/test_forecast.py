"""Forecasts: the arithmetic, the lines around the body, and what happens when the body fails."""

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lib.notebook import forecast as module
from lib.notebook.forecast import forecast
from lib.notebook.peak_memory import PeakMemory

SPEEDS = {"flops": 100e9, "copy": 5e9, "python": 50e6, "regex": 4e6}


@pytest.fixture(autouse=True)
def known_machine(monkeypatch):
    monkeypatch.setattr(module, "speed", SPEEDS.__getitem__)


@pytest.mark.parametrize(
    ("amount", "seconds", "because"),
    [
        ({"flops": 2e9}, 0.02, "2 GFLOP at 100 GFLOP/s, measured on this machine"),
        ({"bytes": 1e9}, 0.2, "1 GB at 5 GB/s, measured on this machine"),
        ({"operations": 10**8}, 2, "100 million operations at 50 million operations/s, measured"),
        ({"bytes": 10**6, "at": "regex"}, 0.25, "1 MB at 4 MB/s, measured on this machine"),
        (
            {"bytes": 1e6, "at": 2e6, "because": "a slow disk"},
            0.5,
            "1 MB at 2 MB/s, given; a slow disk",
        ),
        ({"seconds": 3, "because": "150 times faster"}, 3, "150 times faster"),
        ({"memory": 5e6}, 5e6, ""),
    ],
)
def test_predictions_computed_by_hand(amount, seconds, because):
    f = forecast("work", **amount)
    assert f.predicted == pytest.approx(seconds)
    assert f.because.startswith(because)
    assert f.measured is None and f.ratio is None


def test_the_lines_around_the_body(capsys):
    with forecast("napping", operations=1e6) as f:
        assert capsys.readouterr().out == (
            "Forecast · napping: 20 ms (1 million operations at 50 million operations/s, "
            "measured on this machine)\n"
        )
        time.sleep(0.04)
    assert 0.04 <= f.measured < 2
    assert f.ratio == f.measured / 0.02
    said = capsys.readouterr().out
    assert said.startswith("Measured · napping: ") and ", ratio " in said


def test_an_exception_passes_and_is_timed(capsys):
    with pytest.raises(ZeroDivisionError), forecast("dividing", seconds=1) as f:
        1 / 0  # noqa: B018
    assert "Stopped · dividing: ZeroDivisionError after " in capsys.readouterr().out
    assert f.measured is None


def test_names_are_escaped_in_html():
    shown = []
    module_display, module.display = module.display, shown.append
    try:
        with forecast("a < b & c", seconds=1):
            pass
    finally:
        module.display = module_display
    assert "a &lt; b &amp; c" in shown[0]._repr_html_()


def test_memory_is_the_peak_and_not_what_remains():
    with forecast("an array", memory=80e6) as f:
        array = np.ones(80_000_000, np.uint8)
        time.sleep(0.02)  # long enough to be seen
        del array
    assert f.ratio == pytest.approx(1, abs=0.2)


def test_memory_that_stays_is_seen_even_when_the_body_is_shorter_than_a_look(monkeypatch):
    monkeypatch.setattr("lib.notebook.peak_memory.INTERVAL", 10)
    with PeakMemory() as peak:
        array = np.ones(60_000_000, np.uint8)
    assert peak.growth == pytest.approx(array.nbytes, rel=0.2)


def test_the_watcher_ends_with_the_body():
    with pytest.raises(KeyError), forecast("failing", memory=1e6) as f:
        raise KeyError("x")
    assert not f.peak.watcher.is_alive()


def test_time_includes_what_the_gpu_still_has_to_do(monkeypatch):
    queued = []
    cuda = SimpleNamespace(is_initialized=lambda: True, synchronize=lambda: time.sleep(sum(queued)))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    with forecast("a kernel", seconds=0.05) as f:
        queued.append(0.05)
    assert f.measured >= 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of"),
        ({"flops": 1e9, "bytes": 1e9}, "exactly one of"),
        ({"flops": 0}, "more than 0"),
        ({"seconds": float("nan")}, "more than 0"),
        ({"flops": 1e9, "at": "copy"}, "counts bytes, but the forecast is for FLOP"),
        ({"flops": 1e9, "at": "flop"}, "No speed is called 'flop'"),
    ],
)
def test_misuse_is_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        forecast("work", **arguments)
