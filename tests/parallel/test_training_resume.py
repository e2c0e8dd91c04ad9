"""A run goes on with another number of processes and on another mesh, from any checkpoint.

In float64; tolerances as in test_training_mesh.py.
"""

import shutil
import warnings
from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from lib.parallel.launch import launch
from lib.parallel.pool import end_ranks
from lib.training.__main__ import main
from lib.training.checkpoint import find_damage, load, load_latest, paths
from lib.training.config import MeshConfig
from lib.training.log import read_log
from lib.training.loop import drain
from lib.training.ranks import Ranks
from lib.training.run import load_model, resume, start

CLOSE = {"rtol": 0, "atol": 1e-9}
LIMIT = 240.0  # seconds, for a machine that is very busy


@pytest.fixture(scope="module", autouse=True)
def own_processes():
    """DTensor remembers meshes, and takes an equal one of an earlier launch for that of this."""
    end_ranks()
    yield
    end_ranks()


def config(folder, mesh=None):
    """Saves and evaluates every second of eight steps. Muon has both kinds of state: whole
    matrices, and shares."""
    base = tiny_config(folder, steps=8, save_every=2, eval_every=2, keep=9, microbatches=2)
    shape = {"n_layers": 4, "n_heads": 4, "n_kv_heads": 2, "head_width": 8}
    return replace(
        base,
        model=replace(base.model, **shape, dtype="float64", compute_dtype="float64"),
        optimizer=replace(base.optimizer, name="muon", adamw_lr=0.005),
        mesh=MeshConfig(**mesh or {}),
    )


def train_to(step, run):
    """As far as that step, and stop there as if killed."""
    steps = run.steps()
    for taken in steps:
        if taken.step == step:
            steps.close()
            return


def start_on(comm, config, to):
    torch.set_num_threads(1)
    train_to(to, start(config, Ranks(comm.rank, comm.n_ranks)))


def resume_on(comm, folder, overrides, to):
    torch.set_num_threads(1)
    run = resume(folder, overrides, Ranks(comm.rank, comm.n_ranks))
    begun = run.step
    train_to(to, run)
    return begun


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    drain(start(config(folder)).steps(), 8, progress=False)
    return folder


@pytest.fixture(scope="module")
def wandered(tmp_path_factory):
    """A run on 2 processes, 4, 2 others, and 1: the folder, and where each went on."""
    folder = tmp_path_factory.mktemp("runs") / "wandered"
    launch(start_on, 2, config(folder, {"shard": 2}), 2, timeout=LIMIT)
    begun = [
        launch(resume_on, 4, folder, ["mesh.tensor=2"], 5, timeout=LIMIT)[0],  # and mesh.shard=2
        launch(resume_on, 2, folder, ["mesh.tensor=1", "mesh.shard=1", "mesh.pipeline=-1"], 6)[0],
    ]
    run = resume(folder)
    begun.append(run.step)
    drain(run.steps(), 8, progress=False)
    return folder, begun


def test_the_run_goes_on_wherever_it_is(whole, wandered):
    folder, begun = wandered
    assert begun == [2, 4, 6]
    assert_close(folder, whole)


def assert_close(folder, whole):
    numbers = ("step", "loss", "norm", "lr", "tokens", "valid")
    for record, wanted in zip(read_log(folder / "log.jsonl"), read_log(whole / "log.jsonl")):
        for name in numbers:
            assert record.get(name) == pytest.approx(wanted.get(name), abs=1e-9)
    a, b = load_latest(folder / "checkpoints"), load_latest(whole / "checkpoints")
    assert a.step == b.step == 8
    for name in b.weights | a.weights:
        torch.testing.assert_close(a.weights[name], b.weights[name], **CLOSE)
    assert a.state["optimizer"].keys() == b.state["optimizer"].keys()
    for number, state in b.state["optimizer"].items():
        torch.testing.assert_close(a.state["optimizer"][number], state, **CLOSE)


def test_from_one_process_to_two(whole, tmp_path):
    train_to(4, start(config(tmp_path)))
    assert launch(resume_on, 2, tmp_path, ["mesh.data=1", "mesh.tensor=2"], 8)[0] == 4
    assert_close(tmp_path, whole)


def test_shards_serve_as_whole_weights(wandered, whole, capsys):
    """Each checkpoint of the wandering run is that of the run that stayed, in one process."""
    folder, _ = wandered
    sharded = [path for path in paths(folder / "checkpoints") if (path / "sharded").exists()]
    assert [path.name for path in sharded] == ["step-00000002", "step-00000004", "step-00000006"]
    files = {path.name for path in (sharded[1] / "sharded").iterdir()}
    assert files == {".metadata", *(f"__{rank}_0.distcp" for rank in range(4))}
    copy = whole.with_name("copy")
    shutil.copytree(folder, copy)
    shutil.rmtree(paths(copy / "checkpoints")[-1])
    model, checkpoint = load_model(copy)
    assert checkpoint.step == 6
    weights = load(whole / "checkpoints" / "step-00000006").weights
    torch.testing.assert_close(dict(model.state_dict()), weights, **CLOSE)
    assert main(["export", str(copy)]) == 0
    assert main(["sample", str(copy), "--prompt", "Once", "--tokens", "3"]) == 0
    assert capsys.readouterr().out.startswith("Once")


def test_a_damaged_shard_is_passed_over(wandered, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(wandered[0], folder)
    shutil.rmtree(paths(folder / "checkpoints")[-1])
    newest = paths(folder / "checkpoints")[-1]
    assert find_damage(newest) is None
    shard = newest / "sharded" / "__1_0.distcp"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert (
        find_damage(newest) == "sharded/__1_0.distcp has changed since it was written (its "
        "SHA-256 differs)."
    )
    shard.unlink()
    assert find_damage(newest) == "__1_0.distcp is missing."
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert resume(folder, ["mesh.pipeline=1"]).step == 4
    assert "Passing over the checkpoint" in str(said[0].message)
    assert launch(resume_on, 2, folder, ["mesh.pipeline=1", "mesh.data=2"], 5)[0] == 4
