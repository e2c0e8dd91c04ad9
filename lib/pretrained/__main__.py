"""The command line: python -m lib.pretrained show | check FOLDER.

`show` says what a checkpoint is, from its headers alone; `check` loads it and looks at all numbers.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from lib.model.config import n_params
from lib.pretrained.config_json import read_config
from lib.pretrained.load import load_pretrained
from lib.pretrained.settings import Settings
from lib.pretrained.shards import read_headers
from lib.pretrained.tokenizer_files import load_tokenizer

EXPECTED = (ValueError, OSError)  # their messages say what to do


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0, or 1 after a message about what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options.folder)
    except EXPECTED as error:
        print(error, file=sys.stderr)
        return 1


def show(folder: Path) -> int:
    """Say which model it is, how large, and how it is stored."""
    family, config = read_config(Settings.from_folder(folder))
    headers = read_headers(folder)
    dtypes = sorted({header.dtype for header in headers.values()})
    files = {header.file for header in headers.values()}
    for name, value in asdict(config).items():
        print(f"{name:18} {value}")
    print(f"\n{family}, {n_params(config):,} parameters")
    print(f"{len(headers)} tensors of {', '.join(dtypes)} in {len(files)} files")
    print(f"tokenizer: {load_tokenizer(folder)!r}")
    return 0


def check(folder: Path) -> int:
    """Load it, and say what is wrong with its numbers."""
    pretrained = load_pretrained(folder)
    found = list(_wrong(pretrained.model))
    print("\n".join(found) or f"{n_params(pretrained.config):,} parameters, all finite")
    return 1 if found else 0


def _wrong(model: torch.nn.Module) -> Iterator[str]:
    for name, weight in model.named_parameters():
        if odd := weight.numel() - int(weight.isfinite().sum()):
            yield f"{name}: {odd:,} of {weight.numel():,} numbers are infinite or none at all"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.pretrained", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True)
    for function in (show, check):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.add_argument("folder", type=Path)
        command.set_defaults(command=function)
    return parser


if __name__ == "__main__":
    sys.exit(main())
