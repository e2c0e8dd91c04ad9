"""Addresses: RFC 3986's own examples, and properties on anything."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.corpora.urls import MAX_LENGTH, canonical, host_of, links

# RFC 3986, section 5.4: the base is http://a/b/c/d;p?q. Fragments are dropped here.
EXAMPLES = {
    "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/", "/g": "http://a/g",
    "//g": "http://g/", "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q", "g#s": "http://a/b/c/g", "g?y#s": "http://a/b/c/g?y",
    ";x": "http://a/b/c/;x", "g;x": "http://a/b/c/g;x", "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/", "./": "http://a/b/c/", "..": "http://a/b/", "../g": "http://a/b/g",
    "../..": "http://a/", "../../g": "http://a/g", "../../../g": "http://a/g",
    "/./g": "http://a/g", "/../g": "http://a/g", "g.": "http://a/b/c/g.", "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g", "./g/.": "http://a/b/c/g/", "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
}  # fmt: skip


@pytest.mark.parametrize(("href", "whole"), EXAMPLES.items())
def test_the_examples_of_the_standard(href, whole):
    assert canonical(href, "http://a/b/c/d;p?q") == whole


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTP://News.Example:80", "http://news.example/"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example:80/x", "https://a.example:80/x"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://a.example/%7euser/%2F%c3%a9", "http://a.example/~user/%2F%C3%A9"),
        ("http://a.example/é x", "http://a.example/%C3%A9%20x"),
        ("http://a.example/100%", "http://a.example/100%25"),
        ("http://a.example/x?b=2&a=1", "http://a.example/x?b=2&a=1"),  # the order may matter
        ("http://a.example/x?utm_source=y&a=1&PHPSESSID=3", "http://a.example/x?a=1"),
        ("http://a.example/x;jsessionid=AB12?a", "http://a.example/x?a"),
        ("http://a.example/x?", "http://a.example/x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://ann:secret@a.example/", "http://a.example/"),
        ("mailto:ann@a.example", None),
        ("javascript:void(0)", None),
        ("http://", None),
        ("http://a.example:port/", None),
        ("http://[::1", None),
        ("ftp://a.example/", None),
        (f"http://a.example/{'x' * MAX_LENGTH}", None),
    ],
)
def test_by_hand(written, meant):
    assert canonical(written) == meant


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("htp:/.%?#&;=@[]ab2é \\~+-_\0\n"), max_size=40))
@example("http://a//b//../c")
@example("http://a/%2e%2e/b")
def test_canonical_addresses_stay_as_they_are(text):
    for base in ("", "http://a.example/b/c?d"):
        address = canonical(text, base)
        if address is not None:
            assert canonical(address) == address
            assert canonical(address, "http://other.example/x/") == address
            assert urlsplit(address).scheme in ("http", "https") and host_of(address)
            assert address.isascii() and "#" not in address and " " not in address


PAGE = """<base href="/sub/"><a href="one">1</a> <A HREF='two#x'>2</A> <a href=two>2 again</a>
<area href="//other.example/"><iframe src="/frame"></iframe><a name="no"></a><img src="pic.png">
<a href="three" rel="nofollow ugc">3</a><a href="mailto:x@y.z">m</a>
<a href="&#x2F;four?a=1&amp;b=2">
<!-- <a href="hidden"> --><script>document.write('<a href="written">')</script>"""


def test_links_of_a_page():
    assert links(PAGE, "http://a.example/x/y") == [
        "http://a.example/sub/one",
        "http://a.example/sub/two",
        "http://other.example/",
        "http://a.example/frame",
        "http://a.example/four?a=1&b=2",
    ]


def test_a_page_may_ask_that_its_links_are_not_followed():
    page = '<meta name="Robots" content="noarchive, NOFOLLOW"><a href="one">1</a>'
    assert links(page, "http://a.example/") == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["<", "a", " href=", '"', "/x", ">", "<!", "[", "--", "&#", "é"])))
def test_no_page_is_too_broken_to_look_for_links(pieces):
    for address in links("".join(pieces), "http://a.example/"):
        assert canonical(address) == address
