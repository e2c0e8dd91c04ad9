"""The problems of an assignment: what they are called, what they give, which tests check them.

They are listed in problems/*.toml of the assignment, in the order in which one does them:

    [[problem]]
    id = "train_bpe"
    title = "Train a byte-pair encoding"
    points = 15
    needs = ["merge"]                 # problems without which this one cannot work
    tests = "test_train_bpe.py"       # in tests/; the test functions carry @problem("train_bpe")
    hint = "basics/bpe.py: count the pairs of neighbours first."

Optional: `seconds`, after which one test of it is stopped; `rubric`, shown once it is solved.
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Problem:
    """One problem, as its table says it."""

    id: str
    title: str
    points: int
    tests: str
    hint: str
    needs: tuple[str, ...] = ()
    seconds: int = 60
    rubric: str = ""


def problem(id: str) -> pytest.MarkDecorator:
    """Mark a test as one of those that check a problem."""
    return pytest.mark.problem(id)


def read_problems(folder: Path) -> list[Problem]:
    """All problems of the assignment in `folder`, in order; ValueError where a table is wrong."""
    found: list[Problem] = []
    for path in sorted((folder / "problems").glob("*.toml")):
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("problem", [])
        for table in tables:
            one = _problem(table, f"{path.name}, problem {table.get('id', '?')!r}")
            known = {earlier.id for earlier in found}
            if one.id in known:
                raise ValueError(f"{path.name}: two problems are called {one.id!r}.")
            if unknown := set(one.needs) - known:
                raise ValueError(f"{path.name}: {one.id!r} needs {min(unknown)!r}, not yet listed.")
            found.append(one)
    return found


def _problem(table: dict[str, object], where: str) -> Problem:
    """One table as a Problem; the keys must be its fields."""
    known = [field.name for field in fields(Problem)]
    if wrong := set(table) - set(known):
        raise ValueError(f"{where}: there is no key {min(wrong)!r}. Choose from {known}.")
    if missing := [
        name for name in ("id", "title", "points", "tests", "hint") if name not in table
    ]:
        raise ValueError(f"{where}: the key {missing[0]!r} is missing.")
    return Problem(**{**table, "needs": tuple(table.get("needs", ()))})
