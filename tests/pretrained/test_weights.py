"""Tensors: every one in its place, none twice in memory, and what is wrong is named."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.notebook.peak_memory import PeakMemory
from lib.pretrained import shards
from lib.pretrained.families import FAMILIES
from lib.pretrained.load import Pretrained, load_pretrained
from lib.pretrained.names import GPT2
from lib.pretrained.places import Place, places
from lib.pretrained.save import save_pretrained
from lib.pretrained.shards import grouped, read_headers


@pytest.fixture
def changed(their_folder, tmp_path):
    """A copy of a checkpoint whose tensors a function has changed."""

    def copy(case, change):
        folder = their_folder(case)
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
        return tmp_path

    return copy


# What is wrong is named


def test_missing_unknown_and_of_another_shape(changed):
    def change(tensors):
        for layer in range(3):
            tensors.pop(f"model.layers.{layer}.mlp.up_proj.weight")
            tensors.pop(f"model.layers.{layer}.mlp.down_proj.weight")
        tensors["model.layers.0.extra.weight"] = torch.zeros(1)
        tensors["model.layers.3.mlp.up_proj.weight"] = torch.zeros(40, 24)
        tensors["model.norm.weight"] = torch.zeros(23)

    with pytest.raises(ValueError) as error:
        load_pretrained(changed("llama", change))
    message = str(error.value)
    assert "6 of 30 are missing (model.layers.0.mlp.up_proj.weight, model.layers.0.ml" in message
    assert "model.layers.2.mlp.up_proj.weight, ...)" in message
    assert "2 are unknown (model.layers.0.extra.weight, model.layers.3.mlp.up_proj.we" in message
    assert "1 have another shape (model.norm.weight is (23,) instead of (24,))" in message


def test_the_joined_matrix_of_gpt2_has_a_shape_too(changed):
    def change(tensors):
        name = "transformer.h.1.attn.c_attn.weight"
        tensors[name] = tensors[name].T.contiguous()

    with pytest.raises(ValueError, match=r"c_attn\.weight is \(72, 24\) instead of \(24, 72\)"):
        load_pretrained(changed("gpt2", change))


# What does not matter is passed over


def test_buffers_of_older_versions(changed, their_folder):
    def change(tensors):
        for layer in range(3):
            tensors[f"transformer.h.{layer}.attn.bias"] = torch.ones(1, 1, 17, 17)
            tensors[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)

    assert same(load_pretrained(changed("gpt2", change)), load_pretrained(their_folder("gpt2")))


def test_angles_that_older_versions_stored(changed, their_folder):
    def change(tensors):
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(2).half()

    assert same(load_pretrained(changed("llama", change)), load_pretrained(their_folder("llama")))


def test_names_without_their_prefix(changed, their_folder):
    """As in the first GPT-2 that was published."""

    def change(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)

    assert same(load_pretrained(changed("gpt2", change)), load_pretrained(their_folder("gpt2")))


def test_a_tied_table_that_is_stored_twice(changed, their_folder):
    def copied(tensors):
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    def other(tensors):
        tensors["lm_head.weight"] = 2 * tensors["model.embed_tokens.weight"]

    tied = load_pretrained(their_folder("qwen2-tied"))
    assert same(load_pretrained(changed("qwen2-tied", copied)), tied)
    with pytest.raises(ValueError, match=r'two different ones\. Set "tie_word_embeddings": false'):
        load_pretrained(changed("qwen2-tied", other))


def same(a, b):
    ours, others = a.model.state_dict(), b.model.state_dict()
    return ours.keys() == others.keys() and all(torch.equal(ours[k], others[k]) for k in ours)


# Names


def test_places():
    shapes = {f"blocks.1.attention.{part}.weight": (24, 24) for part in ("query", "key", "value")}
    shapes |= {"blocks.0.ffn.up.bias": (40,), "output.weight": (53, 24)}
    config = ModelConfig(53, 17, 2, 24, 6)
    found = dict(places(FAMILIES["gpt2"], config, shapes))
    assert list(found) == [
        "transformer.h.0.mlp.c_fc.bias",
        "transformer.h.1.attn.c_attn.weight",
        "lm_head.weight",
    ]
    assert [place.shape(shapes) for place in found.values()] == [(40,), (24, 72), (53, 24)]
    norms = {"blocks.1.attention_out_norm.weight": (24,), "blocks.1.ffn_norm.weight": (24,)}
    assert list(dict(places(FAMILIES["gemma2"], config, norms))) == [
        "model.layers.1.post_attention_layernorm.weight",
        "model.layers.1.pre_feedforward_layernorm.weight",
    ]


def test_what_is_split_can_be_joined():
    tensor = torch.arange(5.0 * 6).reshape(5, 6)
    three = Place(("query", "key", "value"), turned=True)
    parts = three.split(tensor)
    assert [part.tolist() for part in parts] == [tensor[:, i : i + 2].T.tolist() for i in (0, 2, 4)]
    assert torch.equal(three.join(parts), tensor)
    (same,) = Place(("up",), turned=False).split(tensor)
    assert same is tensor


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_names_mean_the_same(family):
    ours = [part for row in FAMILIES[family].names.values() for part in row.split()]
    assert len(set(ours)) == len(ours)
    assert len(ours) - (2 if family == "gpt2" else 0) == len(FAMILIES[family].names)
    assert "lm_head" in GPT2


# Files


def test_groups_of_at_most_so_many_bytes():
    sizes = {"a": 3, "b": 4, "c": 5, "d": 20, "e": 1}
    assert list(grouped(sizes, 8)) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(grouped(sizes, 100)) == [["a", "b", "c", "d", "e"]]


def test_an_index_says_what_is_where(their_folder, tmp_path):
    save_pretrained(load_pretrained(their_folder("olmo2")), tmp_path / "new", shard_bytes=9_000)
    index = json.loads((tmp_path / "new" / "model.safetensors.index.json").read_text("utf-8"))
    files = sorted(tmp_path.glob("new/*.safetensors"))
    assert len(files) > 3
    assert {file.name for file in files} == set(index["weight_map"].values())
    headers = read_headers(tmp_path / "new")
    assert {name: header.file.name for name, header in headers.items()} == index["weight_map"]
    n_bytes = sum(t.nbytes for file in files for t in load_file(file).values())
    assert index["metadata"]["total_size"] == n_bytes
    files[1].unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks 1 of its {len(files)} files.*00002-of-"):
        load_pretrained(tmp_path / "new")


# Memory

MB = 1_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """25 MB in bfloat16."""
    folder = tmp_path_factory.mktemp("large") / "model"
    config = ModelConfig(2048, 17, 4, 512, 8, n_kv_heads=2, ff_width=1280, dtype="bfloat16")
    save_pretrained(Pretrained(Transformer(config)), folder, shard_bytes=10 * MB)
    return folder


def test_loading_reads_nothing_until_it_is_needed(large):
    size = sum(file.stat().st_size for file in large.glob("*.safetensors"))
    assert size > 24 * MB
    load_pretrained(large)  # what torch allocates once
    with PeakMemory() as peak:
        model = load_pretrained(large).model
    assert peak.growth < size / 5
    with PeakMemory() as peak:
        sum(weight.detach().float().sum() for weight in model.parameters())
    assert peak.growth < 1.4 * size  # at most once, and a matrix in float32


def test_another_dtype_is_held_once(large):
    size = sum(file.stat().st_size for file in large.glob("*.safetensors"))
    with PeakMemory() as peak:
        model = load_pretrained(large, dtype="float32").model
    assert sum(p.nbytes for p in model.parameters()) == pytest.approx(2 * size, rel=0.01)
    assert peak.growth < 3.3 * size  # twice, and pages of the files, which are the system's


def test_every_tensor_is_read_once(large, monkeypatch):
    read = []

    class Counting:
        def __init__(self, opened):
            self.opened = opened

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return self.opened.__exit__(*error)

        def __getattr__(self, name):
            return getattr(self.opened, name)

        def get_tensor(self, name):
            read.append(name)
            return self.opened.get_tensor(name)

    opening = shards.safe_open
    monkeypatch.setattr(shards, "safe_open", lambda *args: Counting(opening(*args).__enter__()))
    model = load_pretrained(large).model
    assert len(read) == len(set(read)) == len(model.state_dict())


def test_writing_to_a_weight_leaves_the_file_alone(their_folder):
    folder = their_folder("llama")
    before = (folder / "model.safetensors").read_bytes()
    model = load_pretrained(folder).model
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    assert (folder / "model.safetensors").read_bytes() == before
    assert any(weight.any() for weight in load_pretrained(folder).model.parameters())
