"""From bytes to main text, on pages whose main text is known, and on pages that make no sense."""

import builtins
from collections import defaultdict
from functools import cache

import pytest
import trafilatura
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text

from lib.corpora.little_web import LittleWeb
from lib.curation.density import chosen, density_text
from lib.curation.extract import METHODS, extract, to_text, visible_text
from lib.curation.formulas import formulas_as_dollars
from lib.curation.html_blocks import blocks
from lib.curation.scores import Score, spans_score, words_score

HTML = """<html><head><title>No</title><style>p{}</style></head><body><nav><a href=/>Home</a></nav>
<div><p>One <b>bold</b>&nbsp;word, and <a href="x>y">a link</a> &lt;here&gt;.<p>Two<br>lines
<pre>  a
    b</pre><script>if (a < b) { document.write("<p>no</p>") }</script><!-- <p>no</p> --></div>"""


def test_blocks_by_hand():
    found = [(b.text, b.tag, b.around, b.n_words, b.n_linked) for b in blocks(HTML)]
    assert found == [
        ("Home", "nav", True, 1, 1),
        ("One bold word, and a link <here>.", "p", False, 7, 2),
        ("Two", "p", False, 1, 0),
        ("lines", "br", False, 1, 0),
        ("  a\n    b", "pre", False, 2, 0),
    ]
    assert visible_text("a < b") == "a < b" and visible_text("") == ""


def test_what_is_never_closed_swallows_nothing():
    long = "word " * 20
    for tag in ("svg", "nav", "head", "header", "template", "select", "form"):
        assert density_text(f"<html><{tag}><body><p>{long}") == long.strip()
        assert tag == "head" or density_text(f"<html><{tag}><p>{long}</{tag}>") == ""
        assert density_text(f"<{tag}>one</{tag}><p>{long}") == long.strip()


def test_density_by_hand():
    """A long block, a short one between two long ones, the heading above, and links around."""
    long = "word " * 20
    page = (
        f"<p>{'<a href=/>word</a> ' * 20}</p><p>short before</p><h1>Title</h1><p>{long}</p>"
        f"<p>between</p><p>{long}</p><p>short behind</p><footer><p>{long}</p></footer>"
        f"<p>We use cookies: {long}</p>"
    )
    assert chosen(blocks(page)) == [False, False, True, True, True, True, False, False, False]
    assert density_text("<ul><li><a href=/>Home</a></ul><p>Short page.</p>") == "Short page."
    assert density_text("<a href=/>Home</a>") == ""


def test_chinese_is_counted_by_characters():
    assert words_score("小路从清晨", "小路").f1 == pytest.approx(4 / 7)
    assert chosen(blocks("<p>小路从清晨开放到黄昏。大部分工具是从邻村借来的。</p>")) == [True]


def test_scores_by_hand():
    score = words_score("the cat the", "The dog, the end")
    assert score == Score(2, 3, 4) and score.f1 == pytest.approx(4 / 7)
    assert Score(0, 0, 0).f1 == Score(0, 0, 3).precision == Score(0, 3, 0).recall == 1
    assert Score(1, 2, 3) + Score(1, 1, 1) == Score(2, 3, 4)
    found = [("a", 0, 5), ("a", 3, 6), ("b", 0, 5), ("a", 9, 10)]
    assert spans_score(found, [("a", 4, 8), ("b", 5, 9)]) == Score(1, 4, 2)


@cache
def f1_by_method() -> dict[str, dict[str, float]]:
    """Method -> kind of page -> mean F1, over a web none of whose pages the limits were set on."""
    scores: dict = {method: defaultdict(list) for method in METHODS}
    for page in LittleWeb(seed=0, scale=0.15).pages.values():
        if page.truth.main_text and len(page.body) < 20_000:
            for method in METHODS:
                text = extract(page.body, dict(page.headers)["Content-Type"], method)
                score = words_score(text, page.truth.main_text).f1
                scores[method][page.truth.kind].append(score)
    return {
        method: {kind: sum(values) / len(values) for kind, values in kinds.items()}
        for method, kinds in scores.items()
    }


def test_what_extractors_are_for():
    """On all kinds of pages but lists of keywords, it pays to look for the text."""
    found = f1_by_method()
    for kind in ("article", "story", "copy", "personal", "toxic", "maths", "thread", "code"):
        naive = found["visible"][kind]
        assert found["density"][kind] > naive + 0.03
        assert found["resiliparse"][kind] > naive + 0.03
        assert found["strip"][kind] <= naive
    assert found["resiliparse"]["pydoc"] > 0.95 > found["density"]["pydoc"]  # tables of short lines
    mean = {method: sum(kinds.values()) / len(kinds) for method, kinds in found.items()}
    assert mean["resiliparse"] > 0.95 and mean["density"] > 0.9 > mean["visible"] > mean["strip"]


