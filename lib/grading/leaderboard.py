"""The commands of a leaderboard.

    python run.py leaderboard 1                    the ranking
    python run.py leaderboard 1 check <entry>      run it again here, and compare with its claim
    python run.py leaderboard 1 add <folder>       run it, write down the score, rank it
    python run.py leaderboard 1 table              write leaderboard/README.md anew

What an entry is, and how it is judged, is the contest's affair: lib.grading.contest (models trained
under a budget, assignment 1), lib.grading.step_contest (a fast training step, assignment 2),
lib.grading.data_contest (a filter, assignment 4). Their files are in lib.grading.entries, and
lib.grading.boards says which leaderboard holds which contest.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib.corpora.cache import atomic_file
from lib.grading.assignments import find_assignment
from lib.grading.boards import board_number, contest_of
from lib.grading.entries import Entry, markdown, read_entries, read_entry, write_claim
from lib.grading.evaluation import Unfit
from lib.grading.flop_meter import BudgetSpent


class Refused(Exception):
    """A sentence for whoever typed the command."""


def show(board: Path) -> None:
    """Print the page, which is made for reading as text too."""
    entries = read_entries(board)
    print(markdown(entries, board_number(board)) if entries else "There is no entry yet.")


def check(board: Path, name: str) -> None:
    """Reproduce one entry; Refused where the claim does not hold here."""
    known = [entry.name for entry in read_entries(board)]
    if name not in known:
        raise Refused(f"There is no entry '{name}'. There are: {', '.join(known) or 'none yet'}.")
    contest = contest_of(board)
    entry = read_entry(board / "entries" / name, contest)
    if entry.claim is None:
        number = board_number(board)
        raise Refused(f"{name} claims nothing yet: run  leaderboard {number} add {name}")
    found = run(entry)
    print(f"claimed     {contest.said(entry.claim)}\nreproduced  {contest.said(found)}")
    problems = contest.disagreements(entry.claim, found)
    if problems:
        raise Refused("\n".join(problems))
    print(f"{name} is reproduced: {contest.AGREEMENT}.")


def add(board: Path, folder: str) -> None:
    """Run an entry, note its score, and rank it; one from elsewhere is copied in."""
    inside = board / "entries" / Path(folder).name
    if not inside.exists():
        if not Path(folder).is_dir():
            raise Refused(f"There is no folder {folder}, neither here nor in {board / 'entries'}.")
        read_entry(Path(folder), contest_of(board))
        shutil.copytree(folder, inside, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    entry = read_entry(inside, contest_of(board))
    entry = write_claim(entry, run(entry))
    write_table(board)
    print(f"{entry.name}: {entry.contest.said(entry.claim)}. It stands in {board.name}/README.md.")


def write_table(board: Path) -> None:
    """Bring the page up to date with the entries."""
    with atomic_file(board / "README.md") as file:
        file.write(markdown(read_entries(board), board_number(board)))


def run(entry: Entry) -> Any:
    """The entry's score on this machine; Refused where it is unfit."""
    try:
        return entry.contest.score(entry)
    except (Unfit, BudgetSpent) as error:
        raise Refused(f"{entry.name} cannot be ranked: {error}") from None


VERBS: dict[str, Callable[..., None]] = {"check": check, "add": add, "table": write_table}


def main(arguments: list[str]) -> int:
    try:
        number, verb, *rest = [*arguments, *["", ""][len(arguments) :]]
        wanted = 0 if verb in ("", "table") else 1
        if not number or (verb and verb not in VERBS) or len(rest) != wanted:
            raise Refused(__doc__)
        board = find_assignment(number) / "leaderboard"
        VERBS[verb](board, *rest) if verb else show(board)
    except (Refused, ValueError, LookupError) as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("Stopped. Nothing was written.")
        return 130  # the shells' exit status for Ctrl-C
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
