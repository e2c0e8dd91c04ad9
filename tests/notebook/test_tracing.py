"""What is written down: which statements, in which order, with what they changed.

Lines are counted from the `def` of the function watched, which is line 0.
"""

import contextlib
import sys
import threading
import types
import weakref
from functools import partial

import numpy as np
import pytest
import torch

from lib.notebook.recording import Recording
from lib.notebook.targets import functions_of
from lib.notebook.tracing import Tracing


def watch(fn, *args, into=(), limit=400) -> Recording:
    tracing = Tracing(limit)
    for thing in (fn, *into):
        for function in functions_of(thing):
            tracing.watch(function)
    with contextlib.suppress(ZeroDivisionError, LookupError):
        tracing.run(partial(fn, *args))
    return tracing.recording


def lines(recording: Recording) -> list[int]:
    start = recording.sources[0].first
    return [step.stack[-1].statement.first - start for step in recording.steps]


def changes(recording: Recording) -> list[dict[str, str]]:
    return [{name: v.text for name, v in step.changed.items()} for step in recording.steps]


def notes(recording: Recording) -> list[str]:
    return [step.note for step in recording.steps if step.note]


def summed(numbers):
    total = 0
    for n in numbers:
        total += n
    return total


def test_each_statement_with_what_it_changed():
    recording = watch(summed, [5, 7])
    assert lines(recording) == [0, 1, 2, 3, 2, 3, 2, 4]
    assert changes(recording) == [
        {"numbers": "[5, 7]"},
        {"total": "0"},
        {"n": "5"},
        {"total": "5"},
        {"n": "7"},
        {"total": "12"},
        {},
        {},
    ]
    assert notes(recording) == ["summed is called", "returns 12"]
    assert recording.complete


def test_iterations_are_counted_and_the_last_look_at_the_head_is_marked():
    rounds = [
        [(r.iteration, r.at_head) for r in step.rounds] for step in watch(summed, [1, 2]).steps
    ]
    head = True
    assert rounds == [
        *([], []),
        *([(1, head)], [(1, False)], [(2, head)], [(2, False)], [(3, head)]),
        [],
    ]


def nested():
    n = 0
    for _ in range(2):
        for _ in range(2):
            n += 1
    while True:
        n -= 1
        if n:
            continue
        break
    while n < 2: n += 1  # fmt: skip  # noqa: E701
    return n


def test_loops_inside_loops_and_loops_without_a_condition():
    recording = watch(nested)
    start = recording.sources[0].first
    bodies = [
        (step.rounds[0].line - start, [r.iteration for r in step.rounds])
        for step in recording.steps
        if "n" in step.changed and step.rounds and not step.rounds[-1].at_head
    ]
    inner = [(2, [1, 1]), (2, [1, 2]), (2, [2, 1]), (2, [2, 2])]
    assert bodies == [*inner, (5, [1]), (5, [2]), (5, [3]), (5, [4])]
    entries = {r.entry for step in recording.steps for r in step.rounds}
    assert len(entries) == 5  # the outer, the inner twice, and the two `while` loops


def endless(numbers):
    numbers = iter(numbers)
    try:
        while True:
            n = next(numbers)
    except StopIteration:
        return n


def test_a_loop_of_a_single_statement():
    recording = watch(endless, [5, 7])
    bodies = [step for step in recording.steps if step.rounds and not step.rounds[0].at_head]
    assert [step.rounds[0].iteration for step in bodies] == [1, 2, 3]
    assert [step.kind for step in bodies] == ["line", "line", "error"]


def loop_first(n):
    while True:
        while n % 3:
            n += 1
        for _ in "ab":
            n += 1
        if n > 9:
            return n


def test_a_loop_that_is_the_first_statement_of_another():
    recording = watch(loop_first, 1)  # n is 1 to 3, 5, then 6, 8, then 9, 11
    last = {}
    for step in recording.steps:
        for loop in step.rounds:
            last[loop.entry] = (loop.line - recording.sources[0].first, loop.iteration)
    outer, *inner = last.values()
    assert outer == (1, 3)
    assert inner == [(2, 3), (4, 3), (2, 2), (4, 3), (2, 2), (4, 3)]


def in_place():
    a = [1]
    b = a
    b.append(2)
    t = torch.zeros(2)
    t += 1
    x = np.zeros(2)
    x[1] = 3
    a = [1, 2]
    del b
    return a


