"""That somebody looked: words, which are not judged here."""

from lib.grading.answers import words
from lib.grading.problems import problem


@problem("inspect")
def test_kept_ones_are_described():
    words("inspect.kept", at_least=40)


@problem("inspect")
def test_dropped_ones_are_described():
    words("inspect.dropped", at_least=40)


@problem("inspect")
def test_a_change_is_described():
    words("inspect.changed", at_least=15)
