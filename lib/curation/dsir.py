"""Data selection by importance: take from what there is so that it looks like what one wants.

    weights = log_weights(raw_texts, target_texts)
    chosen = resample(weights, k=1000, draw=np.random.default_rng(0))

If raw texts are drawn from p_R and wanted is p_T, draw each with a weight of p_T / p_R. DSIR (Xie
et al. 2023, arXiv 2302.03169) takes for both a bag of hashed words and pairs of words: then the
weight of a text is a product over its features. Drawing k without replacement is taking the k
largest of log weight + Gumbel noise; without the noise one would get only what is most typical.

Letters: d texts, V bins.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

from lib.curation.hashed_features import Features, hashed_features

BINS = 10_000  # as in the paper
SMOOTHING = 1.0  # added to every count: what the raw texts lack is rare, not impossible


def log_weights(
    raw: Sequence[str],
    target: Sequence[str],
    *,
    n_words: int = 2,
    bins: int = BINS,
    smoothing: float | int = SMOOTHING,
    seed: int = 0,
) -> Float[np.ndarray, " d"]:
    """log p_T(x) - log p_R(x) of every raw text: how much the target wants it."""
    of_raw = hashed_features(raw, n_words, bins, seed)
    of_target = hashed_features(target, n_words, bins, seed)
    p_target, p_raw = (shares(f, bins, smoothing) for f in (of_target, of_raw))
    gains = np.log(p_target) - np.log(p_raw)
    sums = np.append(0.0, np.cumsum(gains[of_raw.ids]))
    return sums[of_raw.ends] - sums[of_raw.ends - of_raw.lengths]


def resample(
    log_weights: Float[np.ndarray, " d"], k: int, draw: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """k different texts, drawn one after the other with chances as their weights; in their order.

    Of independent Gumbel numbers, each moved by a log weight, the largest belongs to text i with
    probability w_i / sum of w; the second is a draw from those left, and so on.
    """
    if not 0 <= k <= len(log_weights):
        raise ValueError(
            f"{k} texts cannot be drawn from {len(log_weights)} without replacement. Choose k from "
            "0 to that, or collect more raw texts."
        )
    keys = log_weights + draw.gumbel(size=len(log_weights))
    return np.sort(np.argsort(keys)[len(keys) - k :])


def resample_again(
    log_weights: Float[np.ndarray, " d"], k: int, draw: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """k texts with replacement: the plain version, whose expectation is exact."""
    return draw.choice(len(log_weights), size=k, p=normalised(log_weights))


def normalised(log_weights: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Chances of the texts: weights that sum to one."""
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def kl_reduction(
    raw: Sequence[str],
    target: Sequence[str],
    chosen: Sequence[str],
    *,
    n_words: int = 2,
    bins: int = BINS,
    smoothing: float | int = SMOOTHING,
    seed: int = 0,
) -> float:
    """By how many nats per feature the chosen are nearer to the target than all raw texts are.

    The paper finds that this goes with results on the target's tasks.
    """
    p_target, p_raw, p_chosen = (
        shares(hashed_features(texts, n_words, bins, seed), bins, smoothing)
        for texts in (target, raw, chosen)
    )
    return kl(p_target, p_raw) - kl(p_target, p_chosen)


def kl(p: Float[np.ndarray, " V"], q: Float[np.ndarray, " V"]) -> float:
    """Nats lost when p is described by q; 0 log 0 is 0."""
    some = p > 0
    return float((p[some] * (np.log(p[some]) - np.log(q[some]))).sum())


def shares(
    found: Features, bins: int, smoothing: float | int = SMOOTHING
) -> Float[np.ndarray, " V"]:
    """How often each feature occurs, as a distribution."""
    counts = np.bincount(found.ids, minlength=bins) + smoothing
    return counts / counts.sum()
