"""Answers: asked for until they are there, and refused where they are of the wrong kind."""

import pytest

from lib.grading.answers import judge, number, words
from lib.grading.feedback import Difference, NotWritten


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Write answers/one.toml in the folder where the test then runs, beside answers/other.toml."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> None:
        (tmp_path / "answers").mkdir(exist_ok=True)
        (tmp_path / "answers" / "one.toml").write_text(text, encoding="utf-8")
        (tmp_path / "answers" / "other.toml").write_text("[other]\nn = 7\n", encoding="utf-8")

    return write


def test_answers_come_back(answers):
    answers('[unicode]\nnull = "The zero character."\n[cost]\nflops = 1_500\nshare = 0.25\n')
    assert number("other.n") == 7
    assert words("unicode.null", at_least=3) == "The zero character."
    assert (number("cost.flops"), number("cost.share")) == (1500, 0.25)


@pytest.mark.parametrize("text", ["", "[cost]\n", '[cost]\nflops = ""\n', '[cost]\nflops = " "\n'])
@pytest.mark.parametrize("ask", [number, words])
def test_without_an_answer_the_work_is_not_written(answers, text, ask):
    answers(text)
    with pytest.raises(NotWritten, match=r"In answers/, under \[cost\], answer flops"):
        ask("cost.flops")


def test_an_answer_of_the_wrong_kind_is_explained(answers):
    answers('[a]\nnumber = "12"\nyes = true\ntext = 12\nshort = "Because."\n')
    for name in ("a.number", "a.yes"):
        with pytest.raises(Difference, match="without quotes"):
            number(name)
    with pytest.raises(Difference, match="between quotes"):
        words("a.text")
    with pytest.raises(Difference, match="takes 4 words"):
        words("a.short", at_least=4)


def test_a_file_that_is_broken_or_missing_is_explained(answers):
    with pytest.raises(Difference, match="no folder answers here"):
        number("a.b")
    answers("[a\n")
    with pytest.raises(Difference, match=r"answers/one\.toml is not TOML"):
        number("a.b")


def test_a_number_is_judged_and_known_mistakes_have_a_reason(answers):
    answers("[a]\nn = 2.02\n")
    judge("a.n", 2.0, within=0.02)
    with pytest.raises(Difference, match=r"more than 0\.5% away"):
        judge("a.n", 2.0, 0.005, {"Twice is too much.": 4.0})
    with pytest.raises(Difference, match="A percent too much"):
        judge("a.n", 2.0, 0.005, {"A percent too much.": 2.02})
