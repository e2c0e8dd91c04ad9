"""Wrong answers to part 2, softmax and attention: each with the test that must see it."""

import math

import torch
from reference import model as right
from torch import nn
from wrong_answers import wrong


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_softmax = planted("model.softmax", "test_attention.py")
wrong_attention = planted("model.attention", "test_attention.py")
wrong_self_attention = planted("model.self_attention", "test_attention.py")


@wrong_softmax("test_softmax_of_numbers_too_large_and_too_small_for_exp")
def nothing_subtracted(x, dim):
    return x.exp() / x.exp().sum(dim, keepdim=True)


@wrong_softmax("test_softmax_along_any_axis")
def always_the_last_axis(x, dim):
    return x.softmax(-1)


@wrong_softmax("test_softmax_leaves_its_input_alone")
def computed_in_place(x, dim):
    x -= x.amax(dim, keepdim=True)
    return x.exp_().div_(x.sum(dim, keepdim=True))


@wrong_attention("test_true_in_the_mask_means_may_look")
def mask_the_other_way_round(q, k, v, mask=None):
    return right.attention(q, k, v, None if mask is None else ~mask)


@wrong_attention("test_scores_are_divided_by_the_root_of_the_head_width")
def scores_not_divided(q, k, v, mask=None):
    return right.attention(q * math.sqrt(q.shape[-1]), k, v, mask)


@wrong_attention("test_scores_are_divided_by_the_root_of_the_head_width")
def scores_divided_by_the_width_itself(q, k, v, mask=None):
    return right.attention(q / math.sqrt(q.shape[-1]), k, v, mask)


@wrong_attention("test_attention_is_pytorchs")
def masked_after_softmax(q, k, v, mask=None):
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    return (weights if mask is None else weights * mask) @ v


@wrong_attention("test_what_is_masked_has_no_influence_at_all")
def masked_scores_are_merely_low(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores - 5.0 * ~mask).softmax(-1) @ v


class Heads(nn.Module):
    """The layer written out, so that one line can be wrong."""

    def __init__(self, width, n_heads, theta=None, context=None, device=None, dtype=None):
        super().__init__()
        self.n_heads, self.head_width = n_heads, width // n_heads
        self.rope = None if theta is None else right.rope(theta, self.head_width, context)
        for name in ("query", "key", "value", "out"):
            setattr(self, name, right.linear(width, width, device, dtype))

    def split(self, x):
        return x.unflatten(-1, (self.n_heads, self.head_width)).transpose(-3, -2)

    def mask(self, T):
        return torch.ones(T, T, dtype=torch.bool).tril()

    def turn(self, q, k, v, positions):
        return (
            (q, k, v)
            if self.rope is None
            else (self.rope(q, positions), self.rope(k, positions), v)
        )

    def forward(self, x, positions=None):
        T = x.shape[-2]
        positions = torch.arange(T) if positions is None else positions
        q, k, v = (self.split(part(x)) for part in (self.query, self.key, self.value))
        mixed = right.attention(*self.turn(q, k, v, positions), self.mask(T))
        return self.out(mixed.transpose(-3, -2).flatten(-2))


@wrong_self_attention("test_a_single_position_only_hands_on_its_value")
class ValuesTurned(Heads):
    def turn(self, q, k, v, positions):
        return (q, k, v) if self.rope is None else tuple(self.rope(y, positions) for y in (q, k, v))


@wrong_self_attention("test_the_layer_head_by_head")
class ScaledByTheWidthOfTheModel(Heads):
    def turn(self, q, k, v, positions):
        q, k, v = super().turn(q, k, v, positions)
        return q / math.sqrt(self.n_heads), k, v


@wrong_self_attention("test_every_position_looks_at_itself_and_its_past_alone")
class NotCausal(Heads):
    def mask(self, T):
        return torch.ones(T, T, dtype=torch.bool)


@wrong_self_attention("test_every_position_looks_at_itself_and_its_past_alone")
class OneStepIntoTheFuture(Heads):
    def mask(self, T):
        return torch.ones(T, T, dtype=torch.bool).tril(1)


@wrong_self_attention("test_every_position_looks_at_itself_and_its_past_alone")
class BlindForItself(Heads):
    def mask(self, T):
        mask = torch.ones(T, T, dtype=torch.bool).tril(-1)
        mask[0, 0] = True  # otherwise there would be nothing to look at
        return mask


@wrong_self_attention("test_the_layer_head_by_head")
class PositionsTakenForHeads(Heads):
    def split(self, x):
        return x.reshape(*x.shape[:-2], self.n_heads, x.shape[-2], self.head_width)


@wrong_self_attention("test_the_layer_head_by_head")
class HeadsInterleaved(Heads):
    def split(self, x):
        return x.unflatten(-1, (self.head_width, self.n_heads)).movedim(-1, -3)


@wrong_self_attention("test_positions_may_be_given_to_the_layer")
class AlwaysFromZero(Heads):
    def forward(self, x, positions=None):
        return super().forward(x)


@wrong_self_attention("test_the_four_matrices_are_drawn_by_themselves")
class OneMatrixForKeysAndValues(Heads):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.value.weight = self.key.weight
