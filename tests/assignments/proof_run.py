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
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from wrong_answers import WrongAnswer, wrong_answers

from lib.grading import answers
from lib.grading.child import NO_PLUGINS, OPTIONS, Order, Recorder
from lib.grading.outcomes import PASSED, Outcome
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


class Proof(Recorder):
    """One session of pytest that runs all tests on the reference, then one on each wrong answer."""

    def __init__(self, folder: Path, wrong: list[WrongAnswer]) -> None:
        problems = [problem.id for problem in read_problems(folder)]
        super().__init__(folder, StringIO(), sys.stderr, Order(problems, [], []))
        self.wrong_answers, self.ended = wrong, []
        self.found = {}

    def end(self, outcome: Outcome) -> None:
        self.ended.append(asdict(outcome))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.run(session.items)
        self.found["reference"] = self.ended
        self.found["wrong"] = [self.on_wrong(one, session.items) for one in self.wrong_answers]
        return True

    def on_wrong(self, answer: WrongAnswer, items: list[pytest.Item]) -> dict:
        """What the test that should catch it says; "outcome" is None if there is no such test."""
        test = f"tests/{answer.caught_by}"
        meant = [i for i in items if i.nodeid == test or i.nodeid.startswith(f"{test}[")]
        self.ended = []
        if hasattr(adapters(answer.module), answer.name):
            with swapped(answer):
                self.run(meant)
        failed = [outcome for outcome in self.ended if outcome["kind"] != PASSED]
        return {
            "name": answer.spoilt.__name__,
            "target": f"{answer.module}.{answer.name}",
            "caught_by": answer.caught_by,
            "outcome": (failed or self.ended or [None])[0],
        }

    def run(self, items: list[pytest.Item]) -> None:
        for item in items:
            item._initrequest()  # fixtures afresh: an item may run more than once
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


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


def main(assignment: str, proofs: str, results: str) -> None:
    folder, proofs = Path(assignment).resolve(), Path(proofs).resolve()
    os.environ.update(NO_PLUGINS)
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(proofs)]
    lacking = put_reference(proofs)
    modules = [importlib.import_module(path.stem) for path in sorted(proofs.glob("wrong_*.py"))]
    proof = Proof(folder, [answer for module in modules for answer in wrong_answers(module)])
    pytest.main([*OPTIONS, "tests"], plugins=[proof])
    found = {"lacking": lacking, **proof.found}
    Path(results).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
