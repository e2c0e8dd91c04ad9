"""Linear, Embedding, RMSNorm, the feed-forward layer: by hand, then by formula in float64."""

import math

import torch
from torch import Tensor, nn

from adapters import model
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

LEADING = ((), (1,), (4,), (2, 3), (2, 1, 3))  # axes in front of the one that the layers work on
CUT = 0.98658  # standard deviation of a normal distribution of size 1 that is cut at 3


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in sorted(module.state_dict().items())}


def loaded(module: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    module.load_state_dict(weights)
    return module


def check_drawn(weight: Tensor, std: float, given: str) -> None:
    """Normal, of this size, cut at three standard deviations; with 10^5 numbers chance is small."""
    found, largest = weight.std().item(), weight.abs().max().item()
    rule = f"The weights have a standard deviation of about {std * CUT:.4f}."
    holds(abs(found / (std * CUT) - 1) < 0.02, rule, given=given, yours=found)
    rule = "The mean of the weights is zero, but for chance."
    holds(abs(weight.mean().item()) < 0.02 * std, rule, given=given, yours=weight.mean().item())
    rule = f"The largest weight lies just below the cut, 3 standard deviations = {3 * std:.4f}."
    holds(2.8 * std < largest <= 3 * std * (1 + 1e-6), rule, given=given, yours=largest)


# Linear


@problem("linear")
def test_linear_by_hand():
    layer = model.linear(3, 2)
    loaded(layer, {"weight": torch.tensor([[1.0, 2.0, 0.0], [0.0, 3.0, 1.0]])})
    for x, expected in (([0.0, 0.0, 0.0], [0.0, 0.0]), ([1.0, 1.0, 1.0], [3.0, 4.0])):
        given = f"weight [[1, 2, 0], [0, 3, 1]], x = {x}"
        same(layer(torch.tensor(x)).detach(), torch.tensor(expected), given=given)


@problem("linear")
def test_linear_has_one_weight_of_shape_out_by_in():
    layer = model.linear(3, 5)
    same(shapes(layer), {"weight": (5, 3)}, given="the state_dict of Linear(3, 5)")
    learned = [name for name, _ in layer.named_parameters()]
    same(learned, ["weight"], given="the parameters of Linear(3, 5)")


@problem("linear")
def test_linear_takes_any_leading_axes():
    weight = random(5, 3)
    layer = loaded(model.linear(3, 5, dtype=torch.float64), {"weight": weight})
    for leading in LEADING:
        x = random(*leading, 3, seed=1)
        expected = (x.unsqueeze(-2) * weight).sum(-1)
        same(layer(x).detach(), expected, given=f"x of shape {tuple(x.shape)}", within=1e-12)


@problem("linear")
def test_linear_is_drawn_with_variance_2_over_the_sum_of_both_sizes():
    torch.manual_seed(0)
    for d_in, d_out in ((300, 400), (100, 900)):
        weight = model.linear(d_in, d_out).weight.detach()
        check_drawn(weight, math.sqrt(2 / (d_in + d_out)), f"the weight of Linear({d_in}, {d_out})")
    again = model.linear(100, 900).weight.detach()
    holds(not torch.equal(weight, again), "Every layer draws new weights.", given="Linear twice")


@problem("linear")
def test_linear_is_made_in_the_dtype_and_on_the_device_asked_for():
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        weight = model.linear(3, 2, dtype=dtype).weight
        same(str(weight.dtype), str(dtype), given=f"Linear(3, 2, dtype={dtype})")
    weight = model.linear(3, 2, device=torch.device("meta")).weight
    same(str(weight.device), "meta", given="Linear(3, 2, device=torch.device('meta'))")


# Embedding


@problem("embedding")
def test_embedding_by_hand():
    table = model.embedding(3, 2)
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    loaded(table, {"weight": weight})
    for ids, expected in ((0, [1.0, 2.0]), ([2, 0, 2], [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]])):
        given = f"weight [[1, 2], [3, 4], [5, 6]], ids {ids}"
        same(table(torch.tensor(ids)).detach(), torch.tensor(expected), given=given)


@problem("embedding")
def test_embedding_takes_ids_of_any_shape():
    given = "the state_dict of Embedding(7, 3)"
    same(shapes(model.embedding(7, 3)), {"weight": (7, 3)}, given=given)
    weight = random(7, 3)
    table = loaded(model.embedding(7, 3, dtype=torch.float64), {"weight": weight})
    for leading in LEADING:
        ids = torch.randint(7, leading, generator=torch.Generator().manual_seed(1))
        expected = torch.stack([weight[i] for i in ids.reshape(-1)]).reshape(*leading, 3)
        same(table(ids).detach(), expected, given=f"ids of shape {leading}")


@problem("embedding")
def test_embedding_is_drawn_with_variance_1():
    torch.manual_seed(0)
    for n, width in ((400, 300), (1000, 100)):
        weight = model.embedding(n, width).weight.detach()
        check_drawn(weight, 1.0, f"the weight of Embedding({n}, {width})")


