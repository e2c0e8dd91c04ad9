"""A frontier's picture: a square for every address, in the row of its host."""

from lib.notebook.colours import BLUE, ORANGE
from lib.notebook.frontier_view import frontier_view, patience
from lib.notebook.svg import PALE

DONE = ["http://a.example/", "http://b.example/", "http://a.example/1"]
WAITING = {"a.example": ["http://a.example/2", "http://a.example/3"], "b.example": []}


def test_every_address_has_a_square():
    drawing = frontier_view(1.0, "http://b.example/1", DONE, WAITING, {}, title="T")
    squares = [drawing.html.count(f'fill="{colour}" stroke') for colour in (BLUE, ORANGE, PALE)]
    assert squares == [3 + 1, 1 + 1, 2 + 1]  # one each in the legend
    assert "3 addresses are done, 2 wait at a.example" in str(drawing)
    assert ">is asked<" in drawing.html and ">never asked<" in drawing.html


def test_a_host_without_pages_left_says_so():
    nothing = {"a.example": [], "b.example": ["http://b.example/9"]}
    html = frontier_view(0, "http://b.example/1", DONE, nothing, {}, title="T").html
    assert ">nothing left<" in html and ">never asked<" not in html


def test_what_does_not_fit_is_a_number():
    many = {"a.example": [f"http://a.example/{i}" for i in range(40)]}
    assert "+ 13" in frontier_view(0, "http://a.example/x", [], many, {}, title="T").html


def test_patience_in_words():
    assert patience(2, None) == "never asked"
    assert patience(2, 2.0) == "may be asked"
    assert patience(2, 3.25) == "wait 1.2 s"
