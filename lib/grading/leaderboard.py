"""The commands of a leaderboard.

    python run.py leaderboard 1                    the ranking
    python run.py leaderboard 1 check <entry>      train it again here, and compare with its claim
    python run.py leaderboard 1 add <folder>       train it, write down the score, rank it
    python run.py leaderboard 1 table              write leaderboard/README.md anew

What an entry is: lib.grading.contest (the code) and lib.grading.entries (entry.toml).
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from lib.corpora.cache import atomic_file
from lib.grading.assignments import find_assignment
from lib.grading.contest import Score, score
from lib.grading.entries import Entry, markdown, read_entries, read_entry, write_claim
from lib.grading.evaluation import Unfit
from lib.grading.flop_meter import BudgetSpent

TOLERANCE = 0.01  # relative: other processors and numbers of threads round differently


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
    entry = read_entry(board / "entries" / name)
    if entry.claim is None:
        raise Refused(f"{name} claims nothing yet: run  leaderboard 1 add {name}")
    found = run(entry)
    print(f"claimed     {said(entry.claim)}\nreproduced  {said(found)}")
    problems = disagreements(entry.claim, found)
    if problems:
        raise Refused("\n".join(problems))
    print(f"{name} is reproduced: both numbers within {TOLERANCE:.0%} of the claim.")


def add(board: Path, folder: str) -> None:
    """Run an entry, note its score, and rank it; one from elsewhere is copied in."""
    inside = board / "entries" / Path(folder).name
    if not inside.exists():
        if not Path(folder).is_dir():
            raise Refused(f"There is no folder {folder}, neither here nor in {board / 'entries'}.")
        read_entry(Path(folder))
        shutil.copytree(folder, inside, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    entry = read_entry(inside)
    entry = write_claim(entry, run(entry))
    write_table(board)
    print(f"{entry.name}: {said(entry.claim)}. It stands in {board.name}/README.md.")


def write_table(board: Path) -> None:
    """Bring the page up to date with the entries."""
    with atomic_file(board / "README.md") as file:
        file.write(markdown(read_entries(board), board_number(board)))


def run(entry: Entry) -> Score:
    """The entry's score on this machine; Refused where it is unfit."""
    try:
        return score(entry.folder, entry.track, entry.budget, entry.seed)
    except (Unfit, BudgetSpent) as error:
        raise Refused(f"{entry.name} cannot be ranked: {error}") from None


def disagreements(claimed: Score, found: Score) -> list[str]:
    """What keeps a claim from being reproduced, one sentence each."""
    if claimed.corpus != found.corpus:
        return [
            f"The claim is about the text {claimed.corpus}, and here it is {found.corpus}: docs "
            "follow the installed versions. The numbers cannot be compared."
        ]
    problems = []
    for what in ("bits_per_byte", "flops"):
        ours, theirs = getattr(found, what), getattr(claimed, what)
        if abs(ours - theirs) > TOLERANCE * abs(theirs):
            by = f"{(ours - theirs) / theirs:+.1%}" if theirs else "infinitely"
            problems.append(f"{what} is {ours:.5g} here, which differs from the claim by {by}.")
    return problems


def said(score: Score) -> str:
    return f"{score.bits_per_byte:.4f} bits per byte, {score.flops:.3e} FLOPs, text {score.corpus}"


def board_number(board: Path) -> str:
    """The number of the assignment that the board belongs to."""
    return board.parent.name.partition("_")[0]


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
