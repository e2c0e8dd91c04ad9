"""The process in which a learner's code runs: one pytest session that writes down what happens.

    python -m lib.grading.child EVENTS ORDER

in the folder of the assignment. ORDER is a JSON object, see `Order`; each line of the file EVENTS
is one too, with a key "event": "importing", "collected", "begin", "end", "finished". Whatever the
code prints goes elsewhere, and if it ends the whole process, the file says in which test.
"""

import faulthandler
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest

from lib.grading.outcomes import CRASHED, CannotImport, Outcome, outcome_of, why_not_imported
from lib.grading.problems import Problem, read_problems
from lib.grading.rules import Finding, Watch

OPTIONS = ["--rootdir=.", "--confcutdir=.", "--continue-on-collection-errors"]
OPTIONS += ["-p", "no:terminal", "-p", "no:faulthandler"]
# Not the plugins of whoever develops the course: they load slowly, write files, or change code.
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@dataclass(frozen=True)
class Order:
    """What to run: the tests of these problems without those in `skip`; whom to watch."""

    problems: list[str]
    skip: list[str]
    findings: list[dict[str, Any]]


class Recorder:
    """A pytest plugin that runs the tests of an order and writes events."""

    def __init__(self, folder: Path, events: TextIO, trace: TextIO, order: Order) -> None:
        self.folder, self.events, self.trace, self.order = folder, events, trace, order
        self.known = {problem.id: problem for problem in read_problems(folder)}
        self.watch = Watch([Finding(**finding) for finding in order.findings])

    def write(self, event: str, **content: Any) -> None:
        self.events.write(json.dumps({"event": event, **content}) + "\n")
        self.events.flush()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test file that cannot be read counts for all problems that it checks."""
        if report.failed and report.nodeid not in self.order.skip:
            name = Path(report.nodeid).name
            message = f"{report.nodeid} cannot be read: {str(report.longrepr).splitlines()[-1]}"
            for problem in self.wanted():
                if problem.tests == name:
                    self.end(Outcome(report.nodeid, problem.id, CRASHED, message))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The wanted tests in the order of the problems; within one, as the file has them."""
        order = [problem.id for problem in self.wanted()]
        kept = [i for i in items if problem_of(i) in order and i.nodeid not in self.order.skip]
        items[:] = sorted(kept, key=lambda item: order.index(problem_of(item)))
        self.write("collected", n=len(items))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        seconds = self.known[problem_of(item)].seconds
        self.write("begin", test=item.nodeid, problem=problem_of(item), seconds=seconds)
        faulthandler.dump_traceback_later(seconds, file=self.trace)  # then the parent ends us
        self.error: BaseException | None = None
        self.printed = ""
        with self.watch:
            result = yield
        faulthandler.cancel_dump_traceback_later()
        outcome = outcome_of(self.error, item.nodeid, problem_of(item), self.folder)
        self.end(replace(outcome, printed=self.printed, against=self.watch.ran()))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        item.repr_failure = str  # nobody reads pytest's own account, and drawing it takes a while
        report = yield
        if call.excinfo is not None and self.error is None:
            self.error = call.excinfo.value
        self.printed = report.capstdout or self.printed
        return report

    def wanted(self) -> list[Problem]:
        return [problem for id, problem in self.known.items() if id in self.order.problems]

    def end(self, outcome: Outcome) -> None:
        self.write("end", outcome=asdict(outcome))


def problem_of(item: pytest.Item) -> str:
    """The id in the test's mark; empty without one."""
    mark = item.get_closest_marker("problem")
    return mark.args[0] if mark else ""


class Unusable(ModuleType):
    """Stands for a module that cannot be imported: whoever uses it is told why, and only they."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self.__dict__["__path__"] = []
        self.__dict__["_reason"] = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise CannotImport(self._reason)


class Tolerant(SourceFileLoader):
    """Loads a file of the learner; one that raises anything becomes Unusable, and imports go on."""

    folder: Path
    recorder: Recorder

    def exec_module(self, module: ModuleType) -> None:
        name = Path(self.path).relative_to(self.folder).as_posix()
        self.recorder.write("importing", module=name)
        try:
            super().exec_module(module)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            reason = why_not_imported(name, error, self.folder)
            sys.modules[module.__name__] = Unusable(module.__name__, reason)


class TolerantFinder:
    """Finds the learner's modules, all that is in the folder but the tests."""

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self.folder = folder
        self.loader = type("Loader", (Tolerant,), {"folder": folder, "recorder": recorder})

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        file = Path((spec and spec.origin) or "/")
        if file.suffix != ".py" or not file.is_relative_to(self.folder):
            return None
        if file.is_relative_to(self.folder / "tests"):
            return None
        spec.loader = self.loader(name, str(file))
        return spec


def main(events: str, order: str) -> int:
    folder = Path.cwd().resolve()
    sys.path.insert(0, str(folder))
    os.environ.update(NO_PLUGINS)
    with open(events, "w", encoding="utf-8") as file, open(f"{events}.trace", "w") as trace:
        recorder = Recorder(folder, file, trace, Order(**json.loads(order)))
        sys.meta_path.insert(0, TolerantFinder(folder, recorder))
        files = sorted({f"tests/{problem.tests}" for problem in recorder.wanted()})
        status = pytest.main([*OPTIONS, *files], plugins=[recorder])
        recorder.write("finished", status=int(status))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
