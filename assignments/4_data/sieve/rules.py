"""Rules about words and lines."""

from lib.grading.feedback import todo


def gopher_quality_filter(text: str) -> bool:
    """Whether to keep a text, by four of the rules of Rae et al. 2021 (arXiv 2112.11446).

    Kept are texts with 50 to 100,000 words, of a mean length of 3 to 10 characters; of whose lines
    at most 30% end in an ellipsis; of whose words at least 80% have a letter. The limits themselves
    are kept. Words are what stands between blanks. Lines with nothing but blanks do not count, nor
    do blanks at the end of a line; an ellipsis is "..." or "…"; letters are those of any script.

    gopher_quality_filter("word " * 50) -> True, with 49 words False
    """
    return todo("2.3", "text.split() and text.splitlines(); compare shares, not numbers.")
