"""Checkpoints: whole or passed over, whatever happens to the files or to the process."""

import json
import os
import warnings
from contextlib import suppress

import pytest
import torch

from lib.training import checkpoint as module
from lib.training.checkpoint import Checkpoint, find_damage, load, load_latest, paths, save


def checkpoint(step):
    weight = torch.randn(3, 5, generator=torch.Generator().manual_seed(step))
    state = {"optimizer": {"state": {0: {"mean": weight / 3}}}, "seconds": step / 7}
    return Checkpoint(step, {"a.weight": weight, "b": weight.to(torch.bfloat16).t()}, state)


def assert_same(found, step):
    wanted = checkpoint(step)
    assert found.step == step
    assert found.weights.keys() == wanted.weights.keys()
    assert all(torch.equal(found.weights[name], wanted.weights[name]) for name in wanted.weights)
    mean = found.state["optimizer"]["state"][0]["mean"]
    assert torch.equal(mean, wanted.state["optimizer"]["state"][0]["mean"])
    assert found.state["seconds"] == wanted.state["seconds"]


def test_what_is_saved_comes_back(tmp_path):
    path = save(tmp_path / "new" / "folder", checkpoint(12))
    assert find_damage(path) is None
    assert_same(load(path), 12)
    assert sorted(file.name for file in path.iterdir()) == [
        "manifest.json",
        "model.safetensors",
        "state.json",
        "training.safetensors",
    ]


def test_the_newest_are_kept(tmp_path):
    for step in (5, 10, 99_999_999, 100_000_000):
        save(tmp_path, checkpoint(step), keep=2)
    assert [path.name for path in paths(tmp_path)] == ["step-99999999", "step-100000000"]
    assert_same(load_latest(tmp_path), 100_000_000)


def test_the_same_step_again_replaces_it(tmp_path):
    save(tmp_path, checkpoint(4))
    path = paths(tmp_path)[0]
    (path / "model.safetensors").write_bytes(b"")
    save(tmp_path, checkpoint(4))
    assert_same(load_latest(tmp_path), 4)


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def flip(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("model.safetensors", cut, r"model.safetensors has \d+ bytes instead of \d+"),
        ("model.safetensors", flip, "model.safetensors has changed"),
        ("training.safetensors", flip, "training.safetensors has changed"),
        ("training.safetensors", os.remove, "training.safetensors is missing"),
        ("state.json", flip, "state.json has changed"),
        ("manifest.json", cut, "manifest.json cannot be read"),
        ("manifest.json", flip, "has changed|cannot be read"),
        ("manifest.json", os.remove, "manifest.json is missing"),
    ],
)
def test_a_damaged_one_is_passed_over(tmp_path, name, damage, words):
    save(tmp_path, checkpoint(1))
    damage(save(tmp_path, checkpoint(2)) / name)
    with pytest.warns(UserWarning, match=words):
        assert_same(load_latest(tmp_path), 1)


def test_none_left_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="no whole checkpoint"):
        load_latest(tmp_path)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    "call", ["os.replace", "shutil.rmtree", "save_file", "write_json", "_sync"]
)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_kill_at_any_moment_leaves_a_whole_one(tmp_path, monkeypatch, call, nth):
    """The process ends at the n-th call of what changes the disk; the next one still works."""
    save(tmp_path, checkpoint(1), keep=1)
    name, count = call.rpartition(".")[2], iter(range(1, 100))
    owner = getattr(module, call.partition(".")[0]) if "." in call else module
    original = getattr(owner, name)

    def killed(*args, **kwargs):
        if next(count) == nth:
            if name == "save_file":
                args[1].write_bytes(b"half")
            raise Killed
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with suppress(Killed):
            save(tmp_path, checkpoint(2), keep=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing half written is even looked at
        assert_same(load_latest(tmp_path), load_latest(tmp_path).step)
    save(tmp_path, checkpoint(3), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]


def test_a_state_is_json(tmp_path):
    content = json.loads((save(tmp_path, checkpoint(3)) / "state.json").read_text("utf-8"))
    assert content["step"] == 3
