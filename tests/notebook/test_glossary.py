"""The glossary: complete, cross-referenced, escaped; and its page, which works without scripts."""

import re

import pytest

from lib.notebook import glossary as module
from lib.notebook.glossary import SHAPE_LETTERS, Term, define, glossary, shape_letters
from lib.notebook.references import cite

TERMS = module._terms()


def test_terms_are_many_and_in_order():
    names = [term.term for term in TERMS]
    assert len(names) >= 120
    assert names == sorted(names, key=str.casefold)


def test_no_two_terms_share_a_name():
    names = [name.casefold() for term in TERMS for name in (term.term, *term.also)]
    assert sorted(names) == sorted(set(names))


def test_entries_are_short_and_their_pointers_lead_somewhere():
    names = {term.term for term in TERMS}
    for term in TERMS:
        assert 1 <= term.lecture <= 19, term
        assert term.meaning.endswith(".") and 20 < len(term.meaning) < 280, term
        assert set(term.see) <= names - {term.term}, term
        assert term.reference is None or cite(term.reference)


def test_every_lecture_up_to_policy_gradients_brings_words():
    assert {term.lecture for term in TERMS} >= set(range(1, 18))


def test_a_term_is_found_by_its_short_form_in_any_case():
    assert define("bpe") is define("Byte Pair Encoding")
    assert str(define("BPE")).startswith("byte pair encoding (BPE): ")


def test_an_unknown_term_is_told_its_neighbours():
    with pytest.raises(LookupError, match=r"no 'tokenn'. Did you mean token"):
        define("tokenn")


def test_names_and_meanings_are_escaped():
    entry = Term("<b>", ("R&D",), '1 < 2 & "so"', 1, ("<i>",), None).entry()
    assert re.sub(r"</?(div|dt|dd|small)>", "", entry) == (
        "&lt;b&gt; R&amp;D1 &lt; 2 &amp; &quot;so&quot; Lecture 1 · see &lt;i&gt;"
    )


def test_the_page_holds_every_term_and_needs_no_script():
    page = glossary().html
    assert page == glossary().html  # the same bytes, so that committed outputs stay the same
    assert len(page.encode()) < 100_000
    without_scripts = re.sub(r"(?s)<(script|style)>.*?</\1>", "", page)
    assert without_scripts.count("<dt>") == without_scripts.count("<dd>") == len(TERMS)
    assert "<input" not in without_scripts  # nothing to type into in vain
    assert "[[" not in page
    assert not re.search(r"\ssrc=|@import|url\(|\sid=", page)  # loads nothing, may be shown twice


def test_the_letters_of_shapes_are_shown(capsys):
    shape_letters()
    shown = capsys.readouterr().out
    assert "".join(SHAPE_LETTERS) == "BTSDNKHFVLECR"
    assert define("shape letters").meaning.endswith(f": {', '.join(SHAPE_LETTERS)}.")
    assert all(axis in shown for axis in SHAPE_LETTERS.values())
