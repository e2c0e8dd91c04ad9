"""The machine's speed: plausible, kept, and measured again when what was kept is damaged."""

import json
import time

import pytest
import torch

from lib.notebook import machine
from lib.notebook.machine import register, remeasure, speed, unit
from lib.notebook.probes import PROBES, Probe, measure

IS_BUSY = machine.is_busy  # the fixture puts a calm one in its place


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "PROBES", dict(PROBES))
    monkeypatch.setattr(machine, "_while_busy", {})
    monkeypatch.setattr(machine, "is_busy", lambda: False)


@pytest.fixture
def counted():
    """A kind of work that takes no time, and how often it was measured."""
    calls = []

    def prepare():
        calls.append("measured")
        return 10, lambda: time.sleep(0.001)

    register("naps", "naps", prepare)
    return calls


def measured_with(monkeypatch, durations):
    """The speed found for runs of 12 units that take these seconds, on a clock of our own."""
    clock, waits = [0.0], iter(durations)

    def run():
        clock[0] += next(waits)

    monkeypatch.setattr("lib.tensors.timing.perf_counter", lambda: clock[0])
    return measure(Probe("units", lambda: (12, run), (0.0, 1e9))), len(list(waits))


def test_neither_the_first_run_nor_a_disturbance_counts(monkeypatch):
    speed_found, _left = measured_with(monkeypatch, [9, 0.02, 0.5, 0.02])  # 12 / 0.02
    assert speed_found == pytest.approx(600)


@pytest.mark.parametrize(("duration", "n_runs"), [(5, 3), (0.03125, 4), (0.01, 12), (0, 100)])
def test_slow_runs_are_few_and_fast_ones_are_not_endless(monkeypatch, duration, n_runs):
    _speed, left = measured_with(monkeypatch, [duration] * 200)
    assert 199 - left == pytest.approx(n_runs, abs=1)  # one of the 200 is the warm-up


def test_products_are_tried_with_all_threads_and_with_one(monkeypatch):
    used = []
    monkeypatch.setattr(
        "lib.tensors.peaks.matrix_product",
        lambda dtype: (8, lambda: used.append(torch.get_num_threads())),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        work, run = PROBES["flops"].prepare()
        run(), run(), run()
        assert (work, used, torch.get_num_threads()) == (8, [2, 1, 2], 2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("kind", list(PROBES))
def test_every_probe_is_quick_and_plausible(kind):
    low, high = PROBES[kind].plausible
    measure(PROBES[kind])  # the first time pays for imports
    start = time.perf_counter()
    assert low < speed(kind) < high
    assert time.perf_counter() - start < 3  # 0.3 s on an idle machine


def test_a_speed_is_measured_once(counted):
    first = speed("naps")
    assert 100 < first <= 10_000  # ten naps in a millisecond or a little more
    assert speed("naps") == first
    assert counted == ["measured"]


def test_what_a_busy_machine_gave_is_forgotten_with_the_process(counted, monkeypatch):
    monkeypatch.setattr(machine, "is_busy", lambda: True)
    assert machine.speed("naps") == machine.speed("naps")
    assert not machine.speeds_file().exists()
    monkeypatch.setattr(machine, "_while_busy", {})  # the next process
    monkeypatch.setattr(machine, "is_busy", lambda: False)
    machine.speed("naps")
    assert list(machine.kept_speeds()) == ["naps"]


@pytest.mark.parametrize(("load", "busy"), [(2.0, False), (3.1, True)])
def test_a_machine_is_busy_when_others_want_to_run_too(monkeypatch, load, busy):
    monkeypatch.setattr(machine, "identity", lambda: {"threads": 2})
    monkeypatch.setattr(machine.psutil, "getloadavg", lambda: (load, 0.0, 0.0))
    assert IS_BUSY() is busy


def test_kinds_are_kept_side_by_side(counted):
    register("other", "runs", lambda: (1, lambda: None))
    first = speed("naps"), speed("other")
    assert (speed("naps"), speed("other")) == first
    assert len(counted) == 1


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "3", "\x00\xff", '{"speeds": 7}']
    + [f'{{"speeds": {{"naps": {value}}}}}' for value in ('"fast"', "NaN", "-5", "1e30")],
)
def test_a_damaged_or_impossible_file_is_measured_again(counted, damage):
    machine.speeds_file().parent.mkdir(parents=True)
    machine.speeds_file().write_text(damage, encoding="utf-8")
    assert speed("naps") <= 10_000
    assert counted == ["measured"]
    assert json.loads(machine.speeds_file().read_text(encoding="utf-8"))["speeds"].keys() == {
        "naps"
    }


def test_another_machine_has_another_file(monkeypatch, counted):
    here = machine.speeds_file()
    monkeypatch.setattr(machine, "cpu_model", lambda: "a faster one")
    assert machine.speeds_file() != here
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert len({here, machine.speeds_file()}) == 2


def test_remeasure_forgets(counted, monkeypatch):
    monkeypatch.setattr(machine, "PROBES", {"naps": machine.PROBES["naps"]})
    speed("naps")
    assert remeasure().keys() == {"naps"}
    assert len(counted) == 2


def test_a_folder_that_cannot_be_written_only_costs_time(monkeypatch, tmp_path, counted):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path / "file" / "cache"))
    assert speed("naps") <= 10_000
    speed("naps")
    assert len(counted) == 2


def test_an_implausible_measurement_is_refused():
    register("magic", "FLOP", lambda: (10**30, lambda: None))
    with pytest.raises(RuntimeError, match="Is the clock running"):
        speed("magic")


def test_an_unknown_kind_names_the_known_ones():
    assert unit("flops") == "FLOP"
    with pytest.raises(ValueError, match="'flop': there are python, flops, copy, regex"):
        speed("flop")


def test_nothing_in_the_identity_names_the_host():
    import getpass
    import platform

    said = json.dumps(machine.identity())
    assert platform.node() not in said or platform.node() == ""
    assert getpass.getuser() not in said or getpass.getuser() in platform.platform()
