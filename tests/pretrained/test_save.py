"""Checkpoints that we saved are what transformers expects, bit for bit where it was theirs."""

import json
import logging
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import AutoConfig, AutoModelForCausalLM

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.pretrained.load import Pretrained, load_pretrained
from lib.pretrained.save import save_pretrained


def loaded_by_them(folder, caplog):
    """Their model, if they have nothing to complain about."""
    transformers.logging.enable_propagation()  # to caplog
    with caplog.at_level(logging.WARNING, logger="transformers"):
        model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    transformers.logging.disable_propagation()
    assert not any(info.values()), info
    assert not caplog.records, caplog.text
    return model.eval()


def tensors(folder):
    return {name: t for file in folder.glob("*.safetensors") for name, t in load_file(file).items()}


def test_there_and_back(their_folder, case, tmp_path, ids, caplog):
    folder = their_folder(case)
    save_pretrained(load_pretrained(folder), tmp_path / "ours", shard_bytes=20_000)
    before, after = tensors(folder), tensors(tmp_path / "ours")
    assert before.keys() == after.keys()
    for name in before:
        assert before[name].dtype == after[name].dtype
        assert torch.equal(before[name], after[name])
    again = loaded_by_them(tmp_path / "ours", caplog)
    expected = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert torch.equal(again(ids).logits, expected(ids).logits)


def test_the_config_is_theirs_again(their_folder, case, tmp_path):
    folder = their_folder(case)
    save_pretrained(load_pretrained(folder), tmp_path / "ours")
    before, after = (AutoConfig.from_pretrained(f).to_dict() for f in (folder, tmp_path / "ours"))
    inert = {"_name_or_path", "n_inner", "max_window_layers"}
    assert {k: v for k, v in after.items() if k in before.keys() - inert} == {
        k: v for k, v in before.items() if k not in inert
    }


def test_another_dtype(their_folder, tmp_path, ids):
    ours = load_pretrained(their_folder("qwen2"))
    save_pretrained(ours, tmp_path / "half", dtype="bfloat16")
    config = json.loads((tmp_path / "half" / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == config["torch_dtype"] == "bfloat16"
    back = load_pretrained(tmp_path / "half")
    for name, weight in ours.model.state_dict().items():
        assert torch.equal(back.model.state_dict()[name], weight.bfloat16())


# Models of ours

SIZES = {"vocab_size": 53, "context": 17, "n_layers": 3, "width": 24, "n_heads": 6}
OURS = {
    "llama": {"ff_width": 40},
    "llama-tied": {"n_kv_heads": 2, "tied": True, "bias": True, "ffn": "geglu_tanh"},
    "llama-halves": {"positions": "rope_half", "rope_scaling": (8.0, 1.0, 4.0, 7)},
    "mistral": {"window": 4, "head_width": 10},
    "qwen2": {"qkv_bias": True, "n_kv_heads": 3},
    "qwen3": {"qk_norm": "head", "n_kv_heads": 2, "window": 3, "window_pattern": "WF"},
    "gemma2": {
        "norm_placement": "sandwich",
        "norm_offset": True,
        "embedding_scale": 24**0.5,
        "window": 5,
        "attention_softcap": 2.0,
    },
    "olmo2": {"norm_placement": "reordered", "qk_norm": "all", "n_kv_heads": 2},
    "gpt2": {
        "norm": "layer",
        "positions": "learned",
        "ffn": "gelu",
        "bias": True,
        "tied": True,
    },
}


def of_ours(**choices):
    model = Transformer(ModelConfig(**SIZES, **choices), torch.Generator().manual_seed(0))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("name", OURS)
def test_a_model_of_ours(name, tmp_path, ids, caplog):
    model = of_ours(**OURS[name])
    save_pretrained(Pretrained(model), tmp_path / "ours")
    config = json.loads((tmp_path / "ours" / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == name.partition("-")[0]
    theirs = loaded_by_them(tmp_path / "ours", caplog)
    assert_close(theirs(ids).logits, model(ids), atol=2e-5, rtol=1e-5)
    assert_close(load_pretrained(tmp_path / "ours").model(ids), model(ids), atol=2e-5, rtol=1e-5)


def test_what_no_family_can_express(tmp_path):
    with pytest.raises(ValueError, match=r"The closest is llama, but for parallel is True and wo"):
        save_pretrained(Pretrained(of_ours(parallel=True)), tmp_path / "ours")
    with pytest.raises(ValueError, match="closest is llama, but for attention_gate is True"):
        save_pretrained(Pretrained(of_ours(attention_gate=True)), tmp_path / "ours")
    with pytest.raises(ValueError, match="A qwen2 model cannot be what this one is: qkv_bias is F"):
        save_pretrained(Pretrained(of_ours(), family="qwen2"), tmp_path / "ours")
    with pytest.raises(ValueError, match="n_heads to divide width"):
        odd = of_ours(head_width=10)
        uneven = replace(odd.config, n_heads=5, n_kv_heads=5)
        save_pretrained(Pretrained(Transformer(uneven), family="llama"), tmp_path / "ours")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("lib.pretrained.save.save_weights", killed)
    with pytest.raises(KeyboardInterrupt):
        save_pretrained(Pretrained(of_ours()), tmp_path / "ours")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="must not be mixed"):
        save_pretrained(Pretrained(of_ours()), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
