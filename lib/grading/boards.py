"""Which contest a leaderboard holds: each assignment brings its own.

leaderboard/contest.toml names the module, as in `module = "lib.grading.step_contest"`; without it
the contest is lib.grading.contest. Such a module has

    KEYS           what entry.toml says besides the claim: its keys and their types
    choices()      of the keys whose values are words: which words there are
    Score          a frozen dataclass of numbers and texts: what is claimed
    score(entry)   run the entry, and judge it; Unfit or BudgetSpent where it cannot be ranked
    disagreements(claimed, found)   what keeps a claim from being reproduced, sentences
    AGREEMENT      in words, what is left to chance
    order(entry)   what entries are sorted by
    page(entries, number)           leaderboard/README.md
    said(score)    a score in a line
"""

import importlib
import tomllib
from pathlib import Path
from types import ModuleType

CONTEST = "lib.grading.contest"


def contest_of(board: Path) -> ModuleType:
    """The contest of the leaderboard in this folder."""
    path = board / "contest.toml"
    named = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return importlib.import_module(named.get("module", CONTEST))


def board_number(board: Path) -> str:
    """The number of the assignment that the board belongs to."""
    return board.parent.name.partition("_")[0]


def cell(text: str) -> str:
    """Text that cannot leave its cell of a table."""
    return " ".join(text.replace("|", "\\|").split())
