"""Mixtures found by regression against the true optimum of functions that are known."""

import numpy as np
import pytest

from lib.curation.regmix import RegMix, dirichlet_mixtures, rank_correlation

PRIOR = np.array([0.5, 0.3, 0.2])
BEST = np.array([0.2, 0.3, 0.5])


def quadratic(p):
    """Lowest, at 2, where p is BEST."""
    return 2 + ((p - BEST) ** 2 @ np.array([1.0, 3.0, 2.0]))


def saturating(p):
    """As sources of text are: each helps with the logarithm of its share. Its optimum is BEST."""
    return 3 - np.log(p + 1e-3) @ BEST


def test_mixtures_are_drawn_around_the_prior():
    found = dirichlet_mixtures(4000, PRIOR, np.random.default_rng(0))
    assert found.min() >= 0 and found.sum(axis=1) == pytest.approx(np.ones(4000))
    assert found.mean(axis=0) == pytest.approx(PRIOR, abs=0.03)
    assert (found.max(axis=1) > 0.95).mean() > 0.05  # some are nearly of one source


def test_a_quadratic_loss_is_found_exactly():
    """Six terms, so eight runs without noise are enough."""
    draw = np.random.default_rng(0)
    tried = dirichlet_mixtures(12, PRIOR, draw)
    model = RegMix(ridge=0).fit(tried, quadratic(tried))
    new = dirichlet_mixtures(50, PRIOR, draw)
    assert model.predict(new) == pytest.approx(quadratic(new), abs=1e-9)
    assert model.best(PRIOR, draw) == pytest.approx(BEST, abs=0.02)


def test_near_the_optimum_of_a_loss_of_another_shape_with_noise():
    draw = np.random.default_rng(1)
    tried = dirichlet_mixtures(64, PRIOR, draw, strengths=(0.5, 5.0))
    losses = saturating(tried) + 0.02 * draw.standard_normal(64)
    model = RegMix().fit(tried, losses)
    found = model.best(PRIOR, draw)
    lowest, before = saturating(BEST[None])[0], saturating(PRIOR[None])[0]
    assert saturating(found[None])[0] - lowest < 0.35 * (before - lowest)
    new = dirichlet_mixtures(200, PRIOR, draw, strengths=(0.5, 5.0))
    assert rank_correlation(model.predict(new), saturating(new)) > 0.9


def test_a_linear_regression_ends_in_a_corner():
    draw = np.random.default_rng(0)
    tried = dirichlet_mixtures(40, PRIOR, draw)
    linear = RegMix(degree=1, ridge=0).fit(tried, tried @ np.array([3.0, 1.0, 2.0]))
    assert linear.weights + linear.mean == pytest.approx([3, 1, 2])
    assert linear.best(PRIOR, draw)[1] > 0.99
    assert RegMix(degree=1).fit(tried, quadratic(tried)).best(PRIOR, draw).max() > 0.99


def test_a_source_that_would_be_repeated_too_often_is_kept_below_its_cap():
    draw = np.random.default_rng(0)
    tried = dirichlet_mixtures(20, PRIOR, draw)
    model = RegMix(ridge=0).fit(tried, quadratic(tried))
    found = model.best(PRIOR, draw, largest=np.array([1, 1, 0.25]))
    assert 0.2 < found[2] <= 0.25 and found[0] > BEST[0]
    with pytest.raises(ValueError, match="0 of 1000 random mixtures"):
        model.best(PRIOR, draw, largest=np.array([0.1, 0.1, 0.1]), n=1000)


def test_rank_correlation_by_hand():
    """Ranks 0 1 2 3 4 and 1 0 2 4 3: 1 - 6 (1 + 1 + 0 + 1 + 1) / (5 (25 - 1)) = 0.8."""
    one, other = np.array([-9.0, 0, 1, 5, 6]), np.array([2.0, 1.5, 3, 99, 4])
    assert rank_correlation(one, other) == pytest.approx(0.8)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="degree is 3"):
        RegMix(degree=3)
    with pytest.raises(RuntimeError, match="no runs yet"):
        RegMix().predict(PRIOR[None])
    with pytest.raises(ValueError, match="shares above 0"):
        dirichlet_mixtures(3, np.array([0.5, 0.6]), np.random.default_rng(0))
