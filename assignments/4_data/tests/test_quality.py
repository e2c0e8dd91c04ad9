"""Telling what to wish for from a crawl, some of which is good, too."""

from functools import cache

from adapters import filters
from lib.grading.answers import words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.grading.raw_crawl import good_texts, truth

GOOD = {"article", "story", "thread", "maths"}


def texts_of(seed: int, kinds: set[str]) -> list[str]:
    pages = truth(seed).values()
    return [p.main_text for p in pages if p.kind in kinds and len(p.main_text.split()) >= 50]


@cache
def crawled() -> list[str]:
    return [one.main_text for one in truth(4).values() if one.main_text]


def ahead(score, good: list[str], bad: list[str]) -> float:
    """The share of pairs in which the good text has the higher score."""
    highs, lows = [score(text) for text in good], [score(text) for text in bad]
    wins = sum((high > low) + 0.5 * (high == low) for high in highs for low in lows)
    return wins / (len(highs) * len(lows))


@problem("quality_classifier")
def test_good_pages_score_higher_than_junk():
    score = filters.quality_classifier(good_texts(5), crawled())
    share = ahead(score, texts_of(1, GOOD), texts_of(1, {"spam", "foreign"}))
    rule = "Of a good text and one of junk, the good one scores higher, in 97% of all pairs."
    holds(share > 0.97, rule, given="a new crawl", yours=f"{share:.1%}")


@problem("quality_classifier")
def test_it_finds_good_pages_and_leaves_junk():
    score = filters.quality_classifier(good_texts(5), crawled())
    good, bad = texts_of(1, GOOD), texts_of(1, {"spam", "foreign"})
    limit = sorted((score(text) for text in good), reverse=True)[int(0.8 * len(good))]
    wrong = sum(score(text) >= limit for text in bad)
    rule = "A limit that keeps 80% of the good texts keeps at most 5% of the junk."
    given = f"a new crawl, scores of {limit:.3g} and more"
    holds(wrong <= 0.05 * len(bad), rule, given=given, yours=f"{wrong} of {len(bad)} junk")


@problem("quality_classifier")
def test_both_sides_count_the_same():
    good, junk = ["the cake was good"], ["buy cheap cash now", "click here now"] * 30
    score = filters.quality_classifier(good, [*junk, "the cake"])
    high = score("the cake was good")
    rule = "Both sides count the same, however many texts each has: a good text scores above 0.5."
    holds(high > 0.5, rule, given=f"{good} against 61 texts of a crawl", yours=high)


@problem("quality_classifier")
def test_scores_are_between_0_and_1():
    score = filters.quality_classifier(["the cake was good"] * 5, ["buy cheap cash now"] * 5)
    for text in ("the cake", "buy cheap", "never seen", "cake " * 1000):
        found = score(text)
        holds(0 <= found <= 1, "A score lies between 0 and 1.", given=repr(text[:20]), yours=found)
    holds(score("the cake") > score("buy cheap"), "Good ones score higher, not lower.")
    same(float(score("")), 0.0, given="the empty text")


@problem("quality_classifier")
def test_what_it_learned_is_described():
    words("quality_classifier.learned", at_least=25)
