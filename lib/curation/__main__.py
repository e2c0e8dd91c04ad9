"""The command line: python -m lib.curation run | report | show.

    python -m lib.curation run pipeline.toml
    python -m lib.curation run pipeline.toml run.on=processes run.processes=4 run.folder=out
    python -m lib.curation run pipeline.toml run.on=ray run.address=auto
    python -m lib.curation report FOLDER
    python -m lib.curation show FOLDER

What a run has finished is kept: whoever is interrupted or killed calls the same again. How a
pipeline is written down is in description.py.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.curation.description import read_description
from lib.curation.pipeline import Pipeline, Run
from lib.curation.report import as_text, summary_table, write_report

EXPECTED = (ValueError, OSError, RuntimeError)  # their messages say what to do


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0, or 1 after a message about what went wrong."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except EXPECTED as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Run a pipeline, or go on with it; then write the report."""
    settings, steps = read_description(options.pipeline, options.override)
    done = Pipeline(steps).run(
        settings.folder,
        settings.runner(),
        resume=not options.afresh,
        keep_work=options.keep_work,
    )
    print(summary_table(done))
    print(f"\n{write_report(done)}")


def report(options: argparse.Namespace) -> None:
    """Write the page about a finished run."""
    print(write_report(Run(options.folder), options.file))


def show(options: argparse.Namespace) -> None:
    """Say what a run was and what it counted."""
    found = Run(options.folder)
    print(as_text(found.manifest["steps"]))
    print(f"\n{summary_table(found)}")
    for step in found.counts:
        for reason, n in sorted(step.dropped.items(), key=lambda pair: -pair[1]):
            print(f"{step.step}: {n:,} dropped: {reason}")
    for row in found.quarantined():
        print(f"quarantine: {row['step']}: {row['error']}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.curation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("run", help=run.__doc__)
    command.add_argument("pipeline", type=Path, help="a TOML file")
    command.add_argument(
        "override", nargs="*", metavar="run.field=value", help="replaces what the file says"
    )
    command.add_argument("--afresh", action="store_true", help="remove what an earlier run made")
    command.add_argument("--keep-work", action="store_true", help="keep records between stages")
    command.set_defaults(command=run)

    command = commands.add_parser("report", help=report.__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("file", type=Path, nargs="?", help="report.html in the folder")
    command.set_defaults(command=report)

    command = commands.add_parser("show", help=show.__doc__)
    command.add_argument("folder", type=Path)
    command.set_defaults(command=show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
