"""Softmax, attention and its layer: by hand, against PyTorch and a loop over heads, causality."""

import math

import torch
from torch import Tensor, nn

from adapters import model
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.model.rope import rotate_adjacent, rotation


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# Softmax


@problem("softmax")
def test_softmax_by_hand():
    cases = [([5.0], [1.0]), ([0.0, 0.0], [0.5, 0.5]), ([0.0, math.log(3)], [0.25, 0.75])]
    for x, expected in cases:
        yours = model.softmax(torch.tensor(x), 0)
        same(yours, torch.tensor(expected), given=f"x = {x}, dim 0", within=1e-6)


@problem("softmax")
def test_softmax_of_numbers_too_large_and_too_small_for_exp():
    for shift in (0.0, 1000.0, -1000.0):
        yours = model.softmax(torch.tensor([shift, shift + math.log(3)]), 0)
        given = f"x = [{shift:g}, {shift:g} + log 3], dim 0"
        same(yours, torch.tensor([0.25, 0.75]), given=given, within=1e-4)  # 1000 + log 3 is rounded
    yours = model.softmax(torch.tensor([2.0, -math.inf]), 0)
    same(yours, torch.tensor([1.0, 0.0]), given="x = [2, -inf], dim 0")


@problem("softmax")
def test_softmax_along_any_axis():
    for shape in ((3,), (2, 3), (2, 3, 5)):
        for dim in (*range(len(shape)), -1):
            x = random(*shape)
            given = f"x of shape {shape}, dim {dim}"
            same(model.softmax(x, dim), x.softmax(dim), given=given, within=1e-12)


@problem("softmax")
def test_softmax_leaves_its_input_alone():
    x = random(2, 3)
    before = x.clone()
    model.softmax(x, 1)
    same(x, before, given="x after softmax(x, 1)")


# Attention


def qkv(leading: tuple[int, ...], T: int, S: int, H: int) -> tuple[Tensor, Tensor, Tensor]:
    return random(*leading, T, H), random(*leading, S, H, seed=1), random(*leading, S, H, seed=2)


@problem("attention")
def test_attention_by_hand():
    """One query of width 1: weights 1/4 and 3/4. With width 4, the same product is halved."""
    for keys, expected in (([0.0], 0.0), ([0.0, 0.0], 2.0), ([0.0, math.log(3) / 2], 3.0)):
        k = torch.tensor(keys)[:, None]
        v = torch.tensor([[0.0], [4.0]])[: len(keys)]
        yours = model.attention(torch.tensor([[2.0]]), k, v)
        given = f"q = [[2]], k = {k.tolist()}, v = {v.tolist()}"
        same(yours, torch.tensor([[expected]]), given=given, within=1e-5)


@problem("attention")
def test_scores_are_divided_by_the_root_of_the_head_width():
    for H in (1, 4, 9, 16):
        q = torch.ones(1, H)
        k = torch.stack([torch.zeros(H), torch.full((H,), math.log(3) / math.sqrt(H))])
        v = torch.stack([torch.zeros(H), torch.full((H,), 4.0)])
        given = f"H = {H}, a query and two keys with the products 0 and log 3 * sqrt({H})"
        same(model.attention(q, k, v), torch.full((1, H), 3.0), given=given, within=1e-5)


@problem("attention")
def test_true_in_the_mask_means_may_look():
    v = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for mask, expected in (([[True, False]], [[1.0, 0.0]]), ([[False, True]], [[0.0, 1.0]])):
        yours = model.attention(torch.zeros(1, 2), torch.zeros(2, 2), v, torch.tensor(mask))
        given = f"one query, keys of zeros, v = [[1, 0], [0, 1]], mask {mask}"
        same(yours, torch.tensor(expected), given=given, within=1e-6)


