"""python -m lib.pretrained, called as a function."""

import torch

from lib.model.config import ModelConfig, n_params
from lib.model.transformer import Transformer
from lib.pretrained.__main__ import main
from lib.pretrained.load import Pretrained
from lib.pretrained.save import save_pretrained

CONFIG = ModelConfig(53, 17, 2, 24, 6, ff_width=40, dtype="bfloat16")


def test_show_says_what_a_folder_holds(their_folder, capsys):
    assert main(["show", str(their_folder("qwen3"))]) == 0
    shown = capsys.readouterr().out
    assert "qk_norm            head" in shown
    layer = 24 * 10 * (6 + 2 + 2) + 6 * 10 * 24 + 3 * 24 * 40 + 2 * 24 + 2 * 10
    assert f"qwen3, {2 * 53 * 24 + 3 * layer + 24:,} parameters" in shown
    assert "tensors of float32 in 1 files" in shown
    assert "tokenizer: None" in shown


def test_check_looks_at_every_number(tmp_path, capsys):
    model = Transformer(CONFIG)
    save_pretrained(Pretrained(model), tmp_path / "good")
    assert main(["check", str(tmp_path / "good")]) == 0
    assert capsys.readouterr().out == f"{n_params(CONFIG):,} parameters, all finite\n"
    with torch.no_grad():
        model.blocks[1].ffn.up.weight[3, 5:7] = torch.tensor([torch.nan, torch.inf])
    save_pretrained(Pretrained(model), tmp_path / "bad")
    assert main(["check", str(tmp_path / "bad")]) == 1
    assert capsys.readouterr().out.startswith("blocks.1.ffn.up.weight: 2 of 960 numbers are inf")


def test_what_goes_wrong_is_one_message(tmp_path, capsys):
    assert main(["show", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "has no config.json" in captured.err and captured.out == ""
