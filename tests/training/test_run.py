"""A run against itself: interrupted in every way, it ends with the same bits."""

import warnings
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from tiny_run import assert_same_end, assert_same_tree, tiny_config

from lib.training.build import training_batches
from lib.training.checkpoint import load_latest, paths
from lib.training.divergence import Diverged
from lib.training.log import read_log
from lib.training.loop import drain
from lib.training.run import load_model, read_run, resume, start


def finish(run) -> None:
    drain(run.steps(), run.config.run.steps, progress=False)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    finish(start(tiny_config(folder)))
    return folder


def test_a_run_learns_and_leaves_its_files(uninterrupted):
    log = read_log(uninterrupted / "log.jsonl")
    assert [record["step"] for record in log] == list(range(1, 13))
    assert [record["step"] for record in log if "valid" in record] == [4, 8, 12]
    assert [record["tokens"] for record in log] == [8 * 24 * n for n in range(1, 13)]
    assert log[-1]["loss"] < log[0]["loss"] - 1
    assert log[-1]["valid"] == pytest.approx(log[-1]["loss"], abs=0.5)
    steps = [path.name for path in paths(uninterrupted / "checkpoints")]
    assert steps == ["step-00000005", "step-00000010", "step-00000012"]
    assert read_run(uninterrupted) == tiny_config(uninterrupted)


def test_the_log_holds_what_the_steps_say(tmp_path):
    steps = list(start(tiny_config(tmp_path, steps=4)).steps())
    log = read_log(tmp_path / "log.jsonl")
    for step, record in zip(steps, log, strict=True):
        said = {k: v for k, v in asdict(step).items() if v is not None}
        assert said | {"tokens": 0, "seconds": 0} == record | {"tokens": 0, "seconds": 0}
    assert log[-1]["seconds"] == pytest.approx(sum(step.seconds for step in steps), abs=0.01)


def test_the_z_loss_of_the_config_is_trained_on(tmp_path):
    plain = next(start(tiny_config(tmp_path / "plain")).steps())
    run = start(tiny_config(tmp_path / "with", z_loss=0.5))
    log_z = run.model(next(training_batches(run.config)).ids).logsumexp(-1)
    step = next(run.steps())
    assert step.loss == pytest.approx(plain.loss + 0.5 * log_z.square().mean().item(), rel=1e-5)
    assert step.norm != plain.norm


@pytest.mark.parametrize("after", [3, 5, 11])
def test_a_run_left_in_between_goes_on(uninterrupted, tmp_path, after):
    """Steps since the last checkpoint are taken again. What was drawn before does not matter."""
    torch.manual_seed(after)
    steps = start(tiny_config(tmp_path)).steps()
    for _ in range(after):
        next(steps)
    steps.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if after < 5 else "error")  # nothing was saved before 5
        run = resume(tmp_path)
    assert run.step == after // 5 * 5
    finish(run)
    assert_same_end(tmp_path, uninterrupted)


@pytest.mark.parametrize(("name", "documents"), [("muon", "pack"), ("soap", "mask")])
def test_so_do_other_optimizers_and_documents(tmp_path, name, documents):
    whole, halves = tiny_config(tmp_path / "a", steps=4), tiny_config(tmp_path / "b", steps=4)
    for config in (whole, halves):
        object.__setattr__(config, "optimizer", replace(config.optimizer, name=name))
        object.__setattr__(config, "data", replace(config.data, documents=documents))
    finish(start(whole))
    object.__setattr__(halves, "run", replace(halves.run, save_every=1))
    steps = start(halves).steps()
    next(steps), next(steps)
    finish(resume(tmp_path / "b"))
    assert_same_end(tmp_path / "a", tmp_path / "b")


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(uninterrupted, tmp_path):
    finish(start(tiny_config(tmp_path)))
    weights = paths(tmp_path / "checkpoints")[-1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="Passing over the checkpoint .*step-00000012"):
        run = resume(tmp_path)
    assert run.step == 10
    finish(run)
    assert_same_end(tmp_path, uninterrupted)


def test_resuming_can_go_beyond_the_end_with_other_settings(uninterrupted, tmp_path):
    finish(start(tiny_config(tmp_path)))
    run = resume(tmp_path, ["run.steps=14", "optimizer.lr=0.0001", "schedule.name=constant"])
    steps = list(run.steps())
    assert [step.step for step in steps] == [13, 14]
    assert {step.lr for step in steps} == {0.0001}
    assert read_run(tmp_path).run.steps == 14
    with pytest.raises(ValueError, match=r"model\.width was 32 when the run began"):
        resume(tmp_path, ["model.width=64"])
    with pytest.raises(ValueError, match=r"data\.batch was 8"):
        resume(tmp_path, ["data.batch=4"])
    with pytest.raises(ValueError, match="began with adamw, whose averages mean nothing to lion"):
        resume(tmp_path, ["optimizer.name=lion"])


def test_a_folder_is_not_used_twice(uninterrupted, tmp_path):
    with pytest.raises(FileExistsError, match=r"python -m lib\.training resume"):
        start(tiny_config(uninterrupted))
    with pytest.raises(FileNotFoundError, match=r"has no config\.toml, so it holds no run"):
        resume(tmp_path)


def test_a_run_may_be_moved(uninterrupted, tmp_path):
    moved = tmp_path / "elsewhere"
    finish(start(tiny_config(tmp_path / "here")))
    (tmp_path / "here").rename(moved)
    model, checkpoint = load_model(moved)
    assert checkpoint.step == 12
    assert resume(moved).folder == moved
    assert_same_tree(dict(model.state_dict()), load_latest(uninterrupted / "checkpoints").weights)


def test_a_diverging_run_leaves_a_good_checkpoint(tmp_path):
    config = tiny_config(tmp_path, save_every=1)
    run = start(config)
    steps = run.steps()
    next(steps)
    with torch.no_grad():
        run.model.norm.weight.fill_(float("nan"))
    with pytest.raises(Diverged, match="Step 2"):
        next(steps)
    assert all(w.isfinite().all() for w in load_latest(tmp_path / "checkpoints").weights.values())
