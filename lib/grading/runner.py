"""Run a learner's tests in a process of their own, and hear of every test as it ends.

Code that never ends is stopped after the problem's time; code that kills its process only costs the
test that was running. In both cases a new process goes on with the rest.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from lib.grading.outcomes import CRASHED, Outcome, shortened
from lib.grading.rules import Finding

REPOSITORY = Path(__file__).resolve().parents[2]
IMPORT_SECONDS = 120.0
GRACE = 2.0  # seconds after the limit in which the child writes down where it was
PAUSE = 0.05
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # the tests' tensors are small: more threads only wait
PYTEST_RAN = (0, 1, 5)  # its exit status when all is well, a test failed, or there was none


class Unrunnable(RuntimeError):
    """The tests could not be started at all."""


def run_tests(
    folder: Path, problems: list[str], findings: list[Finding]
) -> Iterator[int | Outcome]:
    """First the number of tests, and again whenever it changes; then each test as it ends."""
    done: list[str] = []
    order = {"problems": problems, "findings": [asdict(finding) for finding in findings]}
    finished = False
    while not finished:
        finished = True
        for event in _session(folder, {**order, "skip": done}):
            if event["event"] == "collected":
                yield event["n"] + len(done)
            elif event["event"] == "end":
                outcome = event["outcome"]
                done.append(outcome["test"])
                yield Outcome(**{**outcome, "against": tuple(outcome["against"])})
                finished = not event.get("by_force")


def _session(folder: Path, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of one process; the test that it died in ends with the event `by_force`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        events = Path(place) / "events"
        events.touch()
        process = _start(folder, events, order)
        last: dict[str, Any] = {"event": "importing", "module": "this assignment"}
        try:
            for event in _follow(process, events):
                yield event
                last = event
        finally:
            _end(process)
        if last["event"] == "begin":
            yield {"event": "end", "outcome": asdict(_died(folder, events, last)), "by_force": True}
        elif last.get("status") not in PYTEST_RAN:
            where = f"in the import of {last['module']}" if "module" in last else "before any test"
            said = Path(f"{events}.stderr").read_text(encoding="utf-8", errors="replace").strip()
            raise Unrunnable(f"The process with the tests ended, or was stopped, {where}. {said}")


def _start(folder: Path, events: Path, order: dict[str, Any]) -> subprocess.Popen:
    """A Python without bytecode files in the learner's folder, which finds `lib`."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **ONE_THREAD}
    command = [sys.executable, "-m", "lib.grading.child", str(events), json.dumps(order)]
    nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with open(f"{events}.stderr", "wb") as stderr:
        return subprocess.Popen(command, cwd=folder, env=variables, stderr=stderr, **nothing)


def _follow(process: subprocess.Popen, events: Path) -> Iterator[dict[str, Any]]:
    """Events until there will be no more: the last one said so, the process ended, or hangs."""
    deadline, rest = time.monotonic() + IMPORT_SECONDS, ""
    with open(events, encoding="utf-8") as file:
        while True:
            ended = process.poll() is not None  # asked first, so that nothing is missed after it
            *lines, rest = (rest + file.read()).split("\n")
            for event in map(json.loads, lines):
                yield event
                if event["event"] == "finished":
                    return
                deadline = time.monotonic() + event.get("seconds", IMPORT_SECONDS) + GRACE
            if not lines and (ended or time.monotonic() > deadline):
                return
            time.sleep(0 if lines else PAUSE)


def _died(folder: Path, events: Path, last: dict[str, Any]) -> Outcome:
    """The outcome of the test in which the process ended or was ended."""
    trace = Path(f"{events}.trace").read_text(encoding="utf-8", errors="replace")
    message = "The whole process ended in this test."
    if trace:
        message = f"It was still running after {last['seconds']} seconds: an endless loop, perhaps."
    return Outcome(last["test"], last["problem"], CRASHED, message, _where(trace, folder))


def _where(trace: str, folder: Path) -> str:
    """The innermost of the learner's lines in what faulthandler wrote."""
    for path, line in re.findall(r'File "([^"]+)", line (\d+)', trace):
        own = shortened(path, folder.resolve())
        if own != path and not own.startswith("tests/"):
            return f"{own}, line {line}"
    return ""


def _end(process: subprocess.Popen) -> None:
    """End the process and whatever it started."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0 if process.poll() is None else None)
    if process.poll() is None:
        process.kill()
    process.wait()
