"""A run so small that a test can train it: byte tokens of some tales, two layers of width 32;
and what makes two runs equal."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from lib.corpora.tales import Tales
from lib.model.config import ModelConfig
from lib.tokenization.bpe import BPE
from lib.tokenization.own_json import save
from lib.tokenization.token_files import encode_file
from lib.training.checkpoint import load_latest
from lib.training.config import Config, DataConfig, OptimizerConfig, RunConfig, ScheduleConfig
from lib.training.log import read_log

END = "<|end|>"


@cache
def tiny_data() -> Path:
    """A folder with train.tokens, valid.tokens and tokenizer.json, the same for all tests."""
    folder = Path(mkdtemp())
    tokenizer = BPE.train("", n_merges=0, special=[END])
    save(tokenizer, folder / "tokenizer.json")
    for name, seed, n in (("train", 0, 60), ("valid", 1, 10)):
        text = folder / f"{name}.txt"
        stories = (document.text for document in Tales(seed=seed, n_documents=n))
        text.write_text(END.join(stories), encoding="utf-8", newline="\n")
        encode_file(
            tokenizer,
            text,
            folder / f"{name}.tokens",
            n_processes=1,
            document_separator=END,
            progress=False,
        )
    return folder


def tiny_config(folder: Path, **run) -> Config:
    """Trains for some steps into `folder`; `run` replaces fields of the RunConfig."""
    data = tiny_data()
    return Config(
        model=ModelConfig(vocab_size=257, context=24, n_layers=2, width=32, n_heads=2, ff_width=64),
        data=DataConfig(
            train=str(data / "train.tokens"),
            valid=str(data / "valid.tokens"),
            tokenizer=str(data / "tokenizer.json"),
            batch=8,
        ),
        optimizer=OptimizerConfig(lr=0.01),
        schedule=ScheduleConfig(warmup=2),
        run=replace(
            RunConfig(str(folder), steps=12, eval_every=4, eval_batches=2, save_every=5, threads=1),
            **run,
        ),
    )


def assert_same_end(folder: Path, other: Path) -> None:
    """The same weights and state, bit for bit, and the same log, times aside."""
    a, b = (load_latest(each / "checkpoints") for each in (folder, other))
    assert a.step == b.step
    assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights | b.weights)
    assert_same_tree(a.state | {"seconds": 0}, b.state | {"seconds": 0})
    assert without_times(folder) == without_times(other)


def assert_same_tree(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same_tree(a[key], b[key])
    else:
        assert a == b


def without_times(folder: Path) -> list[dict]:
    return [r | {"seconds": 0} for r in read_log(folder / "log.jsonl")]