@problem("attention")
def test_attention_is_pytorchs():
    for leading in ((), (1,), (2,), (2, 3)):
        for T, S, H in ((1, 1, 1), (1, 3, 2), (5, 3, 2), (5, 7, 3)):
            q, k, v = qkv(leading, T, S, H)
            mask = random(T, S, seed=3) > 0
            mask[:, 0] = True  # every query may look at something
            for of_mask in (None, mask):
                expected = nn.functional.scaled_dot_product_attention(q, k, v, of_mask)
                masked = "a mask" if of_mask is not None else "no mask"
                given = f"q {tuple(q.shape)}, k and v {tuple(k.shape)}, {masked}"
                same(model.attention(q, k, v, of_mask), expected, given=given, within=1e-10)


@problem("attention")
def test_masks_of_single_sequences():
    """A mask (B, 1, T, S) for q (B, N, T, H): for each sequence another, for its heads the same."""
    for B, N, T, S, H in ((1, 1, 2, 2, 1), (2, 3, 4, 5, 2)):
        q, k, v = qkv((B, N), T, S, H)
        mask = random(B, 1, T, S, seed=3) > 0
        mask[..., 0] = True
        expected = nn.functional.scaled_dot_product_attention(q, k, v, mask)
        given = f"q {tuple(q.shape)}, mask {tuple(mask.shape)}"
        same(model.attention(q, k, v, mask), expected, given=given, within=1e-10)


@problem("attention")
def test_what_is_masked_has_no_influence_at_all():
    for T, S in ((1, 2), (3, 5)):
        q, k, v = qkv((), T, S, 4)
        mask = torch.ones(T, S, dtype=torch.bool)
        mask[:, -1] = False
        before = model.attention(q, k, v, mask)
        k[-1], v[-1] = 1e3, 1e3
        given = f"T = {T}, S = {S}: the last key is masked, and it and its value become 1000"
        same(model.attention(q, k, v, mask), before, given=given)


@problem("attention")
def test_values_may_have_a_width_of_their_own():
    for W in (1, 5):
        q, k, v = random(2, 3), random(4, 3, seed=1), random(4, W, seed=2)
        expected = (q @ k.T / math.sqrt(3)).softmax(-1) @ v
        given = f"q (2, 3), k (4, 3), v (4, {W})"
        same(model.attention(q, k, v), expected, given=given, within=1e-10)


# The layer


def with_weights(layer: nn.Module, width: int) -> tuple[nn.Module, dict[str, Tensor]]:
    """The layer with random numbers in its four matrices."""
    parts = ("query", "key", "value", "out")
    weights = {f"{name}.weight": random(width, width, seed=9 + i) for i, name in enumerate(parts)}
    layer.load_state_dict(weights)
    return layer, weights


def head_by_head(
    x: Tensor, weights: dict[str, Tensor], n_heads: int, positions: Tensor, theta: float | None
) -> Tensor:
    """The slow way for x (T, D): every head and every query by itself."""
    T, D = x.shape
    H = D // n_heads
    q, k, v = (x @ weights[f"{name}.weight"].T for name in ("query", "key", "value"))
    mixed = torch.zeros(T, D, dtype=x.dtype)
    for head in range(n_heads):
        columns = slice(head * H, (head + 1) * H)
        of_q, of_k = q[:, columns], k[:, columns]
        if theta is not None:
            turn = rotation(positions, H, theta)
            of_q = rotate_adjacent(of_q.reshape(1, T, 1, H), turn)[0, :, 0]
            of_k = rotate_adjacent(of_k.reshape(1, T, 1, H), turn)[0, :, 0]
        for t in range(T):
            scores = of_k[: t + 1] @ of_q[t] / math.sqrt(H)
            mixed[t, columns] = scores.softmax(0) @ v[: t + 1, columns]
    return mixed @ weights["out.weight"].T


SIZES = ((1, 2, 1), (2, 2, 1), (3, 4, 2), (5, 12, 3), (7, 12, 2))  # T, D, N


@problem("multihead_attention")
def test_the_layer_has_four_square_matrices():
    weights = model.self_attention(6, 3).state_dict()
    expected = {f"{name}.weight": (6, 6) for name in ("key", "out", "query", "value")}
    yours = {name: tuple(weight.shape) for name, weight in sorted(weights.items())}
    same(yours, expected, given="the state_dict of SelfAttention(6, 3)")


