"""From tests to problems: who gets which points, and where that is kept.

A problem's points are all or nothing. `waits` is a problem that fails while one that it needs is
not done: it may well be right. A problem that this machine cannot test is `not here`: it gives no
points and asks for none.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.corpora.cache import read_json, write_json
from lib.grading.outcomes import NOT_HERE, NOT_WRITTEN, PASSED, WRONG, Outcome
from lib.grading.problems import Problem

WAITS, AGAINST = "waits", "against the rules"  # beside the kinds of outcomes
SAVED = "grade.json"  # in the assignment's folder; git ignores it


@dataclass(frozen=True)
class Result:
    """How a problem stands. `failed` is its first test that did not pass: the smallest input."""

    problem: Problem
    state: str
    n_passed: int
    n_tests: int
    failed: Outcome | None = None
    open_needs: tuple[str, ...] = ()
    against: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """All that the problem gives, or none."""
        return self.problem.points if self.state == PASSED else 0

    @property
    def possible(self) -> int:
        """What it could give on this machine."""
        return 0 if self.state == NOT_HERE else self.problem.points


def results_of(problems: Iterable[Problem], outcomes: Iterable[Outcome]) -> list[Result]:
    """One result for each problem, in order; what a problem needs must be among them."""
    by_problem: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_problem.setdefault(outcome.problem, []).append(outcome)
    found: dict[str, Result] = {}
    for problem in problems:
        done = by_problem.get(problem.id, [])
        open_needs = tuple(need for need in problem.needs if not _is_done(found[need]))
        found[problem.id] = _result(problem, done, open_needs)
    return list(found.values())


def _result(problem: Problem, outcomes: list[Outcome], open_needs: tuple[str, ...]) -> Result:
    absent = [outcome for outcome in outcomes if outcome.kind == NOT_HERE]
    failed = [outcome for outcome in outcomes if outcome.kind not in (PASSED, NOT_HERE)]
    wrong = [outcome for outcome in failed if outcome.kind != NOT_WRITTEN]
    against = tuple(dict.fromkeys(line for outcome in outcomes for line in outcome.against))
    if absent and not wrong:
        state = NOT_HERE
    elif not failed and outcomes:
        state = AGAINST if against else PASSED
    elif open_needs:
        state = WAITS
    else:
        state = WRONG if wrong else NOT_WRITTEN
    first = next(iter(absent if state == NOT_HERE else wrong or failed), None)
    n_passed = len(outcomes) - len(failed) - len(absent)
    return Result(problem, state, n_passed, len(outcomes), first, open_needs, against)


def save(folder: Path, results: Iterable[Result]) -> None:
    """Add the results to what earlier runs found, atomically."""
    problems = saved(folder)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    for one in results:
        row = {"state": one.state, "points": one.points, "of": one.possible, "when": now}
        row |= {"tests_passed": one.n_passed, "tests": one.n_tests}
        row |= {"first_failure": asdict(one.failed) if one.failed else None}
        problems[one.problem.id] = row
    write_json(folder / SAVED, {"assignment": folder.name, "problems": problems})


def saved(folder: Path) -> dict[str, Any]:
    """What earlier runs found, by problem; empty where there was none, or the file is damaged."""
    try:
        return (read_json(folder / SAVED) or {}).get("problems", {})
    except json.JSONDecodeError:
        return {}


def _is_done(result: Result) -> bool:
    return result.state in (PASSED, NOT_HERE)


def points_possible(problems: Iterable[Problem], rows: Mapping[str, Any]) -> int:
    """Points of all problems but those that could not be tested here when they were graded."""
    return sum(p.points for p in problems if rows.get(p.id, {}).get("state") != NOT_HERE)


def points_reached(problems: Iterable[Problem], rows: Mapping[str, Any]) -> int:
    """Points of the problems that were done when they were last graded."""
    return sum(p.points for p in problems if rows.get(p.id, {}).get("state") == PASSED)
