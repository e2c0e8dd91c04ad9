"""Kneser-Ney against values by hand, against nltk, and against what probabilities must do."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from lib.corpora.samples import SAMPLES
from lib.curation.kneser_ney import (
    BEGIN,
    END,
    FALLBACK,
    UNKNOWN,
    KneserNey,
    count_grams,
    modified_discounts,
    thirds,
)
from lib.curation.shingles import words

TEXT = words(SAMPLES["English"])


def test_a_bigram_model_by_hand():
    """Of "ab" and "ac" with discount 1/2: six bigrams, of which (begin, a) occurs twice.

    Unigrams: a follows {begin}, b and c {a}, the end {b, c}: 1, 1, 1, 2 of 5; four kinds take
    4 * 1/2 of 5 for the five symbols a, b, c, end, unknown. After a: b and c once each, so
    (1 - 1/2) / 2 and half of the mass for the unigrams.
    """
    model = KneserNey(2, discount=0.5).fit(["ab", "ac"])
    uniform = (4 * 0.5 / 5) / 5
    unigram_b, unigram_end = 0.5 / 5 + uniform, 1.5 / 5 + uniform
    assert model.probability("b") == pytest.approx(unigram_b)
    assert model.probability(END) == pytest.approx(unigram_end)
    assert model.probability("?") == pytest.approx(uniform)
    after_a = 0.5 / 2 + 0.5 * unigram_b
    assert model.probability("b", "a") == pytest.approx(after_a)
    first = 1.5 / 2 + 0.25 * (0.5 / 5 + uniform)
    last = 0.5 + 0.5 * unigram_end
    assert model.score("ab") == pytest.approx(math.log(first * after_a * last))
    assert model.perplexity("ab") == pytest.approx((first * after_a * last) ** (-1 / 3))


def test_counts_of_lower_orders_are_of_different_neighbours():
    grams = count_grams([["san", "francisco"]] * 5 + [["in", "may"], ["a", "may"]], 2)
    assert grams[2]["san", "francisco"] == 5
    assert grams[1]["francisco",] == 1 and grams[1]["may",] == 2
    beginnings = count_grams(["ab", "ab", "ba"], 3)
    assert beginnings[2][BEGIN, "a"] == 2  # as often as it occurs
    assert beginnings[2]["a", "b"] == 1  # only after the beginning


def test_modified_discounts_by_hand():
    """n = 8, 4, 2, 1: Y = 8 / 16, D = 1 - 2 Y 4/8, 2 - 3 Y 2/4, 3 - 4 Y 1/2."""
    assert modified_discounts(Counter({1: 8, 2: 4, 3: 2, 4: 1})) == (0.5, 1.25, 2.0)
    assert modified_discounts(Counter({1: 8, 2: 4})) == FALLBACK


@pytest.mark.parametrize("n", [2, 3, 4])
def test_nltk_agrees(n):
    """It has no uniform distribution below the unigrams, so that discount is taken away here.

    Contexts are those inside of the text: at its beginning nltk counts neighbours, of which there
    are none.
    """
    ours = KneserNey(n, discount=0.75).fit([TEXT])
    ours.discounts[1], ours._left[()] = (0.0, 0.0, 0.0), 0.0
    peer = KneserNeyInterpolated(n, discount=0.75)
    padded = [BEGIN, *TEXT, END]
    peer.fit([list(everygrams(padded, max_len=n))], padded)
    for i in range(n, len(padded), 5):
        context = padded[i - n + 1 : i]
        for symbol in (padded[i], padded[5]):
            expected = peer.score(symbol, context)
            assert ours.probability(symbol, context) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("abc", max_size=8), min_size=1, max_size=8),
    n=st.integers(1, 4),
    discount=st.sampled_from([None, 0.3, 0.75]),
    context=st.text("abcx", max_size=4),
)
def test_probabilities_sum_to_one(texts, n, discount, context):
    model = KneserNey(n, discount).fit(texts)
    for given_symbols in (tuple(context), (BEGIN, *context[:2]), ()):
        found = [model.probability(symbol, given_symbols) for symbol in model.vocabulary]
        assert min(found) > 0 and sum(found) == pytest.approx(1, abs=1e-12)
    assert BEGIN not in model.vocabulary and UNKNOWN in model.vocabulary


def test_text_like_the_training_text_is_likelier():
    model = KneserNey(3).fit([words(line) for line in SAMPLES["English"].split(". ")])
    seen, shuffled = TEXT[:12], sorted(TEXT[:12])
    assert model.perplexity(seen) < 0.5 * model.perplexity(shuffled)
    characters = KneserNey(4).fit([SAMPLES["English"]])
    found = {name: characters.perplexity(text) for name, text in SAMPLES.items()}
    assert min(found, key=found.get) == "English"
    assert found["German"] < found["Greek"]  # which shares no letters with it


def test_the_repetition_trap():
    """Low perplexity is not quality: a repeated frequent phrase beats an honest sentence."""
    texts = [words("the cat of the house saw the dog of the garden")] * 3
    texts += [words("the end of the line of the train"), words("a dog saw a line")]
    model = KneserNey(3).fit(texts)
    honest = words("a cat saw the end of a train")
    assert model.perplexity(["of", "the"] * 8) < model.perplexity(honest)


def test_thirds():
    assert thirds([30.0, 10.0, 20.0, 60.0, 40.0, 50.0]) == words(
        "middle head head tail middle tail"
    )
    assert thirds([]) == []


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="at least 1"):
        KneserNey(0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        KneserNey(2, discount=1.5)
    with pytest.raises(ValueError, match="no text"):
        KneserNey(2).fit([])