def test_changes_in_place_show_under_every_name_and_deletions_too():
    recording = watch(in_place)
    assert changes(recording) == [
        {},
        {"a": "[1]"},
        {"b": "[1]"},
        {"a": "[1, 2]", "b": "[1, 2]"},
        {"t": "0, 0"},
        {"t": "1, 1"},
        {"x": "0, 0"},
        {"x": "0, 3"},
        {},  # bound anew to an equal list: nothing to see
        {},
        {},
    ]
    assert recording.steps[9].gone == ("b",)


def backward():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = w.square().sum()
    loss.backward()
    w.grad = None


def test_backward_shows_the_gradient_it_leaves():
    recording = watch(backward)
    assert changes(recording)[3] == {"w.grad": "2, 4"}
    assert recording.steps[4].gone == ("w.grad",)


def several_lines():
    pairs = [
        (a, b)
        for a in range(3)
        for b in range(3)
    ]  # fmt: skip
    key = max(
        pairs,
        key=lambda pair: pair[0] - pair[1],
    )
    squares = {a: a * a for a, _ in pairs}
    return sum(a for a in squares), key


def test_a_statement_over_several_lines_is_one_step_comprehensions_and_lambdas_included():
    assert lines(watch(several_lines)) == [0, 1, 6, 10, 11]


def countdown(n):
    while n:
        got = yield n
        n -= 1
    return got


def consume(n):
    total = 0
    for k in countdown(n):
        total += k
    return total


def test_a_generator_is_followed_across_its_yields():
    recording = watch(consume, 2, into=[countdown])
    inside = [step for step in recording.steps if step.stack[-1].name == "countdown"]
    assert [step.note for step in inside if step.note] == [
        "countdown is called",
        "yields 2",
        "yields 1",
        "countdown has nothing more to yield",
    ]
    assert {step.stack[-1].call for step in inside} == {1}
    assert {step.stack[0].name for step in recording.steps} == {"consume"}
    assert all(len(step.stack) == 2 for step in inside)
    got = [step for step in inside if "got" in step.changed]
    assert len(got) == 1 and got[0].changed["got"].text == "None"


def tidy():
    try:
        yield 1
    finally:
        closed = True  # noqa: F841


def peeks():
    first = next(countdown(3))
    for _ in tidy():
        break
    return first


def test_a_generator_that_is_dropped_half_way_is_no_error():
    recording = watch(peeks, into=[countdown, tidy])
    assert notes(recording) == [
        "peeks is called",
        *("countdown is called", "yields 3"),
        *("tidy is called", "yields 1"),
        "returns 3",
    ]
    assert {"closed": "True"} in changes(recording)


def delegate():
    yield from countdown(1)


def test_yield_from_passes_values_through_both():
    tracing = Tracing(400)
    for function in (delegate, countdown):
        tracing.watch(function)
    assert tracing.run(lambda: list(delegate())) == [1]
    recording = tracing.recording
    assert notes(recording) == [
        "delegate is called",
        "countdown is called",
        "yields 1",
        "yields 1",
        "countdown has nothing more to yield",
        "delegate has nothing more to yield",
    ]


def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


def test_recursion_is_a_stack():
    recording = watch(factorial, 3)
    assert [len(step.stack) for step in recording.steps] == [1, 1, 2, 2, 3, 3, 3, 2, 1]
    assert notes(recording)[3:] == ["returns 1", "returns 2", "returns 6"]
    assert [place.call for place in recording.steps[6].stack] == [0, 1, 2]


def caught(table):
    try:
        table["x"]
    except KeyError as problem:
        found = str(problem)
    finally:
        done = True
    return found, done


def test_an_error_that_is_caught_is_shown_at_its_line():
    recording = watch(caught, {})
    errors = [step for step in recording.steps if step.kind == "error"]
    assert [step.note for step in errors] == ["raises KeyError: 'x'"]
    assert lines(recording) == [0, 1, 2, 3, 4, 6, 7]
    assert recording.steps[4].gone == ("problem",)


def fails(n):
    try:
        return 1 / n
    finally:
        n = 5


def calls_fails():
    return fails(0)


def test_an_error_that_is_not_caught_is_shown_in_every_call_it_leaves():
    recording = watch(calls_fails, into=[fails])
    assert notes(recording)[2:] == [
        "raises ZeroDivisionError: division by zero",
        "ZeroDivisionError: division by zero, which leaves fails",
        "raises ZeroDivisionError: division by zero, which leaves calls_fails",
    ]


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if not self.n:
            raise StopIteration
        self.n -= 1
        return self.n


def test_the_end_of_an_iterator_is_no_error_for_its_loop():
    recording = watch(summed, Countdown(2))
    assert [step.kind for step in recording.steps if step.kind == "error"] == []


