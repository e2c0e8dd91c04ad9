"""Runs that a file describes, models put together from settings, and curves to compare them by.

    python -m basics.experiments experiments/tales.toml experiments/runs/lr-0.003 lr=0.003
    python -m basics.experiments sample experiments/runs/lr-0.003 temperature=0.8 top_p=0.9 seed=1

The first trains, the second writes a text. What reads the commands is complete; what it calls is
for you to write.
"""

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from basics import decoding, prepare
from basics.training import Settings
from lib.grading.feedback import todo

PathOrName = str | PathLike[str]

SAMPLE = Path(__file__).parents[1] / "experiments" / "sample.json"
SAMPLE_TOKENS = 256


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

    With the defaults it is your Transformer, and that is all that part 3 needs. For part 4, what
    each setting changes, alone or together:

    norm "post"       a block is x = attention_norm(x + attention(x)), x = ffn_norm(x + ffn(x)),
                      and there is no `norm` after the last block, which ends with one
    norm "none"       no norms anywhere: x = x + attention(x), x = x + ffn(x)
    positions "none"  queries and keys are not turned
    ffn "silu"        down(silu(up(x))): two matrices, no `gate`

    What remains keeps its name, and what is gone has no parameters.
    """
    return todo("3.3", "call torch.manual_seed, then make a Transformer; the choices come later.")


def run(settings: Settings, folder: PathOrName) -> dict[str, Any]:
    """Open the two files of ids, build model and AdamW, `train` in `folder`; return the record.

    The files are mapped into memory (`np.memmap`, "<u2"), not read. AdamW gets all parameters, with
    lr, betas and weight_decay of the settings. Model and batches are on `settings.device`.
    """
    return todo("3.3", "np.memmap twice, then build_model, AdamW, and train.")


def load_run(folder: PathOrName) -> tuple[nn.Module, Settings]:
    """The trained model of a run's folder, on the CPU and in eval mode, and the run's settings."""
    return todo("3.5", "settings from the record, build_model, then the checkpoint into it.")


def read_records(folder: PathOrName) -> dict[str, dict[str, Any]]:
    """The record of every run that has its folder in `folder`, by the folder's name, sorted.

    What is not a folder, or has no record.json, is passed over; without `folder` there are none.
    """
    return todo("3.5", "sorted(Path(folder).glob('*/record.json')), and json.loads of each.")


def draw_curves(records: Mapping[str, Mapping[str, Any]], path: PathOrName) -> str:
    """Draw the loss curves of runs as a PNG at `path`; return the picture in words.

    Two panels side by side: valid_loss against steps, and against minutes of wall-clock time. In
    each a line for each run, with the run's name as its label, which a legend shows; rows without a
    loss are left out. The labels of the axes have the words steps, minutes and loss in them.

    The words are for readers who cannot see the picture: they name each run with its last loss, to
    two digits behind the point, or with "diverged" where it is None.
    """
    return todo("3.5", "plt.subplots(1, 2, sharey=True), and a plot in both for each record.")


def sample(
    folder: PathOrName, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0
) -> dict[str, Any]:
    """A text of the model of a run, which begins where texts begin. Complete."""
    model, settings = load_run(folder)
    name = Path(settings.train).name.partition("-")[0]
    end, generator = prepare.end_id(name), torch.Generator().manual_seed(seed)
    choices = {"temperature": temperature, "top_p": top_p}
    ids = decoding.generate(
        model, [end], SAMPLE_TOKENS, settings.context, end_id=end, generator=generator, **choices
    )
    choices |= {"seed": seed, "text": prepare.text_of(name, ids)}
    ended = len(ids) < SAMPLE_TOKENS
    return {"run": Path(folder).name, "prompt": [end], "ids": ids, "ended": ended, **choices}


def main(arguments: Sequence[str]) -> None:
    """Train the run of a settings file into a folder, or write a text. Complete."""
    if len(arguments) < 2:
        sys.exit("Say which settings and which folder, then changes if any:\n" + __doc__)
    what, folder, *changes = arguments
    if what == "sample":
        choices = {name: json.loads(value) for name, value in (c.split("=") for c in changes)}
        written = sample(folder, **choices)
        SAMPLE.write_text(json.dumps(written, indent=1), encoding="utf-8")
        print(written["text"])
    else:
        record = run(read_settings(what, changes), folder)
        print(f"{folder}: loss {record['valid_loss']} after {record['steps']} steps")


if __name__ == "__main__":
    main(sys.argv[1:])
