"""Configs as files and as overrides: the same names everywhere, and errors that help."""

from dataclasses import replace

import pytest

from lib.model.config import ModelConfig
from lib.training.config import Config, DataConfig, OptimizerConfig, RunConfig, ScheduleConfig
from lib.training.settings import from_dict, override, read_config, to_toml

SMALLEST = """
[model]
vocab_size = 300
context = 16
n_layers = 2
width = 32
n_heads = 2
[data]
train = "train.tokens"
[run]
folder = "here"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(SMALLEST, encoding="utf-8")
    return path


def test_a_file_says_what_python_says(file):
    assert read_config(Config, file) == Config(
        model=ModelConfig(vocab_size=300, context=16, n_layers=2, width=32, n_heads=2),
        data=DataConfig(train="train.tokens"),
        run=RunConfig(folder="here"),
    )


def test_overrides_win(file):
    config = read_config(
        Config,
        file,
        [
            "model.width=64",
            "optimizer.lr=1",  # a whole number where any number may be
            "optimizer.betas=[0.8, 0.9]",
            "optimizer.clip=inf",
            "run.threads=none",
            "run.folder=over there",  # no quotes
            'data.valid="with = inside"',
            "run.recompute=true",
            "schedule.name=wsd",
        ],
    )
    assert config.model.width == 64
    assert (config.optimizer.lr, type(config.optimizer.lr)) == (1.0, float)
    assert config.optimizer.betas == (0.8, 0.9)
    assert config.optimizer.clip == float("inf")
    assert config.run.threads is None
    assert config.run.folder == "over there"
    assert config.data.valid == "with = inside"
    assert config.run.recompute is True
    assert config.schedule.name == "wsd"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("optimiser.lr=1", "no optimiser. Did you mean optimizer?"),
        ("model.widht=64", r"no model.widht. Did you mean model.width\?"),
        ("model.xyz=64", "no model.xyz. Known are vocab_size, context"),
        ("model.width=wide", "model.width is 'wide', and should be a whole number"),
        ("model.width=6.5", "model.width is 6.5, and should be a whole number"),
        ("run.steps=true", "run.steps is True, and should be a whole number"),
        ("run.recompute=1", "run.recompute is 1, and should be true or false"),
        ("optimizer.betas=[0.9]", "should be a list of 2 numbers"),
        ("schedule.name=cosinus", "should be one of 'constant', 'linear'"),
        ("schedule.name=none", "schedule.name is 'none', and should be one of 'constant'"),
        ("model.rope_scaling=[8, 1, 4]", "should be a list of 4 numbers"),
        ("steps=5", "is no override. Write name.field=value"),
        ("run.steps", "is no override. Write name.field=value"),
        ("run.steps=0", "run.steps counts something"),
        ("run.microbatches=3", "16 sequences cannot be cut into 3 equal microbatches"),
        ("schedule.warmup=1000", "warm-up takes 1000 of 1000 steps"),
        ("optimizer.lr=0", "optimizer.lr is 0.0. Choose a number above zero"),
    ],
)
def test_what_does_not_fit_is_explained(file, change, words):
    with pytest.raises(ValueError, match=words):
        read_config(Config, file, [change])


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"model\.vocab_size is missing.*a whole number"):
        from_dict(Config, {"data": {"train": "x"}, "run": {"folder": "y"}})
    with pytest.raises(ValueError, match="data is a table"):
        from_dict(Config, {"data": 3})


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("[model\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.toml is not TOML"):
        read_config(Config, path)


def test_writing_and_reading_gives_the_same(file, tmp_path):
    config = replace(
        read_config(Config, file),
        data=DataConfig(train='a "quoted" \\ path ü', valid="new\nline \x7f\x00", batch=6),
        optimizer=OptimizerConfig(lr=1e-5, clip=float("inf"), betas=(0.5, 1e-30)),
        schedule=ScheduleConfig(floor=0.0, decay=7),
    )
    path = tmp_path / "again.toml"
    path.write_text(to_toml(config), encoding="utf-8", newline="\n")
    assert read_config(Config, path) == config


def test_every_choice_of_a_model_survives_the_file(file, tmp_path):
    """Tuples, None where a number could be, and words that say none."""
    model = replace(
        read_config(Config, file).model,
        norm="none",
        qk_norm="all",
        positions="rope_half",
        rope_fraction=0.5,
        rope_scaling=(8.0, 1.0, 4.0, 8192),
        qkv_bias=False,
        window=4,
        window_pattern="WWF",
        rope_on_full=False,
        attention_scale=0.1,
        output_softcap=30.0,
    )
    config = replace(read_config(Config, file), model=model)
    path = tmp_path / "again.toml"
    path.write_text(to_toml(config), encoding="utf-8", newline="\n")
    assert read_config(Config, path) == config
    wanted = ["model.qk_norm=none", "model.window=none", "model.rope_scaling=none"]
    plain = read_config(Config, path, [*wanted, "model.rope_on_full=true"]).model
    assert (plain.qk_norm, plain.window, plain.rope_scaling) == (None, None, None)
    assert plain.norm == "none"


def test_none_can_be_a_word(file):
    """Where None is not among the choices, but "none" is."""
    model = read_config(Config, file, ["model.norm=none", "model.positions=none"]).model
    assert (model.norm, model.positions) == ("none", "none")
    scaling = read_config(Config, file, ["model.rope_scaling=[8, 1, 4, 8192]"]).model.rope_scaling
    assert scaling == (8.0, 1.0, 4.0, 8192) and type(scaling[0]) is float


def test_overriding_leaves_the_original_alone():
    content = {"run": {"steps": 1}}
    assert override(content, ["run.steps=2", "data.batch=3"]) == {
        "run": {"steps": 2},
        "data": {"batch": 3},
    }
    assert content == {"run": {"steps": 1}}
