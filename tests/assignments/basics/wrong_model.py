"""Wrong answers to part 2: what people really get wrong, each with the test that must see it."""

import math
from itertools import count

import torch
from reference import model as right
from torch import nn
from wrong_answers import wrong

from lib.model import init

# Matrix, table, norm, feed-forward


@wrong("model.linear", caught_by="test_layers.py::test_linear_has_one_weight_of_shape_out_by_in")
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


DRAWN = "test_layers.py::test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes"


@wrong("model.linear", caught_by=DRAWN)
def variance_as_standard_deviation(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        init.truncated_normal_(weight, 2 / (d_in + d_out))

    return redrawn(draw)(d_in, d_out, **options)


@wrong("model.linear", caught_by=DRAWN)
def variance_of_fan_in(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        init.truncated_normal_(weight, math.sqrt(1 / d_in))

    return redrawn(draw)(d_in, d_out, **options)


@wrong("model.linear", caught_by=DRAWN)
def weights_not_cut(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        weight.normal_(0, math.sqrt(2 / (d_in + d_out)))

    return redrawn(draw)(d_in, d_out, **options)


@wrong("model.linear", caught_by=DRAWN)
def cut_at_3_instead_of_3_sigma(d_in, d_out, **options):
    def draw(weight, d_in, d_out):
        nn.init.trunc_normal_(weight, 0, math.sqrt(2 / (d_in + d_out)), -3, 3)

    return redrawn(draw)(d_in, d_out, **options)


@wrong("model.embedding", caught_by="test_layers.py::test_embedding_is_drawn_with_variance_1")
def table_drawn_like_a_matrix(n, width, device=None, dtype=None):
    table = right.embedding(n, width, device, dtype)
    init.truncated_normal_(table.weight, math.sqrt(2 / (n + width)))
    return table


class Norm(nn.Module):
    def __init__(self, width, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width, device=device, dtype=dtype))


FLOAT16 = "test_rmsnorm_squares_in_float32_where_float16_would_overflow"


@wrong("model.rms_norm", caught_by=f"test_layers.py::{FLOAT16}")
class NoFloat32(Norm):
    def forward(self, x):
        size = torch.sqrt(x.square().mean(-1, keepdim=True) + self.eps)
        return (x / size * self.weight).to(x.dtype)


@wrong("model.rms_norm", caught_by="test_layers.py::test_rmsnorm_rounds_to_bfloat16_only_once")
class CastBeforeTheWeight(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide / size).to(x.dtype) * self.weight.to(x.dtype)


@wrong("model.rms_norm", caught_by="test_layers.py::test_rmsnorm_by_hand")
class SquaresSummed(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().sum(-1, keepdim=True) + self.eps)
        return (wide / size * self.weight).to(x.dtype)


@wrong("model.rms_norm", caught_by="test_layers.py::test_rmsnorm_adds_eps_inside_the_root")
class EpsOutsideTheRoot(Norm):
    def forward(self, x):
        wide = x.float()
        size = torch.sqrt(wide.square().mean(-1, keepdim=True)) + self.eps
        return (wide / size * self.weight).to(x.dtype)


LAST_AXIS = "test_rmsnorm_takes_the_mean_over_the_last_axis_alone"


@wrong("model.rms_norm", caught_by=f"test_layers.py::{LAST_AXIS}")
class MeanOverEverything(Norm):
    def forward(self, x):
        wide = x.float()
        return (wide / torch.sqrt(wide.square().mean() + self.eps) * self.weight).to(x.dtype)


@wrong("model.silu", caught_by="test_layers.py::test_silu_by_hand")
def only_the_sigmoid(x):
    return x.sigmoid()


WIDTH = "test_layers.py::test_the_inner_width_is_the_nearest_multiple_of_64"


@wrong("model.default_ff_width", caught_by=WIDTH)
def width_rounded_down(width):
    return 64 * max(1, int(width * 8 / 3 / 64))


@wrong("model.default_ff_width", caught_by=WIDTH)
def width_rounded_up(width):
    return 64 * math.ceil(width * 8 / 3 / 64)


@wrong("model.swiglu", caught_by="test_layers.py::test_the_feed_forward_layer_by_hand")
def gate_and_up_exchanged(width, ff_width, **options):
    layer = right.swiglu(width, ff_width, **options)
    layer.forward = lambda x: layer.down(layer.gate(x) * nn.functional.silu(layer.up(x)))
    return layer


# RoPE


class Turn(nn.Module):
    """Written out, so that one line can be wrong."""

    pair_from, position_from, clockwise = 0, 0, False

    def __init__(self, theta, head_width, context):
        super().__init__()
        pairs = torch.arange(head_width // 2) + self.pair_from
        positions = torch.arange(context) + self.position_from
        angles = torch.outer(positions, theta ** (-2 * pairs / head_width))
        self.keep(angles.cos(), -angles.sin() if self.clockwise else angles.sin())

    def keep(self, cos, sin):
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x, positions):
        cos, sin = self.cos[positions], self.sin[positions]
        a, b = x[..., 0::2], x[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1)
        return turned.flatten(-2).to(x.dtype)


@wrong("model.rope", caught_by="test_rope.py::test_neighbouring_coordinates_are_a_pair")
class HalvesArePairs(Turn):
    def forward(self, x, positions):
        cos, sin = self.cos[positions], self.sin[positions]
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@wrong("model.rope", caught_by="test_rope.py::test_position_0_does_not_turn")
class PositionsFromOne(Turn):
    position_from = 1


@wrong("model.rope", caught_by="test_rope.py::test_neighbouring_coordinates_are_a_pair")
class PairsFromOne(Turn):
    pair_from = 1


@wrong("model.rope", caught_by="test_rope.py::test_neighbouring_coordinates_are_a_pair")
class TheOtherWayRound(Turn):
    clockwise = True


@wrong("model.rope", caught_by="test_rope.py::test_positions_say_how_far_to_turn")
class PositionsIgnored(Turn):
    def forward(self, x, positions):
        return super().forward(x, torch.arange(x.shape[-2]))


@wrong("model.rope", caught_by="test_rope.py::test_nothing_is_learned_and_nothing_is_saved")
class TablesThatLearn(Turn):
    def keep(self, cos, sin):
        self.cos, self.sin = nn.Parameter(cos), nn.Parameter(sin)


@wrong("model.rope", caught_by="test_rope.py::test_nothing_is_learned_and_nothing_is_saved")
class TablesThatAreSaved(Turn):
    def keep(self, cos, sin):
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)


@wrong("model.rope", caught_by="test_rope.py::test_the_tables_move_with_the_module")
class TablesThatStayBehind(Turn):
    def keep(self, cos, sin):
        self.cos, self.sin = cos, sin


@wrong("model.rope", caught_by="test_rope.py::test_angles_stay_exact_for_bfloat16_vectors")
class AnglesInTheDtypeOfX(right.RoPE):
    def forward(self, x, positions):
        return super().forward(x, positions.to(x.dtype).long())


@wrong("model.rope", caught_by="test_rope.py::test_any_leading_axes")
class OneListOfPositions(Turn):
    def forward(self, x, positions):
        return super().forward(x, positions.reshape(-1, positions.shape[-1])[0])


# Softmax and attention


@wrong(
    "model.softmax",
    caught_by="test_attention.py::test_softmax_of_numbers_too_large_and_too_small_for_exp",
)
def nothing_subtracted(x, dim):
    return x.exp() / x.exp().sum(dim, keepdim=True)


@wrong("model.softmax", caught_by="test_attention.py::test_softmax_along_any_axis")
def always_the_last_axis(x, dim):
    return x.softmax(-1)


@wrong("model.softmax", caught_by="test_attention.py::test_softmax_leaves_its_input_alone")
def computed_in_place(x, dim):
    x -= x.amax(dim, keepdim=True)
    return x.exp_().div_(x.sum(dim, keepdim=True))


@wrong("model.attention", caught_by="test_attention.py::test_true_in_the_mask_means_may_look")
def mask_the_other_way_round(q, k, v, mask=None):
    return right.attention(q, k, v, None if mask is None else ~mask)


@wrong(
    "model.attention",
    caught_by="test_attention.py::test_scores_are_divided_by_the_root_of_the_head_width",
)
def scores_not_divided(q, k, v, mask=None):
    return right.attention(q * math.sqrt(q.shape[-1]), k, v, mask)


@wrong(
    "model.attention",
    caught_by="test_attention.py::test_scores_are_divided_by_the_root_of_the_head_width",
)
def scores_divided_by_the_width_itself(q, k, v, mask=None):
    return right.attention(q / math.sqrt(q.shape[-1]), k, v, mask)


@wrong("model.attention", caught_by="test_attention.py::test_attention_is_pytorchs")
def masked_after_softmax(q, k, v, mask=None):
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    return (weights if mask is None else weights * mask) @ v


@wrong(
    "model.attention", caught_by="test_attention.py::test_what_is_masked_has_no_influence_at_all"
)
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


@wrong(
    "model.self_attention",
    caught_by="test_attention.py::test_a_single_position_only_hands_on_its_value",
)
class ValuesTurned(Heads):
    def turn(self, q, k, v, positions):
        return (q, k, v) if self.rope is None else tuple(self.rope(y, positions) for y in (q, k, v))


@wrong("model.self_attention", caught_by="test_attention.py::test_the_layer_head_by_head")
class ScaledByTheWidthOfTheModel(Heads):
    def turn(self, q, k, v, positions):
        q, k, v = super().turn(q, k, v, positions)
        return q / math.sqrt(self.n_heads), k, v


@wrong(
    "model.self_attention",
    caught_by="test_attention.py::test_every_position_looks_at_itself_and_its_past_alone",
)
class NotCausal(Heads):
    def mask(self, T):
        return torch.ones(T, T, dtype=torch.bool)


@wrong(
    "model.self_attention",
    caught_by="test_attention.py::test_every_position_looks_at_itself_and_its_past_alone",
)
class OneStepIntoTheFuture(Heads):
    def mask(self, T):
        return torch.ones(T, T, dtype=torch.bool).tril(1)


@wrong(
    "model.self_attention",
    caught_by="test_attention.py::test_every_position_looks_at_itself_and_its_past_alone",
)
class BlindForItself(Heads):
    def mask(self, T):
        mask = torch.ones(T, T, dtype=torch.bool).tril(-1)
        mask[0, 0] = True  # otherwise there would be nothing to look at
        return mask


@wrong("model.self_attention", caught_by="test_attention.py::test_the_layer_head_by_head")
class PositionsTakenForHeads(Heads):
    def split(self, x):
        return x.reshape(*x.shape[:-2], self.n_heads, x.shape[-2], self.head_width)


@wrong("model.self_attention", caught_by="test_attention.py::test_the_layer_head_by_head")
class HeadsInterleaved(Heads):
    def split(self, x):
        return x.unflatten(-1, (self.head_width, self.n_heads)).movedim(-1, -3)


@wrong(
    "model.self_attention", caught_by="test_attention.py::test_positions_may_be_given_to_the_layer"
)
class AlwaysFromZero(Heads):
    def forward(self, x, positions=None):
        return super().forward(x)


@wrong(
    "model.self_attention",
    caught_by="test_attention.py::test_the_four_matrices_are_drawn_by_themselves",
)
class OneMatrixForKeysAndValues(Heads):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.value.weight = self.key.weight


# Block and model


def block_with(forward):
    """A block of the reference, with another `forward(block, x, attend)`."""

    def block(width, n_heads, ff_width, theta, context, device=None, dtype=None):
        made = right.block(width, n_heads, ff_width, theta, context, device, dtype)
        made.attention = right.self_attention(width, n_heads, theta, context, device, dtype)
        made.ffn = right.swiglu(width, ff_width, device, dtype)
        made.forward = lambda x: forward(made, x)
        return made

    return block


FREE_WAY = "test_transformer.py::test_layers_that_say_nothing_leave_the_stream_as_it_is"


@wrong("model.block", caught_by=FREE_WAY)
def post_norm(*sizes, **options):
    def forward(block, x):
        x = block.attention_norm(x + block.attention(x))
        return block.ffn_norm(x + block.ffn(x))

    return block_with(forward)(*sizes, **options)


@wrong("model.block", caught_by=FREE_WAY)
def nothing_is_added(*sizes, **options):
    def forward(block, x):
        x = block.attention(block.attention_norm(x))
        return block.ffn(block.ffn_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong(
    "model.block",
    caught_by="test_transformer.py::test_each_layer_adds_the_same_to_a_stream_of_any_size",
)
def no_norms(*sizes, **options):
    def forward(block, x):
        x = x + block.attention(x)
        return x + block.ffn(x)

    return block_with(forward)(*sizes, **options)


@wrong("model.block", caught_by="test_transformer.py::test_the_block_against_ours")
def both_layers_read_the_same_stream(*sizes, **options):
    def forward(block, x):
        return x + block.attention(block.attention_norm(x)) + block.ffn(block.ffn_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong("model.block", caught_by="test_transformer.py::test_the_block_against_ours")
def norms_exchanged(*sizes, **options):
    def forward(block, x):
        x = x + block.attention(block.ffn_norm(x))
        return x + block.ffn(block.attention_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong(
    "model.language_model",
    caught_by="test_transformer.py::test_what_a_checkpoint_of_the_model_holds",
)
def no_last_norm(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.norm = nn.Identity()
    return made


@wrong(
    "model.language_model",
    caught_by="test_transformer.py::test_the_last_norm_makes_the_size_of_the_stream_irrelevant",
)
def last_norm_not_used(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.norm.forward = lambda x: x
    return made


@wrong(
    "model.language_model", caught_by="test_transformer.py::test_no_two_parts_share_their_weights"
)
def output_is_the_embedding(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.output.weight = made.embedding.weight
    return made


@wrong(
    "model.language_model", caught_by="test_transformer.py::test_no_two_parts_share_their_weights"
)
def one_block_for_all_layers(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.blocks = nn.ModuleList([made.blocks[0]] * len(made.blocks))
    return made


@wrong(
    "model.language_model",
    caught_by="test_transformer.py::test_what_a_checkpoint_of_the_model_holds",
)
def blocks_in_a_plain_list(*sizes, **options):
    made = right.language_model(*sizes, **options)
    blocks = list(made.blocks)
    del made.blocks
    made.blocks = blocks
    return made


@wrong("model.language_model", caught_by="test_transformer.py::test_the_model_against_ours")
def probabilities_instead_of_logits(*sizes, **options):
    made = right.language_model(*sizes, **options)
    logits = made.forward
    made.forward = lambda ids: logits(ids).softmax(-1)
    return made


@wrong(
    "model.language_model", caught_by="test_transformer.py::test_a_new_model_is_drawn_part_by_part"
)
def all_drawn_with_0_02(*sizes, **options):
    made = right.language_model(*sizes, **options)
    for weight in made.parameters():
        if weight.dim() == 2:
            init.truncated_normal_(weight, 0.02)
    return made


@wrong(
    "model.language_model",
    caught_by="test_transformer.py::test_shorter_texts_and_any_leading_axes",
)
def positions_counted_from_the_end(vocab_size, context, *sizes, **options):
    made = right.language_model(vocab_size, context, *sizes, **options)
    whole = made.forward

    def padded(ids):
        missing = ids.new_zeros(*ids.shape[:-1], context - ids.shape[-1])
        return whole(torch.cat([missing, ids], -1))[..., missing.shape[-1] :, :]

    made.forward = padded
    return made


# Loss


@wrong(
    "model.cross_entropy",
    caught_by="test_loss.py::test_a_probability_too_small_for_a_float_has_a_finite_loss",
)
def logarithm_of_softmax(logits, targets):
    chosen = logits.softmax(-1).gather(-1, targets.unsqueeze(-1))
    return -chosen.log().mean()


@wrong(
    "model.cross_entropy",
    caught_by="test_loss.py::test_a_probability_too_small_for_a_float_has_a_finite_loss",
)
def probabilities_kept_above_zero(logits, targets):
    chosen = logits.softmax(-1).gather(-1, targets.unsqueeze(-1))
    return -(chosen + 1e-12).log().mean()


@wrong("model.cross_entropy", caught_by="test_loss.py::test_by_hand")
def summed_instead_of_averaged(logits, targets):
    return right.cross_entropy(logits, targets) * targets.numel()


@wrong("model.cross_entropy", caught_by="test_loss.py::test_the_mean_is_over_all_leading_axes")
def mean_over_the_last_leading_axis(logits, targets):
    losses = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return losses.mean(-1) if losses.dim() else losses


@wrong("model.cross_entropy", caught_by="test_loss.py::test_all_tokens_equally_likely")
def mean_over_the_vocabulary_too(logits, targets):
    one_hot = nn.functional.one_hot(targets, logits.shape[-1])
    return -(one_hot * logits.log_softmax(-1)).mean()


# Optimizer


class Adam(torch.optim.Optimizer):
    """AdamW written out, so that one line can be wrong."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)
        self.first = settings

    def settings(self, group):
        return group

    def state_of(self, p):
        return self.state[p]

    def corrections(self, t, beta1, beta2):
        return 1 - beta1 ** (t + 1), 1 - beta2 ** (t + 1)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, p.grad, self.state_of(p), self.settings(group))

    def update(self, p, g, state, group):
        p.mul_(1 - group["lr"] * group["weight_decay"])
        self.adam(p, g, state, group)

    def adam(self, p, g, state, group):
        t, m, v = state.get("t", 0), state.get("m", 0 * p), state.get("v", 0 * p)
        beta1, beta2 = group["betas"]
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        state.update(t=t + 1, m=m, v=v)
        of_m, of_v = self.corrections(t, beta1, beta2)
        p.sub_(group["lr"] * (m / of_m) / ((v / of_v) ** 0.5 + group["eps"]))


@wrong(
    "model.adamw",
    caught_by="test_optimizer.py::test_decay_is_not_divided_by_the_size_of_the_gradient",
)
class DecayInTheGradient(Adam):
    def update(self, p, g, state, group):
        self.adam(p, g + group["weight_decay"] * p, state, group)


@wrong("model.adamw", caught_by="test_optimizer.py::test_the_first_step_by_hand")
class StepsFromZero(Adam):
    def corrections(self, t, beta1, beta2):
        return 1 - beta1**t, 1 - beta2**t


@wrong("model.adamw", caught_by="test_optimizer.py::test_the_first_step_by_hand")
class NoCorrections(Adam):
    def corrections(self, t, beta1, beta2):
        return 1.0, 1.0


@wrong("model.adamw", caught_by="test_optimizer.py::test_many_steps_are_pytorchs")
class OneCounterForAll(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.counter = count()

    def corrections(self, t, beta1, beta2):
        return super().corrections(next(self.counter), beta1, beta2)


ON_THEIR_OWN = "test_parameters_without_a_gradient_are_left_alone_and_counted_on_their_own"


@wrong("model.adamw", caught_by=f"test_optimizer.py::{ON_THEIR_OWN}")
class OneCounterForEachStep(Adam):
    taken = -1

    def step(self, closure=None):
        self.taken += 1
        super().step(closure)

    def corrections(self, t, beta1, beta2):
        return super().corrections(self.taken, beta1, beta2)


@wrong("model.adamw", caught_by="test_optimizer.py::test_many_steps_are_pytorchs")
class MomentsOfOneSizeForAll(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.shared = {}

    def state_of(self, p):
        state = self.shared
        for name in ("m", "v"):  # what fits no shape is averaged
            if name in state:
                state[name] = state[name].mean().expand(p.shape)
        return state


@wrong(
    "model.adamw",
    caught_by="test_optimizer.py::test_a_saved_optimizer_goes_on_as_if_nothing_had_happened",
)
class StateOfItsOwn(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.mine = {}

    def state_of(self, p):
        return self.mine.setdefault(p, {})


@wrong(
    "model.adamw",
    caught_by="test_optimizer.py::test_a_schedule_may_change_the_settings_between_steps",
)
class SettingsOfTheBeginning(Adam):
    def settings(self, group):
        return self.first


@wrong("model.adamw", caught_by="test_optimizer.py::test_groups_have_settings_of_their_own")
class FirstGroupForAll(Adam):
    def settings(self, group):
        return self.param_groups[0]


@wrong("model.adamw", caught_by="test_optimizer.py::test_many_steps_are_pytorchs")
class EpsBeforeTheCorrection(Adam):
    def adam(self, p, g, state, group):
        _, beta2 = group["betas"]
        larger = group["eps"] / (1 - beta2 ** (state.get("t", 0) + 1)) ** 0.5
        super().adam(p, g, state, {**group, "eps": larger})


# Clipping


def gradients(params):
    return [p.grad for p in params if p.grad is not None]


@wrong("model.clip_gradients", caught_by="test_optimizer.py::test_short_gradients_are_not_touched")
def always_scaled(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for gradient in gradients(params):
        gradient.mul_(max_norm / (norm + 1e-6))
    return norm


@wrong(
    "model.clip_gradients",
    caught_by="test_optimizer.py::test_long_gradients_are_shortened_together",
)
def scaled_when_short(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    if norm < max_norm:
        for gradient in gradients(params):
            gradient.mul_(max_norm / (norm + 1e-6))
    return norm


@wrong(
    "model.clip_gradients",
    caught_by="test_optimizer.py::test_long_gradients_are_shortened_together",
)
def each_by_itself(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for p in params:
        right.clip_gradients([p], max_norm)
    return norm


@wrong(
    "model.clip_gradients",
    caught_by="test_optimizer.py::test_long_gradients_are_shortened_together",
)
def every_number_cut(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for gradient in gradients(params):
        gradient.clamp_(-max_norm, max_norm)
    return norm


@wrong(
    "model.clip_gradients",
    caught_by="test_optimizer.py::test_parameters_without_a_gradient_are_skipped",
)
def gradients_taken_for_granted(params, max_norm):
    params = list(params)
    torch.stack([p.grad.norm() for p in params])
    return right.clip_gradients(params, max_norm)


@wrong(
    "model.clip_gradients", caught_by="test_optimizer.py::test_parameters_may_come_from_a_generator"
)
def walked_through_twice(params, max_norm):
    norm = torch.stack([g.norm() for g in gradients(params)]).norm()
    for gradient in gradients(params):
        gradient.mul_(min(1.0, max_norm / (norm + 1e-6)))
    return norm


@wrong(
    "model.clip_gradients", caught_by="test_optimizer.py::test_the_gradients_are_changed_in_place"
)
def new_gradients(params, max_norm):
    params = list(params)
    for p in params:
        p.grad = None if p.grad is None else p.grad.clone()
    return right.clip_gradients(params, max_norm)


@wrong("model.clip_gradients", caught_by="test_optimizer.py::test_the_norm_from_before_is_returned")
def norm_from_after(params, max_norm):
    params = list(params)
    right.clip_gradients(params, max_norm)
    return right.clip_gradients(params, math.inf)


# Schedule


@wrong(
    "model.learning_rate",
    caught_by="test_schedule.py::test_the_warm_up_is_a_line_from_0_to_the_highest_rate",
)
def warm_up_from_step_one(step, highest, lowest, warmup_steps, cosine_steps):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps)


@wrong(
    "model.learning_rate",
    caught_by="test_schedule.py::test_the_highest_rate_is_reached_at_w_and_not_before_or_after",
)
def cosine_one_step_ahead(step, highest, lowest, warmup_steps, cosine_steps):
    later = step if step < warmup_steps else min(step + 1, cosine_steps)
    return right.learning_rate(later, highest, lowest, warmup_steps, cosine_steps)


@wrong(
    "model.learning_rate",
    caught_by="test_schedule.py::test_the_highest_rate_is_reached_at_w_and_not_before_or_after",
)
def cosine_from_the_first_step(step, highest, lowest, warmup_steps, cosine_steps):
    if step < warmup_steps:
        return highest * step / warmup_steps
    return right.learning_rate(step, highest, lowest, 0, cosine_steps)


@wrong(
    "model.learning_rate",
    caught_by="test_schedule.py::test_the_lowest_rate_is_reached_at_c_and_not_before",
)
def cosine_one_step_longer(step, highest, lowest, warmup_steps, cosine_steps):
    if step > cosine_steps:
        return lowest
    return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps + 1)


@wrong("model.learning_rate", caught_by="test_schedule.py::test_after_c_the_rate_stays_where_it_is")
def cosine_goes_on(step, highest, lowest, warmup_steps, cosine_steps):
    if step <= cosine_steps:
        return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps)
    progress = (step - warmup_steps) / (cosine_steps - warmup_steps)
    return lowest + (1 + math.cos(math.pi * progress)) / 2 * (highest - lowest)


@wrong("model.learning_rate", caught_by="test_schedule.py::test_by_hand")
def down_to_zero(step, highest, lowest, warmup_steps, cosine_steps):
    return right.learning_rate(step, highest, 0.0, warmup_steps, cosine_steps)


# Answers


def answered(table, **changes):
    """The right answers with some changed; a change is a factor."""
    answers = right.answers()
    changed = {name: answers[table][name] * factor for name, factor in changes.items()}
    return answers | {table: answers[table] | changed}


@wrong("answers.read_answers", caught_by="test_accounting.py::test_parameters")
def one_table_for_both_ends():
    tied = 1 - 50_257 * 1600 / right.answers()["transformer_accounting"]["parameters"]
    return answered("transformer_accounting", parameters=tied)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_memory_of_the_parameters")
def gigabytes_for_gibibytes():
    return answered("transformer_accounting", gib=2**30 / 1e9)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_a_forward_pass")
def multiplications_without_additions():
    return answered("transformer_accounting", forward_tflop=0.5)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_shares_of_four_sizes")
def shares_out_of_one():
    return answered("transformer_accounting", ffn_percent_small=0.01)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_a_forward_pass_over_a_long_text")
def everything_sixteen_times():
    found = right.answers()["transformer_accounting"]
    return answered(
        "transformer_accounting", long_tflop=16 * found["forward_tflop"] / found["long_tflop"]
    )


@wrong("answers.read_answers", caught_by="test_accounting.py::test_state")
def one_moment():
    return answered("adamw_accounting", state_gb=12 / 16)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_activations")
def no_logits():
    bytes_of_logits = 4 * 2 * 1024 * 50_257
    return answered("adamw_accounting", activations_gb=1 - bytes_of_logits / 16.373e9)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_largest_batch")
def batch_rounded_up():
    return answered("adamw_accounting", largest_batch=4 / 3)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_operations_of_a_step")
def only_the_moments():
    return answered("adamw_accounting", operations_per_parameter=7 / 15)


@wrong("answers.read_answers", caught_by="test_accounting.py::test_hours")
def forward_only():
    return answered("adamw_accounting", hours=1 / 3)


LEFT = "test_learning_rate_tuning.py::test_what_is_left_of_the_loss"


@wrong("answers.read_answers", caught_by=LEFT)
def after_nine_updates():
    return answered("learning_rate_tuning", factor_10=1 / (1 - 0.2 / math.sqrt(10)) ** 2)


@wrong(
    "answers.read_answers",
    caught_by="test_learning_rate_tuning.py::test_the_largest_learning_rate",
)
def half_of_the_largest_rate():
    return answered("learning_rate_tuning", largest_lr=0.5)
