"""Finding links in Markdown: every way to write one, and what only looks like one."""

import pytest

from lib.notebook.markdown_links import links


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("see [the *docs*](a.md)", [("the *docs*", "a.md")]),
        ('[a](b.md "title") and [c](<d.md>)', [("a", "b.md"), ("c", "d.md")]),
        ("[brackets [inside] it](a_(b).md)", [("brackets [inside] it", "a_(b).md")]),
        ("[![a picture](p.png)](a.md)", [("![a picture](p.png)", "a.md"), ("a picture", "p.png")]),
        ("[a][n] [N]\n\n[n]: x.md", [("a", "x.md"), ("N", "x.md")]),
        ("so <https://a.b/c>.", [("https://a.b/c", "https://a.b/c")]),
        ("so https://a.b/c, and", [("https://a.b/c", "https://a.b/c")]),
        ('<a class="x" href="q?a&amp;b"><b>hi</b></a>', [("hi", "q?a&b")]),
        ("`[code](a)` and ``[more ` code](b)``", []),
        ("```\n[code](a)\n```\n[text](b)\n~~~\n[code](c)\n~~~\n", [("text", "b")]),
        ("an array [1] and a call f(x), a list [1, 2] (two)", []),
    ],
)
def test_links(markdown, found):
    assert list(links(markdown)) == found
