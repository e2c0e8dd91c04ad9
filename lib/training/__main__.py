"""The command line: python -m lib.training train | resume | sample | show | export.

Names of settings are those of `config`: `train config.toml optimizer.lr=0.001 run.steps=500`.

For several processes, each with a part of every batch:
  torchrun --nproc-per-node 2 -m lib.training train config.toml
They share weights, layers or matrices as [mesh] says, whose sizes multiply to their number:
  torchrun --nproc-per-node 8 -m lib.training train config.toml mesh.shard=4 mesh.tensor=2
On two machines that see the same files, on each of them (FIRST is the name of one):
  torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint FIRST:29400 \\
    -m lib.training train config.toml mesh.data=2 mesh.shard=8
(Where names do not lead to addresses: --local-addr ADDRESS, for FIRST --rdzv-conf is_host=true, and
the network's interface as GLOO_SOCKET_IFNAME, for GPUs as NCCL_SOCKET_IFNAME.)
Whoever crashes or is killed: all start again, from the last checkpoint, at most three times:
  torchrun --nproc-per-node 2 --max-restarts 3 -m lib.training train config.toml mesh.shard=-1
A run goes on with another number of processes, also a single one, and on another mesh:
  torchrun --nproc-per-node 4 -m lib.training resume FOLDER mesh.shard=2 mesh.pipeline=2

GPUs (run.device=cuda) talk by NCCL, which is for Linux; CPUs by gloo, on every system. A mesh on
GPUs, on macOS or on Windows has not been tried yet.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from lib.model.config import n_params
from lib.tokenization.own_json import load
from lib.training.checkpoint import MODEL, load_latest, paths
from lib.training.config import Config
from lib.training.divergence import Diverged
from lib.training.log import as_table, read_log
from lib.training.loop import drain
from lib.training.ranks import join_ranks, leave_ranks, restarted
from lib.training.run import CHECKPOINTS, CONFIG, LOG, Run, load_model, read_run, resume, start
from lib.training.sample import sample_tokens
from lib.training.settings import read_config, to_toml

EXAMPLE = """\
A config; whatever it leaves out has the value that lib/training/config.py and lib/model/config.py
give it:

  [model]
  vocab_size = 4096
  context = 256
  n_layers = 4
  width = 256
  n_heads = 8

  [data]
  train = "train.tokens"          # made by lib.tokenization.token_files.encode_file
  valid = "valid.tokens"
  tokenizer = "tokenizer.json"    # lib.tokenization.own_json
  batch = 32

  [run]
  folder = "runs/first"
  steps = 2000

  [mesh]                          # only under torchrun
  shard = -1                      # as many as there are processes
"""
EXPECTED = (ValueError, OSError, ImportError, Diverged)  # their messages say what to do


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0, or 1 after a message about what went wrong."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say(str(message))
        try:
            options.command(options)
            leave_ranks()
        except EXPECTED as error:
            _say(str(error))
            return 1
    return 0


def train(options: argparse.Namespace) -> None:
    """Start a run from a file; after a restart by torchrun, go on with it."""
    config = read_config(Config, options.config, options.override)
    ranks = join_ranks(config.run.device)
    folder = Path(config.run.folder)
    again = not ranks.agree(not restarted())  # torchrun does not tell those on other machines
    if ranks.agree((folder / CONFIG).exists()) and again:
        _train(resume(folder, ranks=ranks))
    else:
        _train(start(config, ranks))


def resume_run(options: argparse.Namespace) -> None:
    """Go on with the run of a folder."""
    device = read_run(options.folder, options.override).run.device
    _train(resume(options.folder, options.override, join_ranks(device)))


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


def export(options: argparse.Namespace) -> None:
    """Write the newest weights to one file of safetensors, whoever has trained them."""
    checkpoint = load_latest(options.folder / CHECKPOINTS)
    path = options.file or options.folder / MODEL
    save_file(checkpoint.weights, path)
    _say(f"{path}: the weights after step {checkpoint.step}")


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
    parser = argparse.ArgumentParser(
        prog="python -m lib.training", description=__doc__, epilog=EXAMPLE
    )
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

    command = commands.add_parser("export", help=export.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("file", type=Path, nargs="?", help="model.safetensors in the folder")
    command.set_defaults(command=export)

    command = commands.add_parser("show", help=show.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--rows", type=int, default=20, help="of the log")
    command.set_defaults(command=show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
