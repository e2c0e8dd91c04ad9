"""Grade an assignment: run its tests on the learner's code, print a report, keep the points.

    python run.py grade                     all assignments, and the points reached so far
    python run.py grade 1                   every problem of assignment 1
    python run.py grade 1 softmax adamw     these, and those that they need

Exit status: 0 if nothing that is written is wrong, 1 if something is, 2 if it was called wrongly.
What was found is kept in grade.json beside the problems.
"""

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from tqdm import tqdm

from lib.grading.assignments import assignments, find_assignment
from lib.grading.outcomes import WRONG, Outcome
from lib.grading.problems import Problem, read_problems
from lib.grading.report import report, table
from lib.grading.results import (
    AGAINST,
    Result,
    points_possible,
    points_reached,
    results_of,
    save,
    saved,
)
from lib.grading.rules import Finding, find
from lib.grading.runner import Unrunnable, run_tests

INTERRUPTED = 130  # the shells' exit status for Ctrl-C


def grade(
    folder: Path, names: Iterable[str] = (), progress: bool = False
) -> tuple[list[Result], list[Finding]]:
    """Results of these problems and of what they need, or of all, and all that breaks a rule.

    They are saved too. LookupError where a name is unknown, Unrunnable where no test can run.
    """
    problems = chosen(read_problems(folder), list(names))
    findings = find(folder)
    outcomes = []
    with tqdm(unit=" tests", leave=False, disable=None if progress else True) as bar:
        for news in run_tests(folder, [problem.id for problem in problems], findings):
            if isinstance(news, Outcome):
                outcomes.append(news)
                bar.set_description(news.problem, refresh=False)
                bar.update()
            else:
                bar.reset(total=news)
                bar.update(len(outcomes))
    results = results_of(problems, outcomes)
    save(folder, results)
    return results, findings


def chosen(problems: list[Problem], names: list[str]) -> list[Problem]:
    """The problems of these names and all that they need, in order; all without names."""
    by_id = {problem.id: problem for problem in problems}
    for name in names:
        if name not in by_id:
            near = get_close_matches(name, by_id, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(by_id)}."
            raise LookupError(f"There is no problem '{name}'. {hint}")
    wanted, more = set(), set(names or by_id)
    while more:
        wanted |= more
        more = {need for id in more for need in by_id[id].needs} - wanted
    return [problem for problem in problems if problem.id in wanted]


def overview() -> str:
    """A line for each assignment."""
    rows = []
    for folder in assignments():
        problems = read_problems(folder)
        rows_before = saved(folder)
        reached = points_reached(problems, rows_before)
        total = points_possible(problems, rows_before)
        rows.append((folder.name.partition("_")[0], folder.name, f"{reached} of {total} points"))
    return table([*rows, ("", "", "")]) + "Grade one:  python run.py grade <number>"


def main(arguments: list[str]) -> int:
    if not arguments:
        print(overview())
        return 0
    try:
        folder = find_assignment(arguments[0])
        results, findings = grade(folder, arguments[1:], progress=True)
    except (LookupError, ValueError, Unrunnable) as error:
        print(error.args[0])
        return 2
    except KeyboardInterrupt:
        print("Stopped.")
        return INTERRUPTED
    print(report(results, arguments[1:], findings))
    wrong = [one for one in results if one.state in (WRONG, AGAINST)]
    return 1 if wrong or findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
