"""Bytes to text: statements, marks, and what is left when they lie."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.encodings import decode, is_utf8, known
from lib.corpora.little_web import LittleWeb
from lib.corpora.samples import SAMPLES


@pytest.mark.parametrize(
    ("body", "content_type", "text", "by"),
    [
        (b"\xef\xbb\xbfa\xc3\xa9", "text/html; charset=latin-1", "aé", "mark"),
        ("aé".encode("utf-16"), "", "aé", "mark"),
        ("aé".encode("utf-32"), "", "aé", "mark"),
        (b"\xc3\xa9", "text/html; charset=iso-8859-1", "é", "valid"),
        (b"\xe9", "text/html; charset=iso-8859-1", "é", "header"),
        (b"\x93a\x94", "text/html;Charset = 'latin1'", "“a”", "header"),  # as browsers read it
        (b"<meta charset=koi8-r>\xc9", "", "<meta charset=koi8-r>и", "meta"),
        (
            b'<META http-equiv="Content-Type" content="text/html; charset=windows-1251">\xe8',
            "text/html",
            '<META http-equiv="Content-Type" content="text/html; charset=windows-1251">и',
            "meta",
        ),
        (b"\xe9", "text/html; charset=klingon", "é", "guess"),
        (b"\xe9", "text/html; charset=base64", "é", "guess"),  # a codec, but none of text
        (b"\xe9", "", "é", "guess"),
    ],
)
def test_who_says_so(body, content_type, text, by):
    found = decode(body, content_type)
    assert (found.text, found.by, found.n_damaged) == (text, by, 0)


def test_a_statement_that_makes_no_sense_is_not_believed():
    body = SAMPLES["Russian"].encode()[:-1] + b"\xff"
    found = decode(body, "text/html; charset=shift_jis")
    assert (found.encoding, found.by, found.n_damaged) == ("utf-8", "guess", 1)


def test_a_guess_is_asked_last():
    body = "Дождь".encode("koi8-r")
    assert decode(body, "", lambda _: "koi8-r").text == "Дождь"
    assert decode(body, "text/html; charset=cp1251", lambda _: "koi8-r").encoding == "cp1251"
    assert decode(body, "", lambda _: "nonsense").encoding == "cp1252"


def test_a_character_that_the_end_cuts_is_no_damage():
    """But one letter that could be the beginning of another is: a text of one "é" in Latin-1."""
    assert is_utf8("éé".encode()[:-1]) and not is_utf8(b"\xe9a") and not is_utf8(b"a\xe9")
    assert decode("éé".encode()[:-1]) == ("é", "utf-8", "valid", 0)


def test_names():
    assert known("UTF8") == "utf-8" and known("latin-1") == "cp1252"
    assert known("rot13") is None and known("no") is None and known("a\0b") is None


def test_every_page_that_says_what_it_is_in_is_read_right():
    for url, page in LittleWeb(hosts=("old.example", "news.example")).pages.items():
        if page.truth.main_text and page.truth.encoding not in ("cp1251",):  # which nobody states
            found = decode(page.body, dict(page.headers)["Content-Type"])
            assert page.truth.main_text.split("\n\n")[1][:20] in html.unescape(found.text), url


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60),
    st.sampled_from(
        ["", "utf-8", "utf-16", "utf-7", "cp1252", "hz", "gb18030", "idna", "punycode"]
    ),
    st.booleans(),
)
def test_nothing_is_too_broken(body, name, in_meta):
    body = f"<meta charset={name}>".encode() + body if in_meta else body
    found = decode(body, f"text/html; charset={name}")
    assert found.n_damaged == found.text.count("\ufffd") or "\ufffd".encode() in body
    if is_utf8(body) and body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        assert found.text.encode() in body + b"\xef\xbb\xbf"
