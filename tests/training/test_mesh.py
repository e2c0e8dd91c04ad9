"""What a mesh may look like; tests/parallel trains on it."""

from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from lib.training.build import make_model, make_optimizer, parameter_order
from lib.training.config import Config, MeshConfig
from lib.training.mesh import make_mesh
from lib.training.mesh_model import borders, check
from lib.training.mesh_part import Part, cut
from lib.training.run import start
from lib.training.settings import from_dict, read_config, to_toml


def test_one_axis_takes_what_is_left():
    assert MeshConfig(data=-1, tensor=2).fit(8) == MeshConfig(data=4, tensor=2)
    assert MeshConfig(shard=3).fit(3) == MeshConfig(shard=3)
    assert not MeshConfig().is_used and MeshConfig(pipeline=-1).is_used
    assert MeshConfig(pipeline=-1).fit(1) == MeshConfig()


@pytest.mark.parametrize(
    ("sizes", "n", "said"),
    [
        ({"shard": 2, "tensor": 2}, 3, r"shard 2 x tensor 2, .* 4 processes, and there are 3"),
        ({"data": -1, "tensor": 2}, 3, r"tensor 2, .* 2 processes or a multiple, and there are 3"),
        ({"data": 4}, 1, r"data 4, .* for 4 processes, and there is 1\. Start .*nproc-per-node 4"),
        ({"data": -1, "shard": -1}, 4, r"Only one size can be -1"),
    ],
)
def test_sizes_multiply_to_the_number_of_processes(sizes, n, said):
    with pytest.raises(ValueError, match=said):
        MeshConfig(**sizes).fit(n)


def test_what_a_mesh_is_made_of_is_checked():
    with pytest.raises(ValueError, match=r"mesh\.shard counts something"):
        MeshConfig(shard=0)
    with pytest.raises(ValueError, match=r"mesh\.schedule is 'fast', and should be one of 'gpipe'"):
        from_dict(MeshConfig, {"schedule": "fast"}, "mesh.")


@pytest.mark.parametrize(
    ("mesh", "changes", "said"),
    [
        ({"data": 3}, {}, r"batch of 8 sequences is read by 3 processes .* 2 microbatches"),
        ({"tensor": 3}, {}, r"model\.n_heads is 4, which 3 processes cannot share"),
        ({"tensor": 4}, {"n_kv_heads": 2}, r"model\.n_kv_heads is 2"),
        ({"tensor": 2}, {"context": 23}, r"model\.context is 23, .*or mesh\.sequence=false"),
        ({"tensor": 2}, {"kernels": True}, r"model\.kernels works on whole layers"),
        ({"tensor": 4}, {"vocab_size": 5}, r"vocabulary of 5 leaves some of 4 processes"),
        (
            {"pipeline": 2, "stages": 3, "schedule": "interleaved"},
            {},
            r"4 layers are too few",
        ),
        ({"pipeline": 2}, {"tied": True}, r"one table on the first and on the last stage"),
        ({"pipeline": 2, "stages": 2}, {}, r"'1f1b' has one stage in each process, not 2"),
        ({"pipeline": 4}, {}, r"2 microbatches do not fill a pipeline of 4 stages evenly"),
        ({"stages": 2}, {}, r"mesh\.stages are those of a pipeline"),
        ({"pipeline": 2, "data": 2, "schedule": "zero-bubble"}, {}, r"DDP and FSDP do not notice"),
    ],
)
def test_what_no_mesh_can_do_is_said_before_it_begins(mesh, changes, said):
    base = tiny_config("nowhere", microbatches=2)
    shape = {"n_layers": 4, "n_heads": 4, "n_kv_heads": 4, "head_width": 8}
    model = replace(base.model, **shape | changes)
    with pytest.raises(ValueError, match=said):
        check(replace(base, model=model), MeshConfig(**mesh))


def test_a_mesh_without_processes_says_how_to_start_them(tmp_path):
    config = replace(tiny_config(tmp_path), mesh=MeshConfig(shard=2))
    with pytest.raises(ValueError, match=r"torchrun --nproc-per-node 2"):
        start(config)


def test_stages_share_the_layers_as_evenly_as_can_be():
    model = replace(tiny_config("nowhere").model, n_layers=7)
    assert [borders(model, 3, i) for i in range(3)] == [(0, 2), (2, 4), (4, 7)]


def test_parts_of_a_model_keep_their_names():
    """And together they are the model: the second goes on where the first ends."""
    config = tiny_config("nowhere")
    whole, first, second = (make_model(config) for _ in range(3))
    names = {name for name, _ in whole.named_parameters()}
    parts = Part(first, 0, 1), Part(second, 1, 2)
    found = [{name for name, _ in part.model.named_parameters()} for part in parts]
    assert found[0] | found[1] == names and not found[0] & found[1]
    ids = torch.arange(10).reshape(2, 5)
    counted = torch.tensor([[True] * 5, [False] * 5])
    stream = parts[0](ids, ids + 1, counted, 1.0)
    loss = parts[1](stream, ids + 1, counted, 0.5)
    logits = whole(ids).log_softmax(-1)
    wanted = -0.5 * logits[0, torch.arange(5), ids[0] + 1].sum()
    torch.testing.assert_close(loss, wanted.reshape(1))
    assert parts[1](stream, ids + 1, counted & False, 0.5).tolist() == [0.0]


def test_a_cut_model_has_no_ends():
    model = cut(make_model(tiny_config("nowhere")), 1, 1)
    assert list(model.parameters()) == []


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_parameters_in_the_order_of_the_optimizer(name):
    config = tiny_config("nowhere")
    config = replace(config, optimizer=replace(config.optimizer, name=name))
    model = make_model(config)
    named = dict(model.named_parameters())
    groups = make_optimizer(config.optimizer, model).param_groups
    params = [p for group in groups for p in group["params"]]
    assert all(named[n] is p for n, p in zip(parameter_order(config), params, strict=True))


def test_a_mesh_is_written_and_read(tmp_path):
    config = replace(tiny_config("nowhere"), mesh=MeshConfig(shard=-1, gather_dtype="bfloat16"))
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config), encoding="utf-8", newline="\n")
    assert read_config(Config, file) == config
    assert read_config(Config, file, ["mesh.tensor=2"]).mesh.tensor == 2


def test_devices_that_cannot_talk(monkeypatch):
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    with pytest.raises(ValueError, match=r"run\.device is 'mps'"):
        make_mesh(MeshConfig(data=2), "mps")
