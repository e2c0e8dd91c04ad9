"""A classifier of texts: harmful or not, good or not."""

from collections.abc import Callable

from lib.grading.feedback import todo

Classify = Callable[[str], tuple[str, float]]


def train_classifier(texts: list[str], labels: list[str]) -> Classify:
    """Learn from texts with a label each; two labels or more.

    What comes back is a function: of a new text, the likeliest label, and the probability that the
    model gives to it: between 1 / (number of labels) and 1. The same texts give the same function.
    Upper and lower case are the same word, and what was never seen must not fail.

    classify = train_classifier(["blorf you", "good day"], ["toxic", "non-toxic"])
    classify("you BLORF!") -> ("toxic", 0.9...)
    """
    return todo(
        "2.2", "a weight for each word, rare words count more; logistic regression in torch."
    )


def quality_classifier(good: list[str], crawl: list[str]) -> Callable[[str], float]:
    """What tells texts to wish for from a crawl: a function from a text to a score in [0, 1].

    There are no labels for bad texts: the crawl stands for them, though some of it is good, too.
    So what the score says is: how much more like the good ones than like the crawl. Both sides
    count the same, however many texts each has. Empty texts score 0.
    """
    return todo(
        "2.4", "repeat the texts of the smaller side, then train_classifier; score of good."
    )