@problem("multihead_attention")
def test_the_layer_head_by_head():
    for T, D, N in SIZES:
        layer, weights = with_weights(model.self_attention(D, N, dtype=torch.float64), D)
        x = random(T, D)
        expected = head_by_head(x, weights, N, torch.arange(T), None)
        given = f"T = {T}, D = {D}, {N} heads, no RoPE"
        same(layer(x).detach(), expected, given=given, within=1e-10)


@problem("multihead_attention")
def test_the_layer_with_rope_head_by_head():
    for T, D, N in SIZES:
        made = model.self_attention(D, N, theta=100.0, context=16, dtype=torch.float64)
        layer, weights = with_weights(made, D)
        x = random(T, D)
        expected = head_by_head(x, weights, N, torch.arange(T), 100.0)
        given = f"T = {T}, D = {D}, {N} heads, RoPE with theta 100"
        same(layer(x).detach(), expected, given=given, within=1e-4)


@problem("multihead_attention")
def test_positions_may_be_given_to_the_layer():
    layer, weights = with_weights(
        model.self_attention(4, 2, theta=100.0, context=16, dtype=torch.float64), 4
    )
    for places in ([3], [0, 2], [1, 5, 13], [9, 4, 2]):
        x, positions = random(len(places), 4), torch.tensor(places)
        expected = head_by_head(x, weights, 2, positions, 100.0)
        given = f"positions {places}, D = 4, 2 heads"
        same(layer(x, positions).detach(), expected, given=given, within=1e-4)


@problem("multihead_attention")
def test_a_single_position_only_hands_on_its_value():
    """Its weight is one wherever it stands, so RoPE must not show: values are not turned."""
    layer, weights = with_weights(
        model.self_attention(4, 2, theta=100.0, context=16, dtype=torch.float64), 4
    )
    x = random(1, 4)
    expected = x @ weights["value.weight"].T @ weights["out.weight"].T
    for place in (0, 1, 7):
        yours = layer(x, torch.tensor([place])).detach()
        same(yours, expected, given=f"one vector at position {place}", within=1e-10)


@problem("multihead_attention")
def test_every_position_looks_at_itself_and_its_past_alone():
    for T in (2, 3, 6):
        layer, _ = with_weights(
            model.self_attention(4, 2, theta=100.0, context=16, dtype=torch.float64), 4
        )
        x = random(T, 4)
        before = layer(x).detach()
        for changed in range(T):
            other = x.clone()
            other[changed] += 1
            moved = (layer(other).detach() - before).abs().amax(-1) > 1e-9
            expected = [t >= changed for t in range(T)]
            given = f"which of {T} results change when x[{changed}] does"
            same(moved.tolist(), expected, given=given)


@problem("multihead_attention")
def test_any_leading_axes_and_sequences_do_not_meet():
    layer, weights = with_weights(
        model.self_attention(4, 2, theta=100.0, context=16, dtype=torch.float64), 4
    )
    for leading in ((1,), (3,), (2, 3)):
        x = random(*leading, 5, 4)
        alone = [head_by_head(y, weights, 2, torch.arange(5), 100.0) for y in x.reshape(-1, 5, 4)]
        expected = torch.stack(alone).reshape(x.shape)
        given = f"x of shape {tuple(x.shape)}, 2 heads"
        same(layer(x).detach(), expected, given=given, within=1e-4)


@problem("multihead_attention")
def test_the_four_matrices_are_drawn_by_themselves():
    torch.manual_seed(0)
    layer = model.self_attention(6, 2)
    drawn = {weight.data_ptr() for weight in layer.parameters()}
    same(len(drawn), 4, given="the number of different parameters in SelfAttention(6, 2)")
    rule = "A rope given to the layer adds nothing to what is saved."
    names = sorted(model.self_attention(6, 1, theta=100.0, context=8).state_dict())
    expected = ["key.weight", "out.weight", "query.weight", "value.weight"]
    holds(names == expected, rule, yours=names)
