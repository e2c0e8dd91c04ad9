import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from sample_texts import any_text, tricky_text

from lib.tokenization.bpe import BPE
from lib.tokenization.byte import ByteTokenizer
from lib.tokenization.character import CharTokenizer
from lib.tokenization.render import STYLE, compare_tokens, render_tokens
from lib.tokenization.word import WordTokenizer


class _Page(HTMLParser):
    """The tokens on a page: (text shown, attributes); and the lists they are in."""

    def __init__(self, html):
        super().__init__()
        self.tokens, self.lists, self.open, self.seen = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        self.seen.append(tag)
        if tag == "span":
            self.tokens.append(["", dict(attrs)])
        if dict(attrs).get("role") == "list":
            self.lists.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["span"]:
            self.tokens[-1][0] += data


@pytest.fixture(scope="module")
def cat():
    return BPE.train("the cat in the hat", n_merges=3, pattern=None)


def _shown(text, tokenizer):
    return [shown for shown, _ in _Page(render_tokens(text, tokenizer)).tokens]


def test_one_span_per_token_with_its_id_and_bytes(cat):
    page = _Page(render_tokens("the hat", cat))
    assert [shown for shown, _ in page.tokens] == ["the·", "h", "a", "t"]
    assert page.tokens[0][1] == {
        "role": "listitem",
        "title": "id 258, bytes 74 68 65 20",
        "aria-label": "the space, id 258",
    }


def test_a_legend_counts(cat):
    page = _Page(render_tokens("the hat", cat))
    assert page.lists[0]["aria-label"] == "4 tokens for 7 bytes, 1.75 bytes per token"
    assert "<div>4 tokens for 7 bytes, 1.75 bytes per token</div>" in render_tokens("the hat", cat)


def test_parts_of_characters_are_shown_in_hexadecimal():
    page = _Page(render_tokens("aé", ByteTokenizer()))
    assert [shown for shown, _ in page.tokens] == ["a", "C3", "A9"]
    assert [attributes.get("class") for _, attributes in page.tokens] == [None, "part", "part"]
    assert page.tokens[1][1]["aria-label"] == "bytes C3, id 195"
    assert "; 2 cut inside a character (dashed, in hexadecimal)" in page.lists[0]["aria-label"]


def test_white_space_is_seen_and_heard():
    page = _Page(render_tokens(" \n\t\u00a0\r", CharTokenizer()))
    assert [shown for shown, _ in page.tokens] == ["·", "↵", "→", "⍽", "CR"]
    assert page.tokens[1][1]["aria-label"] == "newline, id 10"


def test_lines_break_where_the_text_does(cat):
    assert render_tokens("a\nb\n\nc", cat).count("<br>") == 3


def test_what_cannot_be_seen_has_a_number():
    assert _shown("\0\u200d\u2003", CharTokenizer()) == ["U+0000", "U+200D", "U+2003"]
    assert _shown("\u0301", CharTokenizer()) == ["◌\u0301"]


def test_nothing_typed_becomes_markup(cat):
    attack = "<script>alert('x')</script><!-- \" & &lt; -->"
    page = _Page(compare_tokens(attack, {'"><b>': cat, "words": WordTokenizer([attack])}))
    assert set(page.seen) == {"style", "div", "span", "strong"}
    assert "".join(_shown(attack, cat)) == attack.replace(" ", "·")


def test_several_tokenizers_below_each_other(cat):
    html = compare_tokens("the", {"letters": CharTokenizer(), "a & b": cat})
    page = _Page(html)
    assert [row["aria-label"] for row in page.lists] == [
        "letters: 3 tokens for 3 bytes, 1.00 bytes per token",
        "a & b: 1 token for 3 bytes, 3.00 bytes per token",
    ]
    assert [shown for shown, _ in page.tokens] == ["t", "h", "e", "the"]
    assert html.count("<style>") == 1
    assert "<strong>a &amp; b</strong>" in html


def test_the_empty_text(cat):
    page = _Page(render_tokens("", cat))
    assert page.tokens == []
    assert page.lists[0]["aria-label"] == "0 tokens for 0 bytes"


@settings(max_examples=50)
@given(any_text | tricky_text)
def test_every_token_of_any_text_is_shown(cat, text):
    page = _Page(render_tokens(text, cat))
    assert page.open == []
    ids = [int(re.search(r"id (\d+)$", token[1]["aria-label"])[1]) for token in page.tokens]
    assert ids == cat.encode(text)
    assert all(shown for shown, _ in page.tokens)


def _luminance(colour):
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


def _contrast(one, other):
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrasts_suffice_in_light_and_dark():
    text, border = "#1a1a1a", "#767676"
    assert f"color: {text}; border: 1px solid {border}" in STYLE
    backgrounds = re.findall(r"background: (#\w{6})", STYLE)
    assert len(set(backgrounds)) == 5
    assert min(_contrast(text, background) for background in backgrounds) > 7
    assert min(_contrast(border, around) for around in ("#ffffff", "#000000", *backgrounds)) > 3
