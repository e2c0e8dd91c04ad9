"""The command line, in this process: what it prints, and how it fails."""

import tomllib
from dataclasses import replace

import pytest
from tiny_run import tiny_config

from lib.training.__main__ import main
from lib.training.checkpoint import paths
from lib.training.config import Config, MeshConfig
from lib.training.log import read_log
from lib.training.settings import from_dict, to_toml


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.toml"
    text = to_toml(tiny_config(tmp_path / "run", steps=4, save_every=2))
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def test_train_resume_sample_show(file, capsys):
    folder = file.with_name("run")
    assert main(["train", str(file), "run.steps=3", "optimizer.name=lion"]) == 0
    said = capsys.readouterr()
    assert "37,088 parameters, step 0 of 3" in said.err
    assert said.out.splitlines()[0].split() == [
        "step",
        "loss",
        "norm",
        "lr",
        "tokens",
        "seconds",
        "valid",
    ]
    assert main(["resume", str(folder), "run.steps=5"]) == 0
    assert "step 3 of 5" in capsys.readouterr().err
    assert [record["step"] for record in read_log(folder / "log.jsonl")] == [1, 2, 3, 4, 5]

    prompt = ["--prompt", "Once upon a time", "--tokens", "5", "--seed", "1"]
    assert main(["sample", str(folder), *prompt]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Once upon a time") and len(text) > len("Once upon a time") + 1
    assert main(["sample", str(folder), *prompt]) == 0
    assert capsys.readouterr().out == text

    assert main(["show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert 'name = "lion"' in shown
    assert "step-00000005" in shown
    assert shown.splitlines()[-1].split()[0] == "5"


def test_errors_are_one_sentence_and_an_exit_code(file, capsys):
    assert main(["train", str(file), "optimizer.lrr=1"]) == 1
    assert capsys.readouterr().err == "There is no optimizer.lrr. Did you mean optimizer.lr?\n"
    assert main(["show", str(file.parent / "nothing")]) == 1
    assert "so it holds no run" in capsys.readouterr().err
    assert main(["train", str(file), "data.train=nowhere"]) == 1
    assert "encode_file makes them" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["trian"])


def test_a_damaged_checkpoint_is_mentioned(file, capsys):
    assert main(["train", str(file)]) == 0
    (paths(file.with_name("run") / "checkpoints")[-1] / "manifest.json").unlink()
    assert main(["resume", str(file.with_name("run"))]) == 0
    said = capsys.readouterr().err
    assert "step-00000004: manifest.json is missing." in said
    assert "step 2 of 4" in said


def test_without_a_tokenizer_sampling_says_so(tmp_path, capsys):
    config = tiny_config(tmp_path / "run", steps=3)
    text = to_toml(replace(config, data=replace(config.data, tokenizer=None)))
    (tmp_path / "config.toml").write_text(text, encoding="utf-8", newline="\n")
    assert main(["train", str(tmp_path / "config.toml")]) == 0
    assert main(["sample", str(tmp_path / "run"), "--prompt", "x"]) == 1
    assert "--tokenizer FILE" in capsys.readouterr().err


def test_the_help_shows_a_config_that_works(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "mesh.shard=4 mesh.tensor=2" in said and "--max-restarts 3" in said
    config = from_dict(Config, tomllib.loads(said[said.index("[model]") :]))
    assert config.mesh == MeshConfig(shard=-1) and config.model.width == 256


def test_a_diverging_run_ends_with_advice(file, capsys):
    assert main(["train", str(file), "optimizer.lr=1e30", "optimizer.weight_decay=0"]) == 1
    assert "Lower optimizer.lr" in capsys.readouterr().err
