"""What the tests of part 2 call. If you arrange your code in another way, change the line here."""

from collections.abc import Callable

from sieve import classifier, personal, rules


def mask_emails(text: str) -> tuple[str, int]:
    return personal.mask_emails(text)


def mask_phone_numbers(text: str) -> tuple[str, int]:
    return personal.mask_phone_numbers(text)


def mask_ips(text: str) -> tuple[str, int]:
    return personal.mask_ips(text)


def train_classifier(texts: list[str], labels: list[str]) -> Callable[[str], tuple[str, float]]:
    return classifier.train_classifier(texts, labels)


def gopher_quality_filter(text: str) -> bool:
    return rules.gopher_quality_filter(text)


def quality_classifier(good: list[str], crawl: list[str]) -> Callable[[str], float]:
    return classifier.quality_classifier(good, crawl)
