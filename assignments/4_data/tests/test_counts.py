"""What each step did, with a clock that is made up."""

from itertools import count

from adapters import pipeline
from lib.grading.answers import judge
from lib.grading.feedback import same
from lib.grading.problems import problem
from sieve.pipeline import Step

SHORT = Step("short", lambda text: text if len(text) < 4 else None)
LOWER = Step("lower", str.lower)
NO_B = Step("no b", lambda text: None if "b" in text else text)


def run(texts, steps):
    """What is left, and counts without seconds; the clock goes on by one at every look."""
    ticks = count()
    left, counts = pipeline.run_steps(texts, steps, lambda: float(next(ticks)))
    return list(left), [tuple(one)[:4] for one in counts], [one.seconds for one in counts]


@problem("filter_counts")
def test_each_step_gets_what_the_one_before_left():
    given = ["a", "B", "cccc", "D"]
    left, counts, _ = run(given, [SHORT, LOWER, NO_B])
    said = f"{given}; steps: shorter than 4, lower case, no b"
    same(left, ["a", "d"], given=said)
    same(counts, [("short", 4, 3, 0), ("lower", 3, 3, 2), ("no b", 3, 2, 0)], given=said)


@problem("filter_counts")
def test_only_none_drops():
    left, counts, _ = run(["xx", ""], [Step("empty", lambda text: "")])
    same(left, ["", ""], given='["xx", ""], a step that makes "" of everything')
    same(counts, [("empty", 2, 2, 1)], given='["xx", ""], a step that makes "" of everything')


@problem("filter_counts")
def test_seconds_are_those_of_the_calls():
    _, _, seconds = run(["a", "cccc", "b"], [SHORT, LOWER])
    same(seconds, [3.0, 2.0], given="3 texts, a step that drops one, another; a call takes 1 s")


@problem("filter_counts")
def test_a_step_to_which_nothing_comes():
    _, counts, seconds = run(["cccc"], [SHORT, LOWER])
    same(counts, [("short", 1, 0, 0), ("lower", 0, 0, 0)], given='["cccc"]; shorter than 4, lower')
    same(float(seconds[1]), 0.0, given="a step to which nothing comes: seconds")
    same(run([], [SHORT])[1], [("short", 0, 0, 0)], given="no texts at all")


@problem("filter_counts")
def test_texts_may_come_one_by_one():
    left, counts, _ = run((text for text in ("a", "b")), [NO_B, SHORT])
    same((left, counts[0][:3]), (["a"], ("no b", 2, 1)), given="a generator of 'a' and 'b'")


@problem("filter_counts")
def test_hours_for_all_files():
    right = 18 * 100_000 / 16 / 3600
    mistakes = {"There are 16 cores.": 16 * right, "This is in seconds.": 3600 * right}
    judge("filter_counts.hours", right, 5e-3, mistakes)


@problem("filter_counts")
def test_texts_that_are_left():
    right = 27_000 * 0.45 * 0.6 * 0.5
    mistakes = {"Each step sees only what the one before has left.": 27_000 * (1 - 0.55 - 0.4)}
    judge("filter_counts.texts_left", right, 1e-6, mistakes)
