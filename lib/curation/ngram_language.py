"""Language identification from scratch: in which language are these runs of bytes likely?

Naive Bayes over hashed byte n-grams: count them in texts of each language, and score a new text by
the sum of the logarithms of their probabilities. Nothing is a word here, so it works for languages
without blanks as well. Letters: L languages, V slots of the hash table.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

ORDERS = (1, 2, 3, 4)  # lengths of the n-grams, in bytes
SMOOTHING = 0.1  # added to every count: what was never seen is unlikely, not impossible


class NgramLanguage:
    """Learns from texts by language; `slots` is a power of two."""

    def __init__(self, texts: Mapping[str, list[str]], slots: int = 1 << 16):
        self.languages = sorted(texts)
        counts = np.zeros((len(self.languages), slots))
        for row, language in zip(counts, self.languages):
            for text in texts[language]:
                row += np.bincount(ngrams(text, slots), minlength=slots)
        smoothed = counts + SMOOTHING
        share = smoothed / smoothed.sum(axis=1, keepdims=True)
        self.log_probability: Float[np.ndarray, "V L"] = np.log(share).T.astype(np.float32).copy()

    def scores(self, text: str) -> Float[np.ndarray, " L"]:
        """Log-likelihood per n-gram, by language; zeros for an empty text."""
        found = ngrams(text, len(self.log_probability))
        if not len(found):
            return np.zeros(len(self.languages), np.float32)
        return self.log_probability[found].mean(axis=0)

    def identify(self, text: str) -> tuple[str, float]:
        """The likeliest language and its probability.

        The n-grams of a text overlap, so they are no independent witnesses, and their product is
        far too sure of itself. Their mean, times as many witnesses as a short word has, is not.
        """
        score = self.scores(text)
        weight = np.exp(WITNESSES * (score - score.max()))
        best = int(score.argmax())
        return self.languages[best], float(weight[best] / weight.sum())


WITNESSES = 8.0


def ngrams(text: str, slots: int) -> Int[np.ndarray, " n"]:
    """Slots of all n-grams of all orders: rolling products, a different one for each order."""
    data = np.frombuffer(f" {text.lower()} ".encode(errors="replace"), np.uint8).astype(np.uint32)
    if not text.strip():
        return np.zeros(0, np.int64)
    found = []
    for n in ORDERS:
        code = np.full(max(0, len(data) - n + 1), n, np.uint32)
        for shift in range(n):
            code = code * np.uint32(0x01000193) ^ data[shift : shift + len(code)]
        code ^= code >> np.uint32(15)
        found.append((code * np.uint32(0x9E3779B1)) >> np.uint32(32 - slots.bit_length() + 1))
    return np.concatenate(found).astype(np.int64)
