"""Wrong answers to part 2, layers of single positions: each with the test that must see it."""

import math

import torch
from reference import model as right
from torch import nn
from wrong_answers import wrong

from lib.model import init


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_linear = planted("model.linear", "test_layers.py")
wrong_embedding = planted("model.embedding", "test_layers.py")
wrong_rms_norm = planted("model.rms_norm", "test_layers.py")
wrong_silu = planted("model.silu", "test_layers.py")
wrong_default_ff_width = planted("model.default_ff_width", "test_layers.py")
wrong_swiglu = planted("model.swiglu", "test_layers.py")


@wrong_linear("test_linear_has_one_weight_of_shape_out_by_in")
class WeightInByOut(nn.Module):
    def __init__(self, d_in, d_out, device=None, dtype=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(d_in, d_out, device=device, dtype=dtype))

    def forward(self, x):
        return x @ self.weight


def redrawn(draw):
    """A Linear whose weight is drawn by `draw(weight, d_in, d_out)`."""

    def linear(d_in, d_out, device=None, dtype=None):
        layer = right.linear(d_in, d_out, device, dtype)
        with torch.no_grad():
            draw(layer.weight, d_in, d_out)
        return layer

    return linear


@wrong_linear("test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes")
def variance_as_standard_deviation(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        init.truncated_normal_(weight, 2 / (d_in + d_out))

    return redrawn(draw)(d_in, d_out, **options)


@wrong_linear("test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes")
def variance_of_fan_in(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        init.truncated_normal_(weight, math.sqrt(1 / d_in))

    return redrawn(draw)(d_in, d_out, **options)


@wrong_linear("test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes")
def weights_not_cut(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        weight.normal_(0, math.sqrt(2 / (d_in + d_out)))

    return redrawn(draw)(d_in, d_out, **options)


@wrong_linear("test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes")
def cut_at_3_instead_of_3_sigma(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        nn.init.trunc_normal_(weight, 0, math.sqrt(2 / (d_in + d_out)), -3, 3)

    return redrawn(draw)(d_in, d_out, **options)


@wrong_embedding("test_embedding_is_drawn_with_variance_1")
def table_drawn_like_a_matrix(n, width, device=None, dtype=None):
    table = right.embedding(n, width, device, dtype)
    init.truncated_normal_(table.weight, math.sqrt(2 / (n + width)))
    return table


class Norm(nn.Module):
    def __init__(self, width, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))


@wrong_rms_norm("test_rmsnorm_squares_in_float32_where_float16_would_overflow")
class NoFloat32(Norm):
    def forward(self, x):
        size = torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return (x / size * self.weight).to(x.dtype)


@wrong_rms_norm("test_rmsnorm_rounds_to_bfloat16_only_once")
class CastBeforeTheWeight(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide / size).to(x.dtype) * self.weight.to(x.dtype)


@wrong_rms_norm("test_rmsnorm_by_hand")
class SquaresSummed(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().sum(-1, keepdim=True) + self.eps)
        return (wide / size * self.weight).to(x.dtype)


@wrong_rms_norm("test_rmsnorm_adds_eps_inside_the_root")
class EpsOutsideTheRoot(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().mean(-1, keepdim=True)) + self.eps
        return (wide / size * self.weight).to(x.dtype)


@wrong_rms_norm("test_rmsnorm_takes_the_mean_over_the_last_axis_alone")
class MeanOverEverything(Norm):
    def forward(self, x):
        wide = x.float()
        return (wide / torch.sqrt(wide.square().mean() + self.eps) * self.weight).to(x.dtype)


@wrong_silu("test_silu_by_hand")
def only_the_sigmoid(x):
    return x.sigmoid()


@wrong_default_ff_width("test_the_inner_width_is_the_nearest_multiple_of_64")
def width_rounded_down(width):
    return 64 * max(1, int(width * 8 / 3 / 64))


@wrong_default_ff_width("test_the_inner_width_is_the_nearest_multiple_of_64")
def width_rounded_up(width):
    return 64 * math.ceil(width * 8 / 3 / 64)


@wrong_swiglu("test_the_feed_forward_layer_by_hand")
def gate_and_up_exchanged(width, ff_width, **options):
    layer = right.swiglu(width, ff_width, **options)
    layer.forward = lambda x: layer.down(layer.gate(x) * nn.functional.silu(layer.up(x)))
    return layer
