"""All of it in one go for the tests of assignment 4."""

from typing import NamedTuple

import numpy as np
from reference import filters, text

from lib.curation.near_duplicates import NearDuplicates
from lib.curation.published_rules import GOPHER_QUALITY
from lib.curation.rules import broken


class Count(NamedTuple):
    name: str
    n_in: int
    n_out: int
    n_changed: int
    seconds: float


def run_steps(texts, steps, clock):
    sums, left = [[0, 0, 0, 0.0] for _ in steps], []
    for one in texts:
        for step, counts in zip(steps, sums):
            before, began = one, clock()
            one = step.function(before)
            counts[3] += clock() - began
            counts[0] += 1
            if one is None:
                break
            counts[1] += 1
            counts[2] += one != before
        else:
            left.append(one)
    return left, [Count(step.name, *counts) for step, counts in zip(steps, sums)]


def harm_of(labelled):
    """The probability that a text is harmful."""
    labels = ["bad" if harmful else "fine" for _, harmful in labelled]
    classify = filters.train_classifier([text for text, _ in labelled], labels)

    def harm(text):
        label, score = classify(text)
        return score if label == "bad" else 1 - score

    return harm


def filter_crawl(records, examples, spared=()):
    """`spared` are names of steps to leave out, for wrong answers."""
    toxic, adult = harm_of(examples.toxic), harm_of(examples.adult)
    found = {record.url: text.extract_text(record.body) for record in records}
    tests = {
        "language": lambda one: text.identify_language(one)[0] == "en",
        "rules": lambda one: not broken(GOPHER_QUALITY, one),
        "harm": lambda one: max(toxic(one), adult(one)) < 0.3,
    }
    tests = {name: test for name, test in tests.items() if name not in spared}
    kept = {url: one for url, one in found.items() if all(t(one) for t in tests.values())}
    if "masks" not in spared:
        kept = {url: masked(one) for url, one in kept.items()}
    return kept if "duplicates" in spared else without_duplicates(kept)


def masked(one):
    for mask in (filters.mask_emails, filters.mask_phone_numbers, filters.mask_ips):
        one = mask(one)[0]
    return one


def without_duplicates(kept):
    with NearDuplicates(similarity=0.8) as finder:
        finder.add(kept.values())
        dropped = finder.duplicates()
    return {url: one for i, (url, one) in enumerate(kept.items()) if i not in dropped}


def tokenize(texts, encode, end, path):
    n, part = 0, path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            for one in texts:
                ids = np.array([*encode(one), end], np.int64)
                if ids.min() < 0 or ids.max() > 65_535:
                    raise ValueError("An id does not fit into 16 bits: take uint32.")
                file.write(ids.astype(np.uint16).tobytes())
                n += len(ids)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return n
