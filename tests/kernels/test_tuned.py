"""Tables of tiles, and the choice among candidates by a clock of our own."""

import functools
import importlib
import sys
import types

import pytest
import torch

from lib.kernels import tune, tuned
from lib.kernels.accesses import record_accesses
from lib.kernels.language import interprets
from lib.kernels.matmul import tile_shape
from lib.kernels.tuned import Tuned, add_to_table, label, read_table, settings, table_path


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(tuned, "FOLDER", tmp_path / "tuned")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 7)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA H900 (80GB)")
    yield table_path("NVIDIA H900 (80GB)")
    tuned._path_of_gpu.cache_clear()


def test_the_rule_is_used_until_somebody_has_measured(gpu):
    rule = {"BLOCK": 64, "num_warps": 4}
    assert gpu.name == "NVIDIA-H900-80GB.csv"
    assert settings("matmul", rule, M=4096) == rule
    add_to_table(gpu, Tuned("matmul", label({"M": 4096}), {"BLOCK": 128}, 1.0, rule, 2.0))
    add_to_table(gpu, Tuned("matmul", label({"M": 16}), {"BLOCK": 16}, 1.0, rule, 2.0))
    assert settings("matmul", rule, M=4096) == {"BLOCK": 128, "num_warps": 4}
    assert settings("matmul", rule, M=2049) == {"BLOCK": 128, "num_warps": 4}
    assert settings("matmul", rule, M=4097) == rule
    assert [path.name for path in gpu.parent.iterdir()] == [gpu.name]
    assert read_table(gpu)["matmul", "M=16"].default == rule


def test_without_a_gpu_nothing_is_read():
    assert settings("matmul", {"BLOCK": 1}, M=4) == {"BLOCK": 1}


def test_the_committed_tables_can_be_read():
    for path in tuned.FOLDER.glob("*.csv"):
        assert read_table(path)


class Clock:
    """Seconds by the tiles that the last run used."""

    def __init__(self, monkeypatch):
        self.used = None
        module = types.ModuleType("tiled_op")
        module.rule = lambda n: {"BLOCK": n}
        module.run = lambda: self.use(module.rule(8))
        monkeypatch.setitem(sys.modules, "tiled_op", module)
        tiles = tuple({"BLOCK": size} for size in (4, 16, 32, 64, 128))
        self.work = tune.Work("op", {"n": 8}, "tiled_op", "rule", tiles, lambda: module.run)

    def use(self, tiles):
        if tiles["BLOCK"] == 64:
            raise RuntimeError("out of resource: shared memory")
        self.used = tiles["BLOCK"]
        return (torch.full((3,), 7.0 if self.used == 128 else 1.0),)

    def seconds_of(self, times):
        def seconds(fn):
            fn()
            return times[self.used]

        return seconds


def test_the_fastest_with_the_right_answer_is_chosen(monkeypatch):
    clock = Clock(monkeypatch)
    row = tune.best(clock.work, clock.seconds_of({4: 9.0, 8: 5.0, 16: 3.0, 32: 4.0, 128: 1.0}))
    assert (row.settings, row.seconds) == ({"BLOCK": 16}, 3.0)
    assert (row.default, row.default_seconds, row.key) == ({"BLOCK": 8}, 5.0, "n=8")


def test_noise_does_not_change_the_rule(monkeypatch):
    clock = Clock(monkeypatch)
    row = tune.best(clock.work, clock.seconds_of({4: 9.0, 8: 5.0, 16: 4.9, 32: 5.0, 128: 1.0}))
    assert (row.settings, row.seconds) == ({"BLOCK": 8}, 5.0)


@pytest.mark.skipif(not interprets(), reason="kernels are compiled here, not interpreted")
def test_candidates_reach_the_kernel(place):
    prepare = functools.partial(tune._product, 32, 32, 32, str(place))
    work = tune.Work("matmul", {"M": 32}, "lib.kernels.matmul", "tile_shape", (), prepare)
    tiles = {"BLOCK_M": 16, "BLOCK_N": 16, "BLOCK_K": 32, "num_warps": 4, "num_stages": 1}
    for side, programs in ((16, 4), (32, 1)):
        with record_accesses() as trace:
            work.with_tiles(tiles | {"BLOCK_M": side, "BLOCK_N": side})
        assert len(trace.programs) == programs
    assert work.default() == tile_shape(32, 32, torch.bfloat16)


def test_every_rule_is_where_it_is_looked_up():
    works = list(tune.all_work(device="cpu"))
    assert {work.op for work in works} == {"matmul", *(op for op, _, _ in tune.ATTENTION)}
    for work in works:
        assert callable(getattr(importlib.import_module(work.module), work.rule))


def test_without_a_gpu_it_says_so(capsys):
    assert tune.main([]) == 0
    assert "there is no GPU here" in capsys.readouterr().out
