"""A process that runs an assignment's tests on the reference, then on every wrong answer.

    python tests/assignments/proof_run.py assignments/1_basics tests/assignments/basics RESULTS

Instead of starting pytest once per answer, the adapters' attributes are swapped. RESULTS is a JSON
file: outcomes of all tests on the reference, of one test on each wrong answer, and what does not
fit together.
"""

import importlib
import json
import os
import sys
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from wrong_answers import WrongAnswer, wrong_answers

from lib.grading import answers
from lib.grading.child import NO_PLUGINS, OPTIONS, Order, Recorder
from lib.grading.problems import read_problems


def adapters(name: str) -> ModuleType:
    """What the name of a module means in @wrong."""
    return answers if name == "answers" else importlib.import_module(f"adapters.{name}")


def public_functions(module: ModuleType) -> set[str]:
    """Names of what a module itself defines and others may call."""
    own = {
        n
        for n, thing in vars(module).items()
        if getattr(thing, "__module__", "") == module.__name__
    }
    return {name for name in own if callable(vars(module)[name]) and not name.startswith("_")}


def put_reference(folder: Path) -> list[str]:
    """Connect the adapters to the reference; one sentence for each that it lacks."""
    lacking = []
    for path in sorted((folder / "reference").glob("*.py")):
        reference = importlib.import_module(f"reference.{path.stem}")
        module = adapters(path.stem)
        for name in sorted(public_functions(module)):
            if not hasattr(reference, name):
                lacking.append(f"reference/{path.name} has no {name}")
            else:
                setattr(module, name, getattr(reference, name))
    answers.FOLDER = folder / "reference" / "answers"
    return lacking


def run(folder: Path, tests: list[str]) -> list[dict]:
    """Outcomes of these tests, or of all of them."""
    events = StringIO()
    order = Order([problem.id for problem in read_problems(folder)], [], [])
    recorder = Recorder(folder, events, sys.stderr, order)
    pytest.main([*OPTIONS, *(f"tests/{test}" for test in tests or [""])], plugins=[recorder])
    lines = map(json.loads, events.getvalue().splitlines())
    return [line["outcome"] for line in lines if line["event"] == "end"]


@contextmanager
def swapped(answer: WrongAnswer):
    """The wrong answer in its place for a while."""
    module = adapters(answer.module)
    before = getattr(module, answer.name)
    setattr(module, answer.name, answer.spoilt)
    try:
        yield
    finally:
        setattr(module, answer.name, before)


def on_wrong(folder: Path, answer: WrongAnswer) -> dict:
    """What the test that should catch the answer says to it; "outcome" may be missing."""
    found = {
        "name": answer.spoilt.__name__,
        "target": f"{answer.module}.{answer.name}",
        "caught_by": answer.caught_by,
    }
    if not hasattr(adapters(answer.module), answer.name):
        return found
    with swapped(answer):
        outcomes = run(folder, [answer.caught_by])
    failed = [outcome for outcome in outcomes if outcome["kind"] != "passed"]
    return {**found, "outcome": (failed or outcomes or [None])[0]}


def main(assignment: str, proofs: str, results: str) -> None:
    folder, proofs = Path(assignment).resolve(), Path(proofs).resolve()
    os.environ.update(NO_PLUGINS)
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(proofs)]
    lacking = put_reference(proofs)
    reference = run(folder, [])
    modules = [importlib.import_module(path.stem) for path in sorted(proofs.glob("wrong_*.py"))]
    wrong = [on_wrong(folder, answer) for module in modules for answer in wrong_answers(module)]
    found = {"lacking": lacking, "reference": reference, "wrong": wrong}
    Path(results).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