@problem("embedding")
def test_embedding_learns_only_the_rows_that_were_looked_up():
    table = model.embedding(4, 2)
    table(torch.tensor([1, 3, 1])).sum().backward()
    expected = torch.tensor([[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [1.0, 1.0]])
    same(table.weight.grad, expected, given="the gradient of the sum of rows 1, 3 and 1")


# RMSNorm


def normed(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """The formula, in float64."""
    x, weight = x.double(), weight.double()
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


@problem("rmsnorm")
def test_rmsnorm_by_hand():
    """Mean squares 1 and 12.5."""
    norm = loaded(model.rms_norm(2, eps=0.0), {"weight": torch.tensor([1.0, 10.0])})
    for x, expected in (([1.0, -1.0], [1.0, -10.0]), ([3.0, 4.0], [0.848528, 11.313708])):
        given = f"weight [1, 10], eps 0, x = {x}"
        same(norm(torch.tensor(x)).detach(), torch.tensor(expected), given=given, within=1e-5)


@problem("rmsnorm")
def test_rmsnorm_begins_with_weights_of_one():
    norm = model.rms_norm(3)
    same(norm.state_dict(), {"weight": torch.ones(3)}, given="the state_dict of RMSNorm(3)")


@problem("rmsnorm")
def test_rmsnorm_takes_the_mean_over_the_last_axis_alone():
    weight = random(5, seed=1).float()
    norm = loaded(model.rms_norm(5), {"weight": weight})
    for leading in LEADING:
        x = random(*leading, 5).float()
        expected = normed(x, weight, 1e-5).float()
        same(norm(x).detach(), expected, given=f"x of shape {tuple(x.shape)}", within=1e-5)


@problem("rmsnorm")
def test_rmsnorm_adds_eps_inside_the_root():
    """For x as small as eps it matters where eps stands: 0.001 / sqrt(0.000001 + 0.00001)."""
    for width, size, eps in ((1, 1e-3, 1e-5), (3, 1e-3, 1e-5), (3, 1.0, 3.0)):
        x, norm = torch.full((width,), size), model.rms_norm(width, eps=eps)
        expected = torch.full((width,), size / math.sqrt(size**2 + eps))
        given = f"{width} numbers {size:g}, eps {eps:g}, weight 1"
        same(norm(x).detach(), expected, given=given, within=1e-5)


@problem("rmsnorm")
def test_rmsnorm_squares_in_float32_where_float16_would_overflow():
    """300^2 = 90,000 is more than the largest number of float16, 65,504."""
    for size in (2.0, 300.0, 60_000.0):
        x = torch.tensor([size, -size, size, size / 2], dtype=torch.float16)
        yours = model.rms_norm(4)(x).detach()
        expected = normed(x, torch.ones(4), 1e-5).half()
        same(yours, expected, given=f"float16 numbers of size {size:g}", within=2e-3)


@problem("rmsnorm")
def test_rmsnorm_rounds_to_bfloat16_only_once():
    """The nearest bfloat16 is at most 2^-8 of the number away; a second rounding shows."""
    weight = random(512, seed=1).float().abs() + 0.5
    norm = loaded(model.rms_norm(512), {"weight": weight})
    for size in (1.0, 100.0):
        x = (size * random(512)).bfloat16()
        yours, exact = norm(x).detach(), normed(x, weight, 1e-5)
        given = f"512 bfloat16 numbers of size {size:g}, weights in float32"
        same(str(yours.dtype), str(x.dtype), given=given)
        error = ((yours.double() - exact) / exact).abs().max().item()
        rule = "Multiply by the weight in float32 too, and cast once, at the end: error below 2^-8."
        holds(error < 1.02 * 2**-8, rule, given=given, yours=error)


# Feed-forward


@problem("positionwise_feedforward")
def test_silu_by_hand():
    for x, expected in ((0.0, 0.0), (1.0, 0.7310586), (-1.0, -0.2689414), (-1000.0, 0.0)):
        same(model.silu(torch.tensor(x)), torch.tensor(expected), given=f"x = {x}", within=1e-6)


@problem("positionwise_feedforward")
def test_the_inner_width_is_the_nearest_multiple_of_64():
    known = {8: 64, 16: 64, 40: 128, 64: 192, 128: 320, 256: 704, 512: 1344, 768: 2048, 1600: 4288}
    for width, expected in known.items():
        same(model.default_ff_width(width), expected, given=f"width {width}")


@problem("positionwise_feedforward")
def test_the_feed_forward_layer_has_three_matrices():
    expected = {"down.weight": (3, 5), "gate.weight": (5, 3), "up.weight": (5, 3)}
    given = "the state_dict of SwiGLU(3, 5), sorted by name"
    same(shapes(model.swiglu(3, 5)), expected, given=given)


@problem("positionwise_feedforward")
def test_the_feed_forward_layer_by_hand():
    """silu(0) closes the first product whatever up says; silu(1) lets 0.731 of the second pass."""
    ones = {"gate.weight": [[0.0], [1.0]], "up.weight": [[7.0], [3.0]], "down.weight": [[1.0, 1.0]]}
    layer = model.swiglu(1, 2)
    loaded(layer, {name: torch.tensor(numbers) for name, numbers in ones.items()})
    for x, expected in ((0.0, 0.0), (1.0, 2.1931758), (-1.0, 0.8068243)):
        given = f"gate [0, 1], up [7, 3], down [1, 1], x = [{x}]"
        same(layer(torch.tensor([x])).detach(), torch.tensor([expected]), given=given, within=1e-5)


@problem("positionwise_feedforward")
def test_the_feed_forward_layer_against_its_formula():
    weights = {
        "gate.weight": random(5, 3, seed=1),
        "up.weight": random(5, 3, seed=2),
        "down.weight": random(3, 5, seed=3),
    }
    gate, up, down = weights.values()
    layer = loaded(model.swiglu(3, 5, dtype=torch.float64), weights)
    for leading in LEADING:
        x = random(*leading, 3)
        opened = nn.functional.silu(x @ gate.T)
        expected = (opened * (x @ up.T)) @ down.T
        same(layer(x).detach(), expected, given=f"x of shape {tuple(x.shape)}", within=1e-12)