def test_ours_says_what_the_packages_say():
    page = LittleWeb(hosts=("news.example",)).pages["http://news.example/2026/3"]
    html = page.body.decode()
    assert (
        extract(page.body) == extract_plain_text(html, main_content=True, alt_texts=False).strip()
    )
    theirs = trafilatura.extract(html, include_comments=False, favor_precision=True)
    assert extract(page.body, method="trafilatura") == theirs.strip()
    assert words_score(extract(page.body, method="density"), page.truth.main_text).f1 == 1


def test_every_encoding_of_the_old_site_is_read():
    """cp1251 is declared nowhere: there the guess from the bytes must be right."""
    for url, page in LittleWeb(hosts=("old.example",)).pages.items():
        if page.truth.main_text:
            kind = dict(page.headers)["Content-Type"]
            score = words_score(extract(page.body, kind), page.truth.main_text)
            assert score.recall > 0.98, (url, to_text(page.body, kind)[1:])


FORMULAS = {
    r"x \(a^2 < b\) y \[c\]": "x $a^2 < b$ y $c$",
    '<script type="math/tex; mode=display">a<b</script>': "$a&lt;b$",
    '<img class="mwe-math tex" src=a alt="a &lt; b">': "$a &lt; b$",
    "<img alt='a cat' class=photo>": "<img alt='a cat' class=photo>",
    '<math><semantics><mi>a</mi><annotation encoding="application/x-tex">a_1</annotation>'
    "</semantics></math> b <math><mi>c</mi></math>": "$a_1$ b <math><mi>c</mi></math>",
}


@pytest.mark.parametrize(("page", "saved"), FORMULAS.items())
def test_formulas(page, saved):
    assert formulas_as_dollars(page) == saved


def test_formulas_are_lost_unless_they_are_saved_first():
    pages = LittleWeb(hosts=("maths.example",)).pages
    lost = 0
    for page in pages.values():
        if page.truth.kind == "maths":
            n = page.truth.main_text.count("$")
            assert n == 10 and extract(page.body).count("$") == n
            lost += extract_plain_text(page.body.decode(), main_content=True).count("$") < n
    assert lost > 10


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"trafilatura"}))
@pytest.mark.parametrize(
    "page",
    [
        "<" * 50_000,
        "<a " * 20_000,
        '<a href="' * 10_000,
        "<p>" * 3_000,
        "<div>" * 3_000 + "deep" + "</div>" * 3_000,
        "&#" * 20_000,
        "<!--" * 20_000,
        "<math>" * 5_000 + "<annotation " * 2_000,
        "<script type='math/tex'>" * 5_000,
        "\\(" * 20_000,
        "<img " * 20_000,
    ],
    ids=lambda page: page[:12],
)
def test_nothing_takes_forever(page, method):
    """With the square of the length in it, each of these would take minutes."""
    assert isinstance(extract(page.encode(), method=method), str)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "p",
                "/",
                "<p>",
                "</p>",
                "<a href='",
                '"',
                "<pre>",
                "<!--",
                "-->",
                "&",
                "#38;",
                "\0",
                "\x85",
                "é",
                "word ",
                "<script",
                "</script>",
                "]]>",
                "<![CDATA[",
                "\ud800",
                "<nav>",
            ]
        ),
        max_size=40,
    ),
    st.sampled_from(["utf-8", "utf-16", "latin-1", "shift_jis"]),
)
def test_nothing_is_too_broken(pieces, encoding):
    body = "".join(pieces).encode(encoding, "replace")
    for method in ("strip", "visible", "density", "resiliparse"):
        assert isinstance(extract(body, "text/html", method), str)
    plain = "".join(piece for piece in pieces if piece in ("word ", "é"))
    if plain == "".join(pieces):
        assert visible_text("".join(pieces)) == " ".join(plain.split())


def test_what_is_missing_is_said(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "trafilatura":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RuntimeError, match="pip install trafilatura lxml_html_clean"):
        extract(b"<p>a", method="trafilatura")
    with pytest.raises(ValueError, match=r"The methods are .*'density'"):
        extract(b"<p>a", method="magic")
