"""Runs that a file describes, models put together from settings, and curves to compare them by.

    python -m basics.experiments experiments/tales.toml experiments/runs/lr-0.003 lr=0.003

trains one. What reads the command is complete; what it calls is for you to write.
"""

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from basics.training import Settings
from lib.grading.feedback import todo

PathOrName = str | PathLike[str]


def read_settings(path: PathOrName, changes: Sequence[str] = ()) -> Settings:
    """The settings of a TOML file, with changes such as "lr=0.01" or "norm=none". Complete."""
    values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    for change in changes:
        name, _, value = change.partition("=")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value  # a word
    if "betas" in values:
        values["betas"] = tuple(values["betas"])
    return Settings(**values)


def build_model(settings: Settings) -> nn.Module:
    """The language model of the settings, with weights drawn under torch.manual_seed(seed).

    With the defaults it is your Transformer. What each setting changes, alone or with others:

    norm "post"       a block is x = attention_norm(x + attention(x)), x = ffn_norm(x + ffn(x)),
                      and there is no `norm` after the last block, which ends with one
    norm "none"       no norms anywhere: x = x + attention(x), x = x + ffn(x)
    positions "none"  queries and keys are not turned
    ffn "silu"        down(silu(up(x))): two matrices, no `gate`

    What remains keeps its name, and what is gone has no parameters.
    """
    return todo("4.1", "give Block and Transformer three more arguments, with defaults.")


def run(settings: Settings, folder: PathOrName) -> dict[str, Any]:
    """Open the two files of ids, build model and AdamW, `train` in `folder`; return the record.

    The files are mapped into memory (`np.memmap`, "<u2"), not read. AdamW gets all parameters, with
    lr, betas and weight_decay of the settings. Model and batches are on `settings.device`.
    """
    return todo("3.4", "four lines: np.memmap twice, build_model, AdamW, and train.")


def load_run(folder: PathOrName) -> tuple[nn.Module, Settings]:
    """The trained model of a run's folder, on the CPU and in eval mode, and the run's settings."""
    return todo("3.7", "settings from the record, build_model, then the checkpoint into it.")


def read_records(folder: PathOrName) -> dict[str, dict[str, Any]]:
    """The record of every run that has its folder in `folder`, by the folder's name, sorted.

    What is not a folder, or has no record.json, is passed over; without `folder` there are none.
    """
    return todo("3.7", "sorted(Path(folder).glob('*/record.json')), and json.loads of each.")


def draw_curves(records: Mapping[str, Mapping[str, Any]], path: PathOrName) -> str:
    """Draw the loss curves of runs as a PNG at `path`; return the picture in words.

    Two panels: valid_loss against steps, and against minutes of wall-clock time; one line for each
    run, with its name in a legend, and axes that say what they show, units included. Rows without a
    loss are left out. The words name each run with its last loss to two digits behind the point, or
    with "diverged" where the last row has none: it is what a reader gets who cannot see the
    picture.
    """
    return todo("3.7", "plt.subplots(1, 2, sharey=True), and a plot in both for each record.")


def main(arguments: Sequence[str]) -> None:
    """Train the run of a settings file into a folder. Complete."""
    if len(arguments) < 2:
        sys.exit("Say which settings and which folder, then changes if any: " + __doc__)
    path, folder, *changes = arguments
    record = run(read_settings(path, changes), folder)
    print(f"{folder}: loss {record['valid_loss']} after {record['steps']} steps")


if __name__ == "__main__":
    main(sys.argv[1:])
