"""The grammar engine on languages small enough to list every text."""

import math
from collections import Counter
from random import Random

import pytest

from lib.corpora.grammar import Call, Draw, Grammar, Say, form
from lib.corpora.grammar_ambiguity import ambiguities
from lib.corpora.grammar_entropy import entropy_rate
from lib.corpora.grammar_likelihood import derivations, log_prob


def names(*values):
    return [{"name": value} for value in values]


ANIMALS = [
    {"name": "fox", "cry": "yip"},
    {"name": "owl", "cry": "hoo hoo"},
    {"name": "bee", "cry": "bzz"},
]
FOODS = {"fox": names("eggs", "plums"), "owl": names("mice"), "bee": names("nectar", "sap", "dew")}
SMALL = Grammar(
    {
        "start": {"<meet> {one.Cry}!": 3, "Nothing happened.": 1},
        "meet": {
            "{one.A:animals} met {two.a:animals}.": 1,
            "{one.A:animals} ate {food:foods@one}.": 2,
        },
    },
    {"animals": ANIMALS, "foods": FOODS},
)  # fmt: skip


def truth(grammar):
    """Entropy in bits and mean lengths, by listing the language."""
    texts = Counter()
    for text, p in grammar.language():
        texts[text] += p
    bits = -sum(p * math.log2(p) for p in texts.values())
    words = sum(p * len(text.split()) for text, p in texts.items())
    n_bytes = sum(p * len(text.encode()) for text, p in texts.items())
    return texts, bits, words, n_bytes


def test_marks():
    (way,) = Grammar({"start": {"A {x.a:list@y}, {x}<rule>.": 1}}, {}).rules["start"]
    assert way.atoms == (
        "A ",
        Draw("x", "a", "list", "y"),
        ", ",
        Say("x", "name"),
        Call("rule"),
        ".",
    )


def test_forms():
    owl = ANIMALS[1]
    assert [form(owl, f) for f in ("name", "a", "A", "cry", "Cry")] == [
        "owl",
        "an owl",
        "An owl",
        "hoo hoo",
        "Hoo hoo",
    ]
    with pytest.raises(KeyError, match="'owl' has no form 'colour'"):
        form(owl, "colour")


def test_by_hand():
    """P("A fox ate eggs. Yip!") = 3/4 start · 2/3 meet · 1/3 fox · 1/2 eggs = 1/12."""
    assert log_prob(SMALL, "A fox ate eggs. Yip!") == pytest.approx(math.log(1 / 12))
    assert log_prob(SMALL, "A bee met an owl. Bzz!") == pytest.approx(math.log(3 / 4 / 3 / 3 / 2))
    assert log_prob(SMALL, "Nothing happened.") == pytest.approx(math.log(1 / 4))


@pytest.mark.parametrize(
    "text",
    ["", "Nothing", "Nothing happened. ", "A fox met a fox. Yip!", "A fox ate mice. Yip!",
     "A fox ate eggs. Bzz!"],
    ids=["empty", "too short", "too long", "twice the same", "not its food", "not its cry"],
)  # fmt: skip
def test_impossible_texts(text):
    assert log_prob(SMALL, text) == -math.inf


def test_the_whole_language():
    texts, bits, words, n_bytes = truth(SMALL)
    assert len(texts) == 1 + 3 * 2 + 2 + 1 + 3
    assert sum(texts.values()) == pytest.approx(1)
    for text, p in texts.items():
        assert math.exp(log_prob(SMALL, text)) == pytest.approx(p)
    rate = entropy_rate(SMALL)
    assert rate.bits_per_document == pytest.approx(bits)
    assert rate.words_per_document == pytest.approx(words)
    assert rate.bytes_per_document == pytest.approx(n_bytes)
    assert rate.bits_per_word == pytest.approx(bits / words)
    assert rate.bits_per_byte == pytest.approx(bits / n_bytes)


