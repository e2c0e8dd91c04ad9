"""Results as text: a line for every problem, then what is wrong, then what comes next."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from lib.grading.outcomes import NOT_HERE, NOT_WRITTEN, PASSED, WRONG, Outcome
from lib.grading.results import AGAINST, WAITS, Result
from lib.grading.rules import Finding

WIDTH = 100
LAST_LINES = 5  # of what the code printed


def report(results: list[Result], named: Iterable[str], findings: Iterable[Finding]) -> str:
    """The whole text. Problems in `named` are told in full; without any, those that are wrong."""
    told = [one for one in results if one.problem.id in set(named)]
    told = told or [one for one in results if one.state in (WRONG, AGAINST)] + following(results)
    parts = [table([row_of(one) for one in results])]
    parts += ["\n".join(details(one)) for one in told]
    parts += ["\n".join(["Against the rules:", *map(str, findings)])] if findings else []
    points, total = sum(one.points for one in results), sum(r.possible for r in results)
    return "\n\n".join([*filter(None, parts), f"{points} of {total} points"])


def following(results: Iterable[Result]) -> list[Result]:
    """The first problem that is not written, which is the next to do, or none."""
    return [one for one in results if one.state == NOT_WRITTEN][:1]


def row_of(one: Result) -> tuple[str, ...]:
    """State, problem, points, and what it waits for."""
    needs = f"needs {', '.join(one.open_needs)}" if one.state == WAITS else ""
    return one.state, one.problem.id, f"{one.points} of {one.possible}", needs


def details(one: Result) -> Iterator[str]:
    """Everything about one problem, line by line."""
    yield f"{one.problem.id}: {one.problem.title}"
    yield f"    {'state':>8}  {in_words(one)}"
    if one.failed:
        yield from _failure(one.failed)
    if one.failed and one.failed.kind == NOT_WRITTEN:
        yield from _labelled("hint", one.problem.hint)
    if one.state == PASSED and one.problem.rubric:
        yield from _labelled("compare", one.problem.rubric)
    for line in one.against:
        yield from _labelled("rule", line)


def in_words(one: Result) -> str:
    """How the problem stands, in a few words."""
    if not one.n_tests:
        return "no test of it ran"
    tests = f"{one.n_passed} of {one.n_tests} tests pass"
    if one.state == WAITS:
        return f"{tests}; first do {', '.join(one.open_needs)}"
    return {
        PASSED: f"passed: {one.points} of {one.problem.points} points",
        NOT_WRITTEN: "not written yet",
        NOT_HERE: "cannot be tested on this machine, and is left out of the points",
        AGAINST: "the tests pass, but code that they run breaks a rule: no points",
    }.get(one.state, f"wrong: {tests}")


def _failure(failed: Outcome) -> Iterator[str]:
    file, _, test = failed.test.partition("::")
    if failed.kind not in (NOT_WRITTEN, NOT_HERE):
        yield from _labelled("test", f"{test} in {file}" if test else file)
    yield from _labelled("given", failed.given)
    yield from _labelled("yours", failed.yours)
    yield from _labelled("expected", failed.expected)
    yield from _labelled("to do" if failed.kind == NOT_WRITTEN else "reason", failed.message)
    yield from _labelled("at", failed.where)
    yield from _labelled("printed", "\n".join(failed.printed.splitlines()[-LAST_LINES:]))


def _labelled(name: str, text: str) -> Iterator[str]:
    """Lines with the name before the first; long ones are broken, line ends are kept."""
    lines = [part for line in text.strip().splitlines() for part in wrap(line, WIDTH - 14) or [""]]
    for i, line in enumerate(lines):
        yield f"    {name if i == 0 else '':>8}  {line}"


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
