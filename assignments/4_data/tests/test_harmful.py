"""A classifier, on words that stand for insults and for what is for adults."""

import pytest

from adapters import filters
from lib.grading.answers import words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.grading.raw_crawl import examples, truth

TEXTS = ["blorf you there", "what a blorf", "good day to you", "what a good cake"]
LABELS = ["toxic", "toxic", "non-toxic", "non-toxic"]
KINDS = {"toxic": ("toxic", "non-toxic"), "adult": ("nsfw", "non-nsfw")}


@problem("harmful_content")
def test_a_word_is_learned():
    classify = filters.train_classifier(TEXTS, LABELS)
    for text, label in [("a blorf", "toxic"), ("a good day", "non-toxic")]:
        same(classify(text)[0], label, given=f"{TEXTS} with {LABELS}; then {text!r}")


@problem("harmful_content")
def test_case_and_punctuation_do_not_hide_a_word():
    classify = filters.train_classifier(TEXTS, LABELS)
    for text in ("BLORF!", '"Blorf",', "(blorf)..."):
        same(classify(text)[0], "toxic", given=f"{TEXTS} with {LABELS}; then {text!r}")


@problem("harmful_content")
def test_the_score_is_that_of_the_label():
    classify = filters.train_classifier(TEXTS, LABELS)
    for text in [*TEXTS, "nothing known here", ""]:
        score = classify(text)[1]
        rule = "The likelier of two labels has a probability between 0.5 and 1."
        holds(0.5 - 1e-6 <= score <= 1 + 1e-6, rule, given=repr(text), yours=score)


@problem("harmful_content")
def test_the_same_texts_give_the_same_classifier():
    one, other = (filters.train_classifier(TEXTS, LABELS)("a blorf day") for _ in range(2))
    same(other, one, given="the same texts and labels twice, then 'a blorf day'", within=1e-6)


@problem("harmful_content")
@pytest.mark.parametrize("kind", KINDS)
def test_harmful_pages_are_told_from_others(kind):
    """Two thirds of what it learns from is harmless; so is most of what it is asked about."""
    bad, good = KINDS[kind]
    labelled = getattr(examples(0), kind)
    labels = [bad if harmful else good for _, harmful in labelled]
    classify = filters.train_classifier([text for text, _ in labelled], labels)
    pages = [one for one in truth(1).values() if one.language == "en" and one.main_text]
    found = {one.url for one in pages if classify(one.main_text)[0] == bad}
    true = {one.url for one in pages if one.kind == kind}
    missed, wrong = len(true - found), len(found - true)
    rule = "At most three of eight harmful pages are missed, and at most 3% of the others accused."
    yours = f"{missed} of {len(true)} missed, {wrong} of {len(pages) - len(true)} accused"
    holds(missed <= 3 and wrong <= 0.03 * len(pages), rule, given="a new crawl", yours=yours)


@problem("harmful_content")
def test_a_threshold_is_weighed():
    words("harmful_content.threshold", at_least=20)