def test_entropy_by_hand():
    """Three names, two different ones: log2(3 · 2) bits; a fair coin before: one more."""
    grammar = Grammar(
        {"start": {"No {a:l} {b:l}": 1, "Yes {a:l} {b:l} {a}": 1}}, {"l": names("x", "y", "z")}
    )
    assert entropy_rate(grammar).bits_per_document == pytest.approx(1 + math.log2(6))
    assert entropy_rate(grammar).bytes_per_document == pytest.approx((6 + 9) / 2)


def test_what_one_branch_draws_is_known_later():
    """After "p" one of three is taken, after "q" none: log2(2) or log2(3) bits are left."""
    grammar = Grammar(
        {"start": {"<first> {b:l}": 1}, "first": {"p {a:l}": 1, "q": 3}},
        {"l": names("x", "yy", "z")},
    )
    _, bits, words, n_bytes = truth(grammar)
    rate = entropy_rate(grammar)
    expected = 0.25 * (math.log2(4) + math.log2(6)) + 0.75 * (math.log2(4 / 3) + math.log2(3))
    assert rate.bits_per_document == pytest.approx(expected) == pytest.approx(bits)
    assert (rate.words_per_document, rate.bytes_per_document) == pytest.approx((words, n_bytes))


def test_samples_have_the_probabilities_they_should():
    texts, *_ = truth(SMALL)
    n, random = 2000, Random(0)
    seen = Counter(SMALL.sample(random) for _ in range(n))
    for text, p in texts.items():
        assert abs(seen[text] / n - p) < 4.5 * math.sqrt(p * (1 - p) / n)
    assert set(seen) <= set(texts)


def test_derivations_of_an_ambiguous_text_are_summed():
    grammar = Grammar({"start": {"{a:l}{b:m}": 1}}, {"l": names("x", "xy"), "m": names("yz", "z")})
    assert len(list(derivations(grammar, "xyz"))) == 2
    assert log_prob(grammar, "xyz") == pytest.approx(math.log(1 / 2))
    assert any("'x' and 'xy'" in sentence for sentence in ambiguities(grammar))
    assert entropy_rate(grammar).bits_per_document == 2  # a bound: the text itself has 1.5 bits


def test_tiny_probabilities_do_not_vanish():
    grammar = Grammar({"start": {"<coin>" * 2000: 1}, "coin": {"h": 1, "t": 1}}, {})
    assert log_prob(grammar, "ht" * 1000) == pytest.approx(-2000 * math.log(2))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"start": {"The {x:l} ran.": 1, "The dog ran.": 1}}, "'start'"),
        ({"start": {"He ran.": 1, "He ran. She ran.": 1}}, "'start'"),
        ({"start": {"{x:l} ran": 1, "<other>": 1}, "other": {"Yes": 1, "dog": 1}}, "'start'"),
        ({"start": {"{x:l} {y:l}": 1, "{x:l} {z:l}": 1}}, "'start'"),
    ],
    ids=["a value", "a beginning", "in another rule", "two variables"],
)
def test_ambiguity_is_found(rules, sentence):
    found = list(ambiguities(Grammar(rules, {"l": names("dog", "cat")})))
    assert len(found) == 1
    assert sentence in found[0]


def test_clear_grammars_pass():
    assert list(ambiguities(SMALL)) == []
    rules = {"start": {"{x:l} ran": 1, "{x:l} sat": 1, "<other>": 1}, "other": {"Yes": 1, "du": 1}}
    assert list(ambiguities(Grammar(rules, {"l": names("dog", "cat")}))) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{x} {x:l}", "'x' is printed before it is drawn"),
        ("{x:l} {x:l}", "'x' is drawn a second time"),
        ("{x:l} {y:l} {z:l}", "'z' is number 3 to be drawn from 'l', which has 2 values"),
    ],
)
def test_faulty_grammars_are_explained(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        entropy_rate(Grammar({"start": {text: 1}}, {"l": names("a", "b")}))
