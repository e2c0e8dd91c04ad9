"""What bench_gpu does with its measurements, tested where there is no GPU: the twins compete."""

import importlib
from dataclasses import replace

import bench_gpu
import pytest
import torch
from gpu_contest import Contest, Contestant, agreement, hold, resume, turns
from gpu_contests import all_contests
from gpu_inputs import FULL, SMALL
from gpu_matrices import BACKENDS

from lib.tensors import gpu_record
from lib.tensors.gpu_record import Measured, read_record, verdicts, write_record


def row(contestant="ours", seconds=1.0, **more):
    return Measured("GPU 1", "work", contestant, seconds, **more)


def test_all_contestants_agree_on_small_tensors():
    wanted = ("vector add", "RoPE", "AdamW", "RMSNorm", "SwiGLU", "cross", "int8", "five", "causal")
    rows = [
        row
        for contest in all_contests("cpu", SMALL)
        if any(word in contest.work for word in wanted)
        for row in hold(contest, "cpu", repeats=5, budget=0.0)
    ]
    assert {it.work for it in rows if it.agrees is False} == set()
    assert all(it.runs == 5 for it in rows if it.seconds is not None)
    unable = {it.contestant for it in rows if it.seconds is None}
    assert unable <= set(BACKENDS), "on a CPU, attention alone lacks backends"
    assert all(it.note for it in rows if it.seconds is None)
    against_copy = next(it for it in rows if it.contestant == "copy")
    assert against_copy.agrees is None


def test_every_target_has_a_contest():
    targets = {it.work: it.target for it in all_contests("cpu", FULL) if it.target is not None}
    assert targets["matmul, 8192 x 8192 x 8192"] == 0.8
    assert targets["attention forward, causal, head 128, 8192"] == 0.75
    assert targets["attention forward and backward, causal, head 128, 8192"] == 0.65
    fused = [work for work, target in targets.items() if target == 1.0]
    assert len(fused) == 4 and all("forward and backward" in work for work in fused)
    of_copy = [it for it in all_contests("cpu", FULL) if it.target == 0.85]
    assert len(of_copy) == 9 and all(it.bytes >= 64e6 for it in of_copy)
    works = [it.work for it in all_contests("cpu", FULL)]
    assert len(set(works)) == len(works)


def test_taking_turns_and_stopping_in_time():
    order = []
    contestants = {
        name: Contestant(lambda name=name: order.append(name) or (), lambda: order.append("before"))
        for name in "ab"
    }
    timings = turns(contestants, "cpu", repeats=9, budget=0.0)
    assert order == 5 * ["before", "a", "before", "b"]
    assert len(timings["a"].seconds) == 5
    assert len(turns(contestants, "cpu", repeats=9, budget=9.0)["b"].seconds) == 9


def test_a_wrong_answer_is_outvoted_and_one_that_fails_is_left_out():
    def fails():
        raise RuntimeError("no kernel for this GPU\nand a long trace")

    right, wrong = torch.ones(3), torch.tensor([1.0, 1.0, torch.nan])
    answers = {"ours": wrong, "one": right, "two": right}
    contestants = {name: Contestant(lambda x=x: (x,)) for name, x in answers.items()}
    contestants |= {"fails": Contestant(fails), "copy": Contestant(lambda: ())}
    rows = {r.contestant: r for r in hold(Contest("w", lambda: contestants, 0.5), "cpu", 5, 0.0)}
    agrees = {name: r.agrees for name, r in rows.items()}
    assert agrees == {"ours": False, "one": True, "two": True, "fails": None, "copy": None}
    assert rows["fails"].note == "RuntimeError: no kernel for this GPU"
    assert rows["fails"].seconds is None and rows["ours"].target == 0.5
    assert agreement({"ours": (wrong,), "one": (right,)}, 0.1) == {"ours": False, "one": False}
    assert agreement({"ours": (right,)}, 0.1) == {"ours": None}


