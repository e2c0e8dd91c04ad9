"""Published rules on both sides of every limit, on texts made to lie exactly there."""

from pathlib import Path

import pytest

import lib.assets
from lib.curation.c4 import c4
from lib.curation.page import Page
from lib.curation.published_rules import FILTERS, FINEWEB, GOPHER_QUALITY, GOPHER_REPETITION
from lib.curation.rules import Rule, broken, first_broken

PLAIN = "the cat and a small dog sat down together "  # nine words, two of them stop words


def names(rules, text):
    return [finding.rule for finding in broken(rules, text)]


def test_a_plain_text_keeps_all_rules_of_quality():
    assert names(GOPHER_QUALITY, PLAIN * 6) == []


TEN = "abcdefghij "  # a word of ten letters
BULLETS = "• the and word six seven\n"
TRAILING, ENDED = "the and words here…\n", "the and words here\n"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("words", "the and word dog cat " * 10, "the and word dog cat " * 9 + "the and word dog"),
        ("words", "the and " * 50_000, "the and " * 50_000 + "more"),
        ("mean length of words", "the and " * 25, "the and " * 24 + "the an"),
        ("mean length of words", TEN * 50, TEN * 49 + "abcdefghijk"),
        ("# or ... per word", "the and " * 45 + "# " * 10, "the and " * 45 + "# " * 11),
        ("# or ... per word", "the and… " * 10 + "dog " * 80, "the and... " * 11 + "dog " * 80),
        ("lines that begin with a bullet", BULLETS * 9 + "no bullet", BULLETS * 10),
        ("lines that end with an ellipsis", TRAILING * 3 + ENDED * 7, TRAILING * 31 + ENDED * 69),
        ("words with a letter", "the and 12 dog cat " * 10, "the and 12 dog cat " * 10 + "12"),
        ("different stop words", "the and " + "word " * 50, "THE the " + "word " * 50),
    ],
)
def test_gopher_quality_on_both_sides(rule, good, bad):
    assert rule not in names(GOPHER_QUALITY, good)
    assert rule in names(GOPHER_QUALITY, bad)


def lines(n, n_twice):
    """n lines of ten characters, of which the last n_twice repeat the first."""
    return "\n".join([f"line {i:05d}" for i in range(n - n_twice)] + ["line 00000"] * n_twice)


def test_duplicate_lines_and_their_characters():
    assert "duplicate lines" not in names(GOPHER_REPETITION, lines(10, 3))
    assert "duplicate lines" in names(GOPHER_REPETITION, lines(100, 31))
    assert Page(lines(10, 3)).duplicates("lines") == 0.3
    assert Page(lines(10, 2)).characters_in_duplicates("lines") == 20 / 109
    assert "characters in duplicate lines" not in names(GOPHER_REPETITION, lines(10, 2))
    assert "characters in duplicate lines" in names(GOPHER_REPETITION, lines(100, 23))


def test_duplicate_paragraphs():
    assert Page("a b\n\na b\n \nc").duplicates("paragraphs") == 1 / 3
    assert Page("aa\n\naa\n\ncc").characters_in_duplicates("paragraphs") == 2 / 10


def test_runs_of_words_by_hand():
    """ab cd occurs twice: 8 of 14 characters; the runs of two seen before are ab cd again."""
    page = Page("ab cd ef ab cd gggg")
    assert page.characters_in_top_run(2) == 8 / 14
    assert page.characters_in_duplicate_runs(2) == 4 / 14
    assert page.characters_in_top_run(3) == 0
    assert Page("x x x x").characters_in_duplicate_runs(2) == 3 / 4
    assert Page("").characters_in_top_run(2) == 0


@pytest.mark.parametrize(
    ("n", "limit"), [(5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)]
)
def test_repeated_runs_on_both_sides(n, limit):
    """100 words of one character each: n of them repeat, or n and more."""
    rule = f"characters in repeated runs of {n} words"

    def text(n_repeated):
        base = [chr(0x4E00 + i) for i in range(100 - n_repeated)]
        return " ".join(base + base[:n_repeated])

    assert rule not in names(GOPHER_REPETITION, text(round(100 * limit)))
    assert rule in names(GOPHER_REPETITION, text(round(100 * limit) + 1))


def test_fineweb_leaves_out_its_limits():
    def page(n_marked, n_short):
        long, short = "a line of more than thirty characters", "short {}"
        body = [long + f" {i}" + ("." if i < n_marked else "") for i in range(100 - n_short)]
        return "\n".join(body + [short.format(i) for i in range(n_short)])

    assert "lines that end in punctuation" in names(FINEWEB, page(12, 0))
    assert "lines that end in punctuation" not in names(FINEWEB, page(13, 0))
    assert "lines of less than 30 characters" not in names(FINEWEB, page(20, 66))
    assert "lines of less than 30 characters" in names(FINEWEB, page(20, 67))
    assert "characters in duplicate lines" in names(FINEWEB, lines(100, 12))
    assert "line breaks per word" in names(FINEWEB, "word\n" * 31 + "word " * 69)
    assert "line breaks per word" not in names(FINEWEB, "word\n" * 30 + "word " * 70)


def test_limits_agree_with_the_table():
    """What the facts say of Gopher's first filter, against the rules."""
    facts = Path(lib.assets.__file__).parent / "facts" / "filter_rules.csv"
    text = facts.read_text(encoding="utf-8")
    for part in ("50 <= words <= 100,000", "length 3-10", "<= 0.1", "<= 90%", "<= 30%", ">= 80%"):
        assert part in text
    assert sorted(FILTERS) == ["FineWeb", "Gopher quality", "Gopher repetition"]


def test_findings_say_what_and_how_much():
    finding = first_broken(GOPHER_QUALITY, "the end and more")
    assert str(finding) == "words is 4, and should be at least 50 and at most 100,000"
    assert first_broken(GOPHER_QUALITY, PLAIN * 6) is None
    assert Rule("x", len, low=1, strict=True).limits == "above 1"


C4_PAGE = """Menu
This is a sentence with enough words.
Here is a second one[3], it goes on [citation needed] and on!
Too short.
Please enable JavaScript to see this page correctly.
Read more about this and other topics...
"Is this the third of them, then?" he asked, and said: "Yes."
"""


def test_c4_drops_lines_and_says_why():
    cleaned = c4(C4_PAGE)
    assert cleaned.text.splitlines() == [
        "This is a sentence with enough words.",
        "Here is a second one, it goes on  and on!",
        '"Is this the third of them, then?" he asked, and said: "Yes."',
    ]
    assert cleaned.dropped_lines == {
        "does not end like a sentence": 2,
        "has fewer than five words": 1,
        "is a notice": 1,
    }
    assert cleaned.findings == []


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("function() { return; }", "curly braces"),
        ("Lorem ipsum", "lorem ipsum"),
        ("Blorpt", "words of the blocklist"),
    ],
)
def test_c4_drops_pages(extra, reason):
    found = c4(C4_PAGE + extra, blocklist=["blorpt"]).findings
    assert [finding.rule for finding in found] == [reason]


def test_c4_wants_three_sentences():
    two = "This is a sentence with enough words.\nAnd here we have the second one."
    assert [str(f) for f in c4(two).findings] == ["sentences is 2, and should be at least 3"]
    assert c4(two + "\nWith this line there are three.").findings == []
    assert c4("a " * 4 + "b" * 1001 + ".").dropped_lines == {
        "has a word of more than 1,000 characters": 1
    }
