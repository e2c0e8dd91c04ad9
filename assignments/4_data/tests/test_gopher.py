"""Four rules, each on both sides of its limits."""

from adapters import filters
from lib.grading.feedback import same
from lib.grading.problems import problem


def decided(text: str, kept: bool, given: str) -> None:
    same(filters.gopher_quality_filter(text), kept, given=given)


def lines(n: int, n_ellipses: int, mark: str = "...", blank: int = 0) -> str:
    """n lines of eight words, so many of which end in an ellipsis."""
    ends = [mark] * n_ellipses + ["."] * (n - n_ellipses)
    return "\n".join([f"{'word ' * 7}last{end}" for end in ends] + ["   "] * blank)


@problem("gopher_quality_filters")
def test_the_smallest_number_of_words():
    for n in (0, 1, 20, 49):
        decided("word " * n, False, f"{n} words")
    for n in (50, 51):
        decided("word " * n, True, f"{n} words")


@problem("gopher_quality_filters")
def test_the_largest_number_of_words():
    decided("word " * 100_000, True, "100,000 words")
    decided("word " * 100_001, False, "100,001 words")


@problem("gopher_quality_filters")
def test_the_mean_length_of_words():
    decided("abc " * 60, True, "60 words of 3 letters")
    decided("abc " * 59 + "ab", False, "59 words of 3 letters, one of 2")
    decided("abcdefghij " * 60, True, "60 words of 10 letters")
    decided("abcdefghij " * 59 + "abcdefghijk", False, "59 words of 10 letters, one of 11")


@problem("gopher_quality_filters")
def test_lines_that_end_in_an_ellipsis():
    decided(lines(10, 3), True, "10 lines, 3 end in an ellipsis")
    decided(lines(10, 4), False, "10 lines, 4 end in an ellipsis")
    decided(lines(100, 30), True, "100 lines, 30 end in an ellipsis")
    decided(lines(100, 31), False, "100 lines, 31 end in an ellipsis")


@problem("gopher_quality_filters")
def test_what_an_ellipsis_is():
    decided(lines(10, 4, "…"), False, "10 lines, 4 end in the one character …")
    decided(lines(10, 4, "...  "), False, "10 lines, 4 end in an ellipsis and blanks")


@problem("gopher_quality_filters")
def test_blank_lines_do_not_count():
    decided(lines(10, 4, blank=10), False, "10 lines, 4 end in an ellipsis, and 10 blank ones")


@problem("gopher_quality_filters")
def test_words_with_a_letter():
    decided("word " * 80 + "1234 " * 20, True, "100 words, 20 without a letter")
    decided("word " * 79 + "1234 " * 21, False, "100 words, 21 without a letter")


@problem("gopher_quality_filters")
def test_letters_of_any_script():
    decided("слово " * 60, True, "60 Russian words")
    decided("a1234 " * 60, True, "60 words of a letter and digits")
