"""Finding a mixture: train small models on random ones, predict the loss of all others.

    tried = dirichlet_mixtures(64, prior, draw)            # one small run for each
    model = RegMix().fit(tried, losses)
    model.best(prior, draw)                                # with the lowest loss that is predicted

RegMix (Liu et al. 2024, arXiv 2407.01492) relies on mixtures keeping their order from small models
to large ones. Its regressions are linear, or trees; a linear one has its optimum at a corner, a
single source, whatever the data, so here products of two shares may be added. The optimum is the
mean of the best among many random mixtures, which is steadier than the very best of them.

Letters: m mixtures, s sources, f terms of the regression.
"""

import numpy as np
from jaxtyping import Float

STRENGTHS = (0.1, 5.0)  # of the prior: below 1 mixtures of few sources, above it near the prior


def dirichlet_mixtures(
    m: int,
    prior: Float[np.ndarray, " s"],
    draw: np.random.Generator,
    strengths: tuple[float, float] = STRENGTHS,
) -> Float[np.ndarray, "m s"]:
    """Random mixtures around the prior, near to it and far, each row summing to one."""
    if prior.min() <= 0 or abs(prior.sum() - 1) > 1e-6:
        raise ValueError(f"A prior has shares above 0 that sum to 1, and this is {prior}.")
    low, high = np.log(strengths)
    strength = np.exp(draw.uniform(low, high, m)) * len(prior)
    gammas = draw.standard_gamma(strength[:, None] * prior).clip(1e-12)  # all may be too near to 0
    return gammas / gammas.sum(axis=1, keepdims=True)


class RegMix:
    """Ridge regression of a loss on the shares, and with `degree` 2 on their products."""

    def __init__(self, degree: int = 2, ridge: float | int = 1e-4) -> None:
        if degree not in (1, 2) or ridge < 0:
            raise ValueError(
                f"degree is {degree} and ridge {ridge}. Degree 1 is linear, 2 has products of two "
                "shares as well; ridge is 0 or a little more."
            )
        self.degree, self.ridge = degree, ridge
        self.weights: Float[np.ndarray, " f"] = np.zeros(0)
        self.mean = 0.0

    def fit(self, mixtures: Float[np.ndarray, "m s"], losses: Float[np.ndarray, " m"]) -> "RegMix":
        """Learn from mixtures and the loss that each led to."""
        terms, self.mean = self._terms(mixtures), float(losses.mean())
        if len(losses) < 2:
            raise ValueError("One run tells nothing about others. Try two mixtures at least.")
        pull = self.ridge * np.eye(terms.shape[1])
        self.weights = np.linalg.lstsq(
            np.vstack([terms, np.sqrt(pull)]),
            np.append(losses - self.mean, np.zeros(terms.shape[1])),
        )[0]
        return self

    def predict(self, mixtures: Float[np.ndarray, "m s"]) -> Float[np.ndarray, " m"]:
        """The losses to expect."""
        if not len(self.weights):
            raise RuntimeError("This regression has seen no runs yet: call fit.")
        return self._terms(mixtures) @ self.weights + self.mean

    def best(
        self,
        prior: Float[np.ndarray, " s"],
        draw: np.random.Generator,
        *,
        largest: Float[np.ndarray, " s"] | None = None,
        n: int = 100_000,
        top: int = 100,
    ) -> Float[np.ndarray, " s"]:
        """The mean of the `top` of n random mixtures; none has more of a source than `largest`."""
        tried = dirichlet_mixtures(n, prior, draw)
        if largest is not None:
            tried = tried[(tried <= largest).all(axis=1)]
        if len(tried) < top:
            raise ValueError(
                f"Only {len(tried)} of {n} random mixtures keep below {largest}, and {top} are "
                "wanted. Try more, or choose a prior that keeps below it."
            )
        order = np.argsort(self.predict(tried))
        return tried[order[:top]].mean(axis=0)

    def _terms(self, mixtures: Float[np.ndarray, "m s"]) -> Float[np.ndarray, "m f"]:
        """The shares, and products of different ones: squares follow, as shares sum to one."""
        if self.degree == 1:
            return mixtures
        one, other = np.triu_indices(mixtures.shape[1], k=1)
        return np.hstack([mixtures, mixtures[:, one] * mixtures[:, other]])


def rank_correlation(one: Float[np.ndarray, " m"], other: Float[np.ndarray, " m"]) -> float:
    """Spearman's: 1 if both have one order, which is all that choosing a mixture needs."""
    ranks = [np.argsort(np.argsort(values)).astype(float) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])
