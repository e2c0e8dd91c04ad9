"""Wrong answers to part 2, cross-entropy: each with the test that must see it."""

from reference import model as right
from torch import nn
from wrong_answers import wrong


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_cross_entropy = planted("model.cross_entropy", "test_loss.py")


@wrong_cross_entropy("test_a_probability_too_small_for_a_float_has_a_finite_loss")
def logarithm_of_softmax(logits, targets):
    chosen = logits.softmax(-1).gather(-1, targets.unsqueeze(-1))
    return -chosen.log().mean()


@wrong_cross_entropy("test_a_probability_too_small_for_a_float_has_a_finite_loss")
def probabilities_kept_above_zero(logits, targets):
    chosen = logits.softmax(-1).gather(-1, targets.unsqueeze(-1))
    return -(chosen + 1e-12).log().mean()


@wrong_cross_entropy("test_by_hand")
def summed_instead_of_averaged(logits, targets):
    return right.cross_entropy(logits, targets) * targets.numel()


@wrong_cross_entropy("test_the_mean_is_over_all_leading_axes")
def mean_over_the_last_leading_axis(logits, targets):
    losses = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return losses.mean(-1) if losses.dim() else losses


@wrong_cross_entropy("test_all_tokens_equally_likely")
def mean_over_the_vocabulary_too(logits, targets):
    one_hot = nn.functional.one_hot(targets, logits.shape[-1])
    return -(one_hot * logits.log_softmax(-1)).mean()
