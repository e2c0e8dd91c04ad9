"""The command line: python -m lib.training train | resume | sample | show.

Names of settings are those of `config`: `train config.toml optimizer.lr=0.001 run.steps=500`.
For several processes: torchrun --nproc-per-node 2 -m lib.training train config.toml
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from lib.model.config import n_params
from lib.tokenization.own_json import load
from lib.training.checkpoint import paths
from lib.training.config import Config
from lib.training.divergence import Diverged
from lib.training.log import as_table, read_log
from lib.training.loop import drain
from lib.training.ranks import join_ranks
from lib.training.run import CHECKPOINTS, LOG, Run, load_model, read_run, resume, start
from lib.training.sample import sample_tokens
from lib.training.settings import read_config, to_toml

EXPECTED = (ValueError, OSError, ImportError, Diverged)  # their messages say what to do


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0, or 1 after a message about what went wrong."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say(str(message))
        try:
            options.command(options)
        except EXPECTED as error:
            _say(str(error))
            return 1
    return 0


def train(options: argparse.Namespace) -> None:
    """Start a run from a file."""
    config = read_config(Config, options.config, options.override)
    _train(start(config, join_ranks()))


def resume_run(options: argparse.Namespace) -> None:
    """Go on with the run of a folder."""
    _train(resume(options.folder, options.override, join_ranks()))


def sample(options: argparse.Namespace) -> None:
    """Write text that follows a prompt."""
    path = options.tokenizer or read_run(options.folder).data.tokenizer
    if path is None:
        raise ValueError(
            "The run's config names no data.tokenizer, so ids cannot become text. "
            "Say which with --tokenizer FILE."
        )
    (model, _), tokenizer = load_model(options.folder), load(path)
    ids = tokenizer.encode(options.prompt, "all")
    new = sample_tokens(
        model,
        ids,
        options.tokens,
        temperature=options.temperature,
        generator=torch.Generator().manual_seed(options.seed),
    )
    print(tokenizer.decode([*ids, *new]))


def show(options: argparse.Namespace) -> None:
    """Say what a run is and how it went."""
    config, saved = read_run(options.folder), paths(options.folder / CHECKPOINTS)
    print(to_toml(config))
    print(f"{n_params(config.model):,} parameters")
    print(f"checkpoints: {', '.join(path.name for path in saved) or 'none'}\n")
    print(as_table(read_log(options.folder / LOG), options.rows))


def _train(run: Run) -> None:
    if run.ranks.rank > 0:
        drain(run.steps(), run.config.run.steps, progress=False)
        return
    _say(f"{n_params(run.config.model):,} parameters, step {run.step} of {run.config.run.steps}")
    drain(run.steps(), run.config.run.steps)
    print(as_table(read_log(run.folder / LOG)))


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True)
    settings = {"nargs": "*", "metavar": "name.field=value", "help": "replaces what the file says"}

    command = commands.add_parser("train", help=train.__doc__)
    command.add_argument("config", type=Path, help="a TOML file")
    command.add_argument("override", **settings)
    command.set_defaults(command=train)

    command = commands.add_parser("resume", help=resume_run.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("override", **settings)
    command.set_defaults(command=resume_run)

    command = commands.add_parser("sample", help=sample.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--prompt", required=True)
    command.add_argument("--tokens", type=int, default=200, help="how many to write")
    command.add_argument("--temperature", type=float, default=0.8, help="0: always the likeliest")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--tokenizer", type=Path, help="if the config names none")
    command.set_defaults(command=sample)

    command = commands.add_parser("show", help=show.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--rows", type=int, default=20, help="of the log")
    command.set_defaults(command=show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
