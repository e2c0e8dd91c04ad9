"""Checkpoints that transformers saved compute the same here.

Their RMSNorm works in float32 whatever comes in, so float64 would not bring more digits, except for
GPT-2, which has none. In float32 a logit of size one, summed up from some hundred products over
three layers, is sure to 2e-5.
"""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from lib.model.config import n_params
from lib.pretrained.load import load_pretrained


def theirs(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def test_the_same_logits(their_folder, case, ids):
    ours, expected = load_pretrained(their_folder(case)), theirs(their_folder(case))
    logits = expected(ids).logits
    assert logits.std() > 0.1
    assert_close(ours.model(ids), logits, atol=2e-5, rtol=1e-5)
    assert n_params(ours.config) == sum(p.numel() for p in expected.parameters())
    assert not ours.model.training
    assert ours.family == case.partition("-")[0]


def test_the_same_logits_in_float64(their_folder, ids):
    folder = their_folder("gpt2")
    ours = load_pretrained(folder, dtype="float64")
    assert_close(ours.model(ids), theirs(folder, torch.float64)(ids).logits)


@pytest.mark.parametrize("attention", ["sdpa", "blocked"])
def test_the_same_logits_another_way(their_folder, ids, attention):
    folder = their_folder("mistral")
    ours = load_pretrained(folder, attention=attention)
    assert_close(ours.model(ids), theirs(folder)(ids).logits, atol=2e-5, rtol=1e-5)


def test_settings_as_older_versions_wrote_them(their_folder, tmp_path, ids):
    for case in ("llama-3.1", "qwen2-windows", "gemma2"):
        folder = tmp_path / case
        shutil.copytree(their_folder(case), folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        kind = rope.pop("rope_type")
        config["rope_scaling"] = {"type": kind, **rope} if rope else None
        config["torch_dtype"] = config.pop("dtype")
        config.pop("layer_types", None)
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        same = load_pretrained(their_folder(case))
        assert load_pretrained(folder).config == same.config
        assert_close(theirs(folder)(ids).logits, theirs(their_folder(case))(ids).logits)


def test_shards(their_folder, tmp_path, ids):
    model = theirs(their_folder("qwen3"))
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 3
    assert_close(load_pretrained(tmp_path).model(ids), model(ids).logits, atol=2e-5, rtol=1e-5)


# dtypes


def test_stored_in_bfloat16(model_of, tmp_path, ids):
    model_of("gemma2", head_dim=8).to(torch.bfloat16).save_pretrained(tmp_path)
    stored = load_pretrained(tmp_path)
    assert stored.config.dtype == stored.config.compute_dtype == "bfloat16"
    assert all(p.dtype == torch.bfloat16 for p in stored.model.parameters())
    wide = load_pretrained(tmp_path, dtype="float32").model
    assert_close(wide(ids), theirs(tmp_path)(ids).logits, atol=2e-5, rtol=1e-5)
    mixed = load_pretrained(tmp_path, dtype="float32", compute_dtype="bfloat16")
    assert mixed.model(ids).dtype == torch.bfloat16


def test_gemma_scales_its_embeddings_in_their_own_dtype(model_of, tmp_path, ids):
    """sqrt(24) = 4.899 is 4.906 in bfloat16, a sixth of a per cent more."""
    model_of("gemma2", head_dim=8).to(torch.bfloat16).save_pretrained(tmp_path)
    expected = theirs(tmp_path, torch.bfloat16).model.embed_tokens(ids)
    stream, _ = load_pretrained(tmp_path).model.embed(ids, torch.arange(ids.shape[1]))
    assert torch.equal(stream, expected)


def test_several_dtypes_are_a_question(their_folder, tmp_path):
    shutil.copytree(their_folder("llama"), tmp_path, dirs_exist_ok=True)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].bfloat16()
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="several dtypes: bfloat16, float32"):
        load_pretrained(tmp_path)
    assert load_pretrained(tmp_path, dtype="float32").config.dtype == "float32"
    tensors["model.norm.weight"] = tensors["model.norm.weight"].to(torch.float8_e4m3fn)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="dtype F8_E4M3: the model is quantised"):
        load_pretrained(tmp_path)


# What a folder may lack


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        load_pretrained(tmp_path)


def test_pickles_are_not_read(their_folder, tmp_path):
    shutil.copy(their_folder("llama") / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"only \.bin files \(pickles"):
        load_pretrained(tmp_path)


def test_without_a_tokenizer(their_folder):
    pretrained = load_pretrained(their_folder("llama"))
    assert pretrained.tokenizer is None
    with pytest.raises(ValueError, match="without a tokenizer"):
        pretrained.encode("text")
    assert (pretrained.text.bos_id, pretrained.text.eos_ids, pretrained.text.pad_id) == (1, (2,), 0)
