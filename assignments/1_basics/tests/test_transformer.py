"""The block and the whole model: against `lib` with the same weights, and what holds for both."""

from unittest.mock import patch

import torch
from torch import Tensor, nn

from adapters import model
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.model.config import ModelConfig
from lib.model.rope import rotation
from lib.model.transformer import Block, Transformer

CUT = 0.98658  # standard deviation of a normal distribution of size 1 that is cut at 3


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in sorted(module.state_dict().items())}


def with_weights(module: nn.Module, zero: tuple[str, ...] = ()) -> nn.Module:
    """The module with random weights of size 1/2, but zero in layers called as in `zero`."""
    weights = {
        name: random(*weight.shape, seed=i) / 2
        for i, (name, weight) in enumerate(sorted(module.state_dict().items()))
    }
    for name in weights:
        if name.endswith(tuple(f"{layer}.weight" for layer in zero)):
            weights[name] = torch.zeros_like(weights[name])
    module.load_state_dict(weights)
    return module


# The block


def small_block(D: int, N: int, F: int) -> nn.Module:
    return model.block(D, N, F, theta=100.0, context=16, dtype=torch.float64)


def of_block(D: int, F: int, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of a block."""
    square = {f"attention.{name}.weight": (D, D) for name in ("query", "key", "value", "out")}
    norms = {"attention_norm.weight": (D,), "ffn_norm.weight": (D,)}
    ffn = {"ffn.gate.weight": (F, D), "ffn.up.weight": (F, D), "ffn.down.weight": (D, F)}
    return {prefix + name: shape for name, shape in {**square, **norms, **ffn}.items()}


@problem("transformer_block")
def test_the_block_has_two_norms_and_two_layers():
    for D, N, F in ((2, 1, 3), (6, 3, 5)):
        expected = dict(sorted(of_block(D, F).items()))
        given = f"the state_dict of Block({D}, {N}, {F}), sorted"
        same(shapes(small_block(D, N, F)), expected, given=given)


@problem("transformer_block")
def test_layers_that_say_nothing_leave_the_stream_as_it_is():
    """The way through the sums is free: no norm stands in it."""
    for T, D in ((1, 2), (3, 4)):
        block, x = with_weights(small_block(D, 1, 3), ("out", "down")), 5 * random(T, D)
        given = f"T = {T}, D = {D}, the weights of attention.out and ffn.down are zero"
        same(block(x).detach(), x, given=given, within=1e-9)


@problem("transformer_block")
def test_each_layer_adds_the_same_to_a_stream_of_any_size():
    """Because it reads a normalised copy."""
    for silent in ("down", "out"):
        block, x = with_weights(small_block(4, 2, 3), (silent,)), 3 * random(3, 4)
        added, expected = block(10 * x) - 10 * x, block(x) - x
        only = "attention" if silent == "down" else "the feed-forward layer"
        given = f"only {only} speaks: what it adds to 10 x, expected what it adds to x"
        same(added.detach(), expected.detach(), given=given, within=1e-4)


@problem("transformer_block")
def test_the_block_against_ours():
    for T, D, N, F in ((1, 2, 1, 3), (3, 4, 2, 3), (5, 12, 3, 7)):
        block = with_weights(small_block(D, N, F))
        config = ModelConfig(9, 16, 1, D, N, ff_width=F, dtype="float64")
        ours = Block(config)
        ours.load_state_dict(block.state_dict())
        x = 3 * random(2, T, D)
        expected = ours(x, rotation(torch.arange(T), D // N, 100.0)).detach()
        given = f"2 sequences, T = {T}, D = {D}, {N} heads, F = {F}"
        same(block(x).detach(), expected, given=given, within=1e-4)


# The model


SIZES = ((5, 4, 1, 2, 1, 3), (7, 6, 2, 4, 2, 5), (11, 8, 3, 12, 3, 7))  # V, context, L, D, N, F


def small_model(V: int, context: int, L: int, D: int, N: int, F: int) -> nn.Module:
    return model.language_model(V, context, L, D, N, F, theta=100.0, dtype=torch.float64)


def ids_of(*shape: int, V: int = 5) -> Tensor:
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(0))


@problem("language_model")
def test_what_a_checkpoint_of_the_model_holds():
    for V, context, L, D, N, F in SIZES:
        expected = {"embedding.weight": (V, D), "norm.weight": (D,), "output.weight": (V, D)}
        for layer in range(L):
            expected |= of_block(D, F, f"blocks.{layer}.")
        given = f"the state_dict with V = {V}, L = {L}, D = {D}, F = {F}, sorted"
        yours = shapes(small_model(V, context, L, D, N, F))
        same(yours, dict(sorted(expected.items())), given=given)


@problem("language_model")
def test_no_two_parts_share_their_weights():
    """Neither output and embedding, nor the blocks."""
    for V, context, L, D, N, F in SIZES:
        yours = sum(p.numel() for p in small_model(V, context, L, D, N, F).parameters())
        expected = 2 * V * D + D + L * (4 * D * D + 3 * D * F + 2 * D)
        given = f"the number of parameters with V = {V}, L = {L}, D = {D}, F = {F}"
        same(yours, expected, given=given)


@problem("language_model")
def test_the_model_of_the_experiments_has_22_7_million_parameters():
    # Counting needs no numbers, and drawing 22 million takes seconds.
    with patch.object(nn.init, "trunc_normal_", lambda tensor, *cut, **named: tensor):
        made = model.language_model(10_000, 256, 4, 512, 16, 1344, 10_000.0)
    sizes = {name: weight.numel() for name, weight in made.state_dict().items()}
    total, table = sum(sizes.values()), sizes["embedding.weight"]
    yours = [total, total - table, total - table - sizes["output.weight"]]
    given = "all parameters; without the embedding; without embedding and output"
    same(yours, [22_696_448, 17_576_448, 12_456_448], given=given)


@problem("language_model")
def test_the_model_against_ours():
    for V, context, L, D, N, F in SIZES:
        made = with_weights(small_model(V, context, L, D, N, F))
        config = ModelConfig(V, context, L, D, N, ff_width=F, rope_theta=100.0, dtype="float64")
        ours = Transformer(config)
        ours.load_state_dict(made.state_dict())
        ids = ids_of(3, context, V=V)
        given = f"V = {V}, L = {L}, D = {D}, {N} heads, F = {F}, ids of shape {tuple(ids.shape)}"
        same(made(ids).detach(), ours(ids).detach(), given=given, within=1e-4)


@problem("language_model")
def test_the_last_norm_makes_the_size_of_the_stream_irrelevant():
    for V, context, L, D, N, F in SIZES:
        made = with_weights(small_model(V, context, L, D, N, F), ("out", "down"))
        ids = ids_of(context, V=V)
        before = made(ids).detach()
        with torch.no_grad():
            next(w for name, w in made.named_parameters() if name == "embedding.weight").mul_(10)
        given = f"{L} layers that add nothing: logits after the embedding grew tenfold"
        same(made(ids).detach(), before, given=given, within=1e-3)


@problem("language_model")
def test_logits_depend_on_no_later_token():
    made = with_weights(small_model(*SIZES[1]))
    for T in (2, 3, 6):
        ids = ids_of(1, T, V=7)
        before = made(ids).detach()
        for changed in range(T):
            other = ids.clone()
            other[0, changed] = (other[0, changed] + 1) % 7
            moved = (made(other).detach() - before)[0].abs().amax(-1) > 1e-9
            expected = [t >= changed for t in range(T)]
            given = f"at which of {T} positions the logits change when token {changed} does"
            same(moved.tolist(), expected, given=given)


@problem("language_model")
def test_shorter_texts_and_any_leading_axes():
    made = with_weights(small_model(*SIZES[1]))
    ids = ids_of(2, 3, 6, V=7)
    whole = made(ids).detach()
    for T in (1, 2, 5):
        given = f"the first {T} of 6 tokens of the texts of shape (2, 3), context 6"
        same(made(ids[..., :T]).detach(), whole[..., :T, :], given=given, within=1e-9)
    same(made(ids[1, 2]).detach(), whole[1, 2], given="one text alone, ids (6,)", within=1e-9)


@problem("language_model")
def test_a_new_model_is_drawn_part_by_part():
    """Matrices with variance 2 / (d_in + d_out), the table with 1, norms at one."""
    torch.manual_seed(0)
    made = model.language_model(500, 8, 2, 64, 4, 192, 10_000.0)
    for name, weight in sorted(made.state_dict().items()):
        if weight.dim() == 1:
            same(weight, torch.ones_like(weight), given=f"{name} of a new model")
            continue
        std = 1.0 if name == "embedding.weight" else (2 / sum(weight.shape)) ** 0.5
        found, right = weight.std().item(), std * CUT
        rule = f"The standard deviation is about {right:.4f}."
        holds(abs(found / right - 1) < 0.06, rule, given=f"{name} of a new model", yours=found)


@problem("language_model")
def test_every_parameter_learns():
    for V, context, L, D, N, F in SIZES[1:]:
        made = with_weights(small_model(V, context, L, D, N, F))
        made(torch.arange(V)[:context]).square().sum().backward()
        idle = [n for n, p in made.named_parameters() if p.grad is None or not p.grad.any()]
        same(idle, [], given=f"parameters without a gradient, V = {V}, L = {L}, D = {D}")
