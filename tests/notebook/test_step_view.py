"""The page as text: everything escaped, nothing loaded, small, and the same every time."""

import re
from html.parser import HTMLParser

import torch
from test_tracing import factorial, summed, watch

from lib.notebook.step_view import GRID_NUMBERS, page


class Tree(HTMLParser):
    """Counts tags, and insists that what is opened is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.found = [], {}
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.found[tag] = self.found.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def nasty(text):
    table = {"</script><script>alert(1)</script>": "<img src=x onerror=alert(1)>"}
    half = "\ud800"
    name = text + "</td></table>"
    raise LookupError("<b>bold</b>" + half + name + str(len(table)))


def test_code_values_and_messages_are_escaped():
    html = page(watch(nasty, '"><i>'), "a <title>")
    found = Tree(html).found
    assert (found["script"], found.get("img"), found["table"]) == (1, None, 1)
    assert "alert(1)" in html and "a &lt;title&gt;" in html
    html.encode("utf-8")


def test_nothing_is_loaded_from_anywhere():
    html = page(watch(summed, [1]), "summed")
    assert not re.search(r"https?:|\bsrc=|@import|\burl\(|fetch\(|localStorage", html)


def test_the_script_and_style_do_not_end_early():
    html = page(watch(summed, [1]), "summed")
    assert html.count("</script") == html.count("</style") == 1


def test_sixty_steps_are_small():
    recording = watch(summed, list(range(28)))
    assert len(recording.steps) == 60
    assert len(page(recording, "summed").encode()) < 40_000


def test_the_same_recording_gives_the_same_bytes():
    assert page(watch(factorial, 3), "f") == page(watch(factorial, 3), "f")


def makes_a_grid():
    small = torch.tensor([[1.0, -2.0], [0.0, float("nan")]])
    flags = torch.tensor([True, False])
    return small, flags


def test_a_small_array_is_a_table_of_numbers_on_colours():
    html = page(watch(makes_a_grid), "g")
    assert '<td class="p4">1</td><td class="n9">-2</td>' in html  # 1 is half of 2: level 4 of 9
    assert "<tr><td>0</td><td>nan</td></tr>" in html
    assert '<td class="p9">1</td><td>0</td>' in html


def grows(n):
    x = torch.zeros(16, 16)
    for _ in range(n):
        x += 1
    return x


def test_many_numbers_are_not_written_again_and_again():
    html = page(watch(grows, 60), "g")
    assert html.count("<td>0</td>") == 256
    assert html.count('<td class="p9">') <= GRID_NUMBERS
    assert len(html) < 250_000
