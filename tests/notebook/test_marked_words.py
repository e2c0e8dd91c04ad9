"""Two texts compared: every word is right, too much, or missing, and is marked so."""

from lib.notebook.marked_words import compared, marked_words


def test_words_are_sorted_into_three_kinds():
    found, truth = ["Home", "News", "The", "tide", "falls"], ["The", "tide", "rises", "again"]
    assert list(compared(found, truth)) == [
        ("too many", "Home News", 2),
        ("right", "The tide", 2),
        ("too many", "falls", 1),
        ("missing", "rises again", 2),
    ]


def test_marks_and_counts():
    drawing = marked_words("a <b> c", "a c d", title="T")
    assert ">&lt;b&gt;</del>" in drawing.html and ">d</ins>" in drawing.html
    assert str(drawing) == "T: 2 words right, 1 words too many, 1 words missing"


def test_long_runs_show_their_ends():
    drawing = marked_words(" ".join(f"w{i}" for i in range(100)), "")
    assert "w0 " in drawing.html and " w99" in drawing.html and "w50" not in drawing.html
    assert "[… 76 words …]" in drawing.html