def test_ours_is_compared_with_the_fastest():
    rows = [row(seconds=2.0, target=0.8, peak_memory=3.0), row("slow", 4.0), row("no", None)]
    rows.append(row("fast", 1.5, peak_memory=2.0))
    (verdict,) = verdicts(rows)
    assert (verdict.peer, verdict.speed, verdict.memory) == ("fast", 0.75, 1.5)
    assert not verdict.met
    assert verdicts([replace(rows[0], target=0.7), rows[3]])[0].met
    assert not verdicts([replace(rows[0], target=0.7, agrees=False), rows[3]])[0].met
    assert verdicts([row()]) == verdicts([row(seconds=None), row("fast", 1.0)]) == []


def test_the_record_comes_back_and_is_taken_up(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_record, "FOLDER", tmp_path)
    path = gpu_record.record_path("GPU 1 (80GB)")
    assert path.name == "gpu_GPU-1-80GB.csv" and read_record(path) == []
    rows = [
        row(spread=0.25, runs=5, bytes=8.0, flops=2.0, agrees=True, target=0.8, versions="1"),
        row("no", None, agrees=None, note="RuntimeError: a, b", versions="1"),
    ]
    write_record(path, rows)
    assert read_record(path) == rows
    (tmp_path / "gpu_sweep.csv").write_text("device,n\nGPU 1,3\n")
    assert gpu_record.all_records() == {"GPU 1": rows}
    contests = [Contest("work", dict), Contest("other", dict)]
    assert [done for _, done in resume(contests, rows, "1")] == [True, False]
    assert [done for _, done in resume(contests, rows, "2")] == [False, False]


def test_the_table_says_what_was_met_and_what_was_left_out():
    rows = [row(seconds=2e-3, target=0.8, bytes=2e9, agrees=True), row("fast", 1e-3)]
    rows.append(row("cuDNN", None, note="RuntimeError: not here"))
    shown = bench_gpu.report(rows, "GPU 1")
    assert "2.000 ms  fast 1.000 ms  0.50   0.80" in shown
    assert "1000 GB/s" in shown and "missed by 38%" in shown
    assert shown.endswith("Left out:\ncuDNN: RuntimeError: not here")
    assert "ANSWERS DIFFER" in bench_gpu.report([replace(rows[0], agrees=False), rows[1]], "GPU 1")


def test_a_stopped_run_is_taken_up(tmp_path, monkeypatch, capsys):
    """The whole command, on a GPU that is none."""
    held = []

    def hold_on_cpu(contest, device, *options):
        held.append(contest.work)
        if contest.work == held_up:
            raise KeyboardInterrupt
        return hold(contest, "cpu", 5, 0.0)

    one = {"ours": Contestant(lambda: ()), "copy": Contestant(lambda: ())}
    contests = [Contest(f"work {i}", lambda: dict(one)) for i in range(3)]
    monkeypatch.setattr(gpu_record, "FOLDER", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GPU 1")
    monkeypatch.setattr(torch.compiler, "reset", lambda: None)  # which imports for seconds
    monkeypatch.setattr(bench_gpu, "interprets", lambda: False)
    monkeypatch.setattr(bench_gpu, "sweep", lambda *_: None)
    monkeypatch.setattr(bench_gpu, "all_contests", lambda _: contests)
    monkeypatch.setattr(bench_gpu, "hold", hold_on_cpu)
    held_up = "work 1"
    with pytest.raises(KeyboardInterrupt):
        bench_gpu.main([])
    held_up = ""
    assert bench_gpu.main([]) == 0 and bench_gpu.main([]) == 0
    assert held == ["work 0", "work 1", "work 1", "work 2"]
    assert bench_gpu.main(["--again", "--only", "2"]) == 0 and held[4:] == ["work 2"]
    rows = read_record(tmp_path / "gpu_GPU-1.csv")
    assert [(it.work, it.contestant) for it in rows] == [
        (f"work {i}", name) for i in range(3) for name in one
    ]
    assert all(it.device == "GPU 1" and "torch" in it.versions and it.date for it in rows)
    assert "work 2  " in capsys.readouterr().out


def test_committed_records_can_be_read():
    assert all(rows for rows in gpu_record.all_records().values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_sentence(capsys):
    assert bench_gpu.main([]) == 0
    said = capsys.readouterr().out
    assert said.endswith("nothing to do.\n") and ". " not in said


def test_the_sweep_of_lecture_5_is_there():
    sweep = importlib.import_module("lib.tensors.matmul_sweep")
    assert 1792 in sweep.sizes() and callable(sweep.sweep) and callable(sweep.record)
