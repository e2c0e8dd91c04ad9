"""Saved by some ranks, loaded by others, and training goes on as if nothing had happened."""

import pytest
import torch
from torch import nn

from lib.parallel.data import broadcast_module
from lib.parallel.errors import RankError
from lib.parallel.fsdp import FullySharded
from lib.parallel.launch import launch
from lib.parallel.reshard import load_sharded, save_sharded
from lib.parallel.shard_files import ShardFiles
from lib.parallel.simulated import simulate
from lib.parallel.zero import ZeroOptimizer
from lib.training.adaptive import AdamW

BATCH, STEPS = 12, 4


class Net(nn.Module):
    def __init__(self, seed=0, width=9):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Linear(7, width), nn.Linear(width, 5)
        self.register_buffer("offset", torch.randn(5))
        self.double()

    def forward(self, x):
        return self.second(torch.tanh(self.first(x))) + self.offset


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, 7, generator=generator, dtype=torch.float64) for _ in range(STEPS)]


def built(comm, way, seed=0, width=9):
    model = Net(seed, width)
    if way == "fsdp":
        model = FullySharded(model, comm, nn.Linear)
        return model, AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    broadcast_module(comm, model)
    stage, partition = {"zero 1": (1, "parameters"), "zero 2": (2, "ranges")}[way]
    settings = {"lr": 0.01, "weight_decay": 0.1}
    return model, ZeroOptimizer(model.parameters(), AdamW, comm, stage, partition, 400, **settings)


def trained(comm, model, optimizer, xs):
    for x in xs:
        model(x.chunk(comm.n_ranks)[comm.rank]).square().mean().backward()
        if isinstance(model, FullySharded):
            model.finish()
        optimizer.step()
        optimizer.zero_grad()
    return model.full_state() if isinstance(model, FullySharded) else dict(model.state_dict())


def first_half(comm, way, folder):
    model, optimizer = built(comm, way)
    trained(comm, model, optimizer, batches()[:2])
    optimizer.param_groups[0]["lr"] = 0.02  # as a schedule would
    save_sharded(folder, model, optimizer, {"step": 2, "name": "run"})


def second_half(comm, way, folder):
    model, optimizer = built(comm, way, seed=3)
    words = load_sharded(folder, model, optimizer)
    return trained(comm, model, optimizer, batches()[2:]), words


def alone():
    model = Net()
    optimizer = AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for i, x in enumerate(batches()):
        optimizer.param_groups[0]["lr"] = 0.01 if i < 2 else 0.02
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return dict(model.state_dict())


WAYS = ["fsdp", "zero 1", "zero 2"]


@pytest.mark.parametrize("then", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_training_goes_on_with_other_ranks_and_other_sharding(first, then, tmp_path):
    simulate(first_half, 3, first, tmp_path / "run")
    for state, words in simulate(second_half, 2, then, tmp_path / "run"):
        assert words == {"step": 2, "name": "run"}
        torch.testing.assert_close(state, alone())


def test_processes_write_and_read_the_same_files(tmp_path):
    for first, then in ((2, 4), (4, 1)):
        launch(first_half, first, "fsdp", tmp_path / "run")  # the second time over the first
        for state, _ in launch(second_half, then, "fsdp", tmp_path / "run"):
            torch.testing.assert_close(state, alone())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_every_value_is_written_once(tmp_path):
    """Weights, two averages of Adam each, and the buffer: in parts of a rank each."""
    simulate(first_half, 3, "fsdp", tmp_path / "run")
    files = ShardFiles(tmp_path / "run")
    n_values = sum(p.numel() for p in Net().parameters())
    assert sum(map(n_written, files.tensors.values())) == 3 * n_values + 5
    sizes = [entry["bytes"] for entry in files.files.values()]
    assert len(sizes) == 3 and max(sizes) < min(sizes) + 600  # headers differ in length
    assert files.read("model.first.weight", 20, 50).equal(
        files.whole("model.first.weight").flatten()[20:50]
    )


def n_written(entry):
    return sum(stop - start for start, stop, _ in entry["parts"])


def fail_while_saving(comm, folder, monkeypatch):
    model, optimizer = built(comm, "fsdp", seed=4)
    if comm.rank == 1:
        monkeypatch.setattr("lib.parallel.shard_files.save_file", full_disk)
    save_sharded(folder, model, optimizer)


def full_disk(*_):
    raise OSError("no space left")


def test_a_save_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    simulate(first_half, 2, "fsdp", tmp_path / "run")
    with monkeypatch.context() as patched, pytest.raises(RankError, match="no space left"):
        simulate(fail_while_saving, 2, tmp_path / "run", patched)
    for state, _ in simulate(second_half, 2, "fsdp", tmp_path / "run"):
        torch.testing.assert_close(state, alone())
    simulate(first_half, 2, "fsdp", tmp_path / "run")  # what was left unfinished is in nobody's way
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def remove(folder):
    (folder / "rank-1.safetensors").unlink()


def change(folder):
    data = bytearray((folder / "rank-0.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "rank-0.safetensors").write_bytes(data)


def interrupt(folder):
    (folder / "index.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove, r"rank-1.safetensors is missing. Take an earlier one"),
        (change, r"rank-0.safetensors has changed"),
        (interrupt, r"index.json is missing.*Whole ones beside it: other"),
        (lambda folder: folder.rename(folder.with_name(".unfinished-old-run")), "rename .unfin"),
    ],
)
def test_damage_is_found_before_anything_is_loaded(spoil, words, tmp_path):
    for name in ("run", "other"):
        simulate(first_half, 2, "fsdp", tmp_path / name)
    spoil(tmp_path / "run")
    with pytest.raises(RankError, match=words):
        simulate(second_half, 2, "fsdp", tmp_path / "run")


def load_another(comm, folder, way, change):
    model, optimizer = built(comm, way, width=10 if change == "width" else 9)
    if change == "groups":
        more = nn.Parameter(torch.ones(2))
        optimizer.add_param_group({"params": [more]})
    if change == "names":
        model.third = nn.Linear(2, 2)
    load_sharded(folder, model, optimizer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("width", r"first.weight is \(9, 7\) in the checkpoint and \(10, 7\) here"),
        ("groups", "saved with 1 groups of parameters and has 2 here"),
        ("names", "only here: third.bias, third.weight"),
    ],
)
def test_another_model_is_refused(change, words, tmp_path):
    simulate(first_half, 2, "zero 1", tmp_path / "run")
    with pytest.raises(RankError, match=words):
        simulate(load_another, 2, tmp_path / "run", "zero 1", change)


def test_what_is_not_sharded_is_refused(tmp_path):
    model = Net()
    with pytest.raises(TypeError, match=r"use training\.checkpoint"):
        save_sharded(tmp_path, model, torch.optim.SGD(model.parameters(), lr=0.1))
