"""Run lectures one after the other and show a table: what `python run.py lectures` does."""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from tqdm import tqdm

from lib.notebook.execute import Run, execute, slowest
from lib.notebook.files import find_lectures, write_whole
from lib.notebook.normal_form import code_cells, fingerprint, normal_form, text_of
from lib.notebook.same import first_difference

COLOUR_CODES = r"\x1b\[[0-9;]*m"
HEAD = ("lecture", "result", "seconds", "slowest cell", "peak memory")


def run_lectures(paths: Iterable[Path], save: bool = False, same_as: Path | None = None) -> bool:
    """Run each, print what went wrong where, then the table; True if all went well.

    With `save`, lectures that went well keep their new outputs. `same_as` is a folder with the
    outputs of an earlier run, which this one has to repeat.
    """
    rows = []
    for path in paths:
        run = _with_progress(path)
        if not run.error and same_as:
            run.error = first_difference(nbformat.read(same_as / path.name, 4), run.notebook)
        if run.error:
            colours = "" if sys.stderr.isatty() else COLOUR_CODES
            print(f"\n{path.name}\n\n{re.sub(colours, '', run.error)}\n", file=sys.stderr)
        elif save:
            keep(path, run.notebook)
        rows.append(_row(path, run))
    print(_table([HEAD, *rows]) if rows else "There are no lectures yet.", flush=True)
    return all(row[1] == "passed" for row in rows)


def keep(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Store a notebook with its present outputs and with the mark of the code that made them."""
    nb = normal_form(notebook)
    nb["metadata"].setdefault("lecture", {})["executed"] = fingerprint(nb)
    write_whole(path, text_of(nb))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python run.py lectures", description=__doc__)
    parser.add_argument("lectures", nargs="*", help="numbers (1), names or paths; all without")
    parser.add_argument("--save", action="store_true", help="keep the outputs in the notebooks")
    parser.add_argument("--same-as", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    try:
        paths = find_lectures(chosen.lectures)
    except LookupError as error:
        parser.error(str(error))
    try:
        return 0 if run_lectures(paths, chosen.save, chosen.same_as) else 1
    except KeyboardInterrupt:
        return 130


def _with_progress(path: Path) -> Run:
    total = len(code_cells(nbformat.read(path, 4)))
    with tqdm(total=total, desc=path.stem, unit="cell", leave=False, disable=None) as bar:
        return execute(path, on_cell=lambda cell_id: bar.update())


def _row(path: Path, run: Run) -> tuple[str, ...]:
    cell, seconds = slowest(run)
    result = "FAILED" if run.error else "passed"
    memory = f"{run.peak_bytes / 2**20:.0f} MiB"
    return path.stem, result, f"{run.seconds:.1f}", f"{cell} ({seconds:.1f} s)", memory


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
