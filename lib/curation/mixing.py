"""How much of each source a model sees: mixtures, and how often that repeats a source.

A mixture is a share for every source, summing to one. Sources have very different sizes, so the
first question about a mixture is how many epochs it means: p(s) x train_tokens / tokens(s). Half of
a trillion tokens from a source of ten billion is fifty times the same text.
"""

from collections.abc import Mapping

Mixture = dict[str, float]


def uniform(tokens: Mapping[str, int]) -> Mixture:
    """The same for all."""
    return _normalised(dict.fromkeys(tokens, 1.0))


def proportional(tokens: Mapping[str, int]) -> Mixture:
    """As much as there is: all sources end at the same time."""
    return temperature(tokens, 1.0)


def temperature(tokens: Mapping[str, int], t: float | int) -> Mixture:
    """Shares as tokens^(1 / t): proportional at 1, nearer to uniform the higher t is."""
    if t <= 0:
        raise ValueError(f"A temperature is above 0, and this is {t}: 1 is proportional to size.")
    largest = max(tokens.values(), default=1)
    return _normalised({s: (n / largest) ** (1 / t) for s, n in tokens.items()})


def unimax(
    tokens: Mapping[str, int], train_tokens: float | int, max_epochs: float | int
) -> Mixture:
    """As uniform as it can be while no source is repeated more than `max_epochs` times.

    Go through the sources from the smallest: each may have an equal part of what is left of
    train_tokens, or its cap, so that what it cannot use goes to the larger ones (Chung et al. 2023,
    arXiv 2304.09151).
    """
    most = max_epochs * sum(tokens.values())
    if train_tokens > most:
        raise ValueError(
            f"{max_epochs} epochs of all sources are {most:,} tokens, fewer than the "
            f"{train_tokens:,} to train on. Allow more epochs, or train on less."
        )
    left, given = float(train_tokens), {}
    for rank, source in enumerate(sorted(tokens, key=lambda s: tokens[s])):
        given[source] = min(left / (len(tokens) - rank), float(max_epochs * tokens[source]))
        left -= given[source]
    return _normalised({source: given[source] for source in tokens})


def epochs(
    mixture: Mapping[str, float | int], tokens: Mapping[str, int], train_tokens: float | int
) -> dict[str, float]:
    """How often each source is seen."""
    check(mixture, tokens)
    return {source: share * train_tokens / tokens[source] for source, share in mixture.items()}


def largest_shares(
    tokens: Mapping[str, int], train_tokens: float | int, max_epochs: float | int
) -> Mixture:
    """The cap in terms of the mixture: p(s) x train_tokens <= max_epochs x tokens(s)."""
    return {s: min(1.0, max_epochs * n / train_tokens) for s, n in tokens.items()}


def simulated_epoching(
    tokens: Mapping[str, int], target_tokens: float | int, run_tokens: float | int
) -> dict[str, int]:
    """Sizes to cut the sources to, so that a small run repeats them as the large one would.

    Without that a small run never comes to the end of a small source, and thinks it inexhaustible.
    All sources shrink by run_tokens / target_tokens; to draw which documents stay is the caller's
    (Mizrahi et al. 2025, arXiv 2501.11747, simulate the target run so).
    """
    if not 0 < run_tokens <= target_tokens:
        raise ValueError(
            f"A run of {run_tokens:,} tokens cannot stand for one of {target_tokens:,}: it has to "
            "be the smaller one."
        )
    return {source: round(n * run_tokens / target_tokens) for source, n in tokens.items()}


def check(mixture: Mapping[str, float | int], tokens: Mapping[str, int]) -> None:
    """Raises ValueError for what is no mixture of these sources."""
    total = sum(mixture.values())
    if abs(total - 1) > 1e-6 or min(mixture.values()) < 0:
        raise ValueError(f"Shares are not below 0 and sum to 1; these sum to {total:g}: {mixture}.")
    empty = [s for s, share in mixture.items() if share and not tokens.get(s)]
    if empty:
        raise ValueError(f"There is nothing of {empty}. The sources are {dict(tokens)}.")


def _normalised(weights: dict[str, float]) -> Mixture:
    total = sum(weights.values())
    if not total:
        raise ValueError(f"There is nothing to mix in {weights}: every source is empty.")
    return {source: weight / total for source, weight in weights.items()}
