"""What the tests of part 4 call. If you arrange your code in another way, change the line here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from basics import experiments, prepare
from basics.training import Settings
from lib.corpora.documents import Corpus


def build_model(settings: Settings) -> nn.Module:
    return experiments.build_model(settings)


def run(settings: Settings, folder: Any) -> dict[str, Any]:
    return experiments.run(settings, folder)


def load_run(folder: Any) -> tuple[nn.Module, Settings]:
    return experiments.load_run(folder)


def read_records(folder: Any) -> dict[str, dict[str, Any]]:
    return experiments.read_records(folder)


def draw_curves(records: Mapping[str, Mapping[str, Any]], path: Any) -> str:
    return experiments.draw_curves(records, path)


def folder() -> Path:
    """Where plans (*.toml), data/ and runs/ are."""
    return Path(__file__).parents[1] / "experiments"


def corpus(name: str, part: str) -> Corpus:
    """The texts that the runs are about: tales or docs; the part is "train" or "valid"."""
    return prepare.corpus(name, part)