def with_inner():
    class Box:
        size = 3

        def double(self):
            return 2 * self.size

    def add(x):
        return x + box.size

    box = Box()
    with contextlib.suppress(KeyError):
        {}[0]
    return add(box.double())


def test_functions_and_classes_written_inside_are_followed():
    recording = watch(with_inner)
    names = list(dict.fromkeys(step.stack[-1].name for step in recording.steps))
    assert names == ["with_inner", "Box", "Box.double", "add"]
    assert "returns 9" in notes(recording)
    assert recording.steps[-1].stack[-1].name == "with_inner"


def other():
    return 1


def calls_other():
    return other()


def test_calls_not_asked_for_are_not_followed():
    assert {step.stack[-1].name for step in watch(calls_other).steps} == {"calls_other"}
    seen = []

    def local(frame, event, arg):
        seen.append(event)

    tracing = Tracing(10)
    tracing.watch(summed)
    tracing.run(lambda: seen.append(sys.gettrace()(sys._getframe(), "call", None)))
    assert seen == [None]  # Python then leaves such a frame alone


def test_at_the_limit_recording_stops_and_the_code_runs_on():
    tracing = Tracing(6)
    tracing.watch(summed)
    tracers = []
    numbers = (tracers.append(sys.gettrace()) or n for n in range(100))
    assert tracing.run(lambda: summed(numbers)) == 4950
    assert len(tracing.recording.steps) == 6 and not tracing.recording.complete
    assert tracers[0] is tracing and tracers[-1] is None
    exactly = watch(summed, [5, 7], limit=8)
    assert len(exactly.steps) == 8 and exactly.complete


def test_values_are_kept_as_they_were_and_not_kept_alive():
    class Big:
        pass

    gone = []

    def drops():
        big = Big()
        big.when = types.SimpleNamespace()
        finalizer = weakref.finalize(big, gone.append, "freed")
        big = None
        return finalizer.alive, big

    recording = watch(drops)
    assert gone == ["freed"]
    assert recording.steps[-1].note.startswith("returns (")


# Other tracers


def test_the_tracer_that_was_there_hears_everything_and_is_put_back():
    def events_of(run) -> list[tuple[str, str, int]]:
        heard = []

        def tracer(frame, event, arg):
            if frame.f_code in (consume.__code__, countdown.__code__, factorial.__code__):
                heard.append((frame.f_code.co_name, event, frame.f_lineno))
            return tracer

        sys.settrace(tracer)
        try:
            run()
            assert sys.gettrace() is tracer
        finally:
            sys.settrace(before)
        return heard

    before = sys.gettrace()
    plain = events_of(lambda: (consume(3), factorial(3)))
    assert len(plain) > 30
    for limit in (400, 5):  # watched to the end, and watched no longer after five steps
        tracing = Tracing(limit)
        tracing.watch(consume)
        tracing.watch(countdown)
        action = partial(tracing.run, lambda: (consume(3), factorial(3)))
        assert events_of(action) == plain
        assert len(tracing.recording.steps) == min(limit, 23)


def test_without_another_tracer_none_is_left_behind():
    before, in_threads = sys.gettrace(), threading.gettrace()
    watch(summed, [1])
    watch(fails, 0)
    assert sys.gettrace() is before and threading.gettrace() is in_threads


def test_a_tracer_that_the_code_itself_sets_is_kept():
    before = sys.gettrace()

    def own(frame, event, arg):
        return None

    try:
        watch(lambda: sys.settrace(own))
        assert sys.gettrace() is own
    finally:
        sys.settrace(before)


def test_coverage_counts_the_lines_that_are_stepped_through(tmp_path):
    coverage = pytest.importorskip("coverage")
    path = tmp_path / "counted.py"
    path.write_text(
        "def f(n):\n    a = n\n    b = g(a)\n    return b\n\n\ndef g(n):\n    return n\n\n\n"
        "def outer(watch):\n    recording = watch(f, 3)\n    kept = recording\n    return kept\n"
    )
    module = types.ModuleType("counted")
    measured = coverage.Coverage(data_file=None, include=[str(path)])
    measured.start()
    try:
        exec(compile(path.read_text(), str(path), "exec"), vars(module))
        recording = module.outer(watch)
    finally:
        measured.stop()
    assert [step.note for step in recording.steps if step.note] == ["f is called", "returns 3"]
    assert sorted(measured.get_data().lines(str(path))) == [*range(1, 5), 7, 8, *range(11, 15)]
