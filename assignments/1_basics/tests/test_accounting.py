"""What a model costs, on paper: the answers of answers/model.toml against closed forms.

Letters: V vocabulary, L layers, D width, N heads, F feed-forward width, T positions.
"""

from dataclasses import dataclass, replace

from lib.grading.answers import number, words
from lib.grading.feedback import holds
from lib.grading.problems import problem


@dataclass(frozen=True)
class Shape:
    L: int
    D: int
    N: int
    F: int
    V: int = 50_257
    T: int = 1024


SHAPES = {
    "small": Shape(12, 768, 12, 2048),
    "medium": Shape(24, 1024, 16, 2752),
    "large": Shape(36, 1280, 20, 3392),
    "xl": Shape(48, 1600, 25, 4288),
}
XL = SHAPES["xl"]
LONG = replace(XL, T=16_384)


def n_parameters(s: Shape) -> int:
    layer = 4 * s.D * s.D + 3 * s.D * s.F + 2 * s.D
    return 2 * s.V * s.D + s.L * layer + s.D


def forward_flops(s: Shape) -> dict[str, int]:
    """Of one sequence: two for each multiplication with its addition, products of matrices only."""
    return {
        "projections": s.L * 4 * (2 * s.T * s.D * s.D),
        "scores": s.L * 2 * (2 * s.T * s.T * s.D),
        "ffn": s.L * 3 * (2 * s.T * s.D * s.F),
        "output": 2 * s.T * s.D * s.V,
    }


def total(s: Shape) -> int:
    return sum(forward_flops(s).values())


def judge(name: str, right: float, within: float, mistakes: dict[str, float]) -> None:
    """A number within a share of the right one; `mistakes` gives reasons for known wrong ones."""
    yours = number(name)
    if abs(yours - right) <= within * right:
        return
    for reason, value in mistakes.items():
        holds(abs(yours - value) > within * value, reason, given=name, yours=yours)
    rule = f"This is more than {within:.1%} away from what the rules of the text give."
    holds(False, rule, given=name, yours=yours)


# Parameters and forward pass


@problem("transformer_accounting")
def test_parameters():
    tables = XL.V * XL.D
    mistakes = {
        "The output projection has a matrix of its own.": n_parameters(XL) - tables,
        "The embedding is a parameter too.": n_parameters(XL) - 2 * tables,
        "The feed-forward layer has three matrices.": n_parameters(XL) - XL.L * XL.D * XL.F,
        "This is with the feed-forward width 6,400.": n_parameters(replace(XL, F=6400)),
    }
    judge("transformer_accounting.parameters", n_parameters(XL), 1e-3, mistakes)


@problem("transformer_accounting")
def test_memory_of_the_parameters():
    n_bytes = 4 * n_parameters(XL)
    mistakes = {
        "This is in GB, 10^9 bytes; asked for are GiB, 2^30 bytes.": n_bytes / 1e9,
        "A float32 takes four bytes.": n_bytes / 2 / 2**30,
        "With gradients and moments: asked for are the parameters alone.": 4 * n_bytes / 2**30,
    }
    judge("transformer_accounting.gib", n_bytes / 2**30, 5e-3, mistakes)


@problem("transformer_accounting")
def test_parameters_with_a_wider_feed_forward_layer():
    wide = replace(XL, F=6400)
    name = "transformer_accounting.wide_parameters"
    judge(name, n_parameters(wide), 1e-3, {"This is with 4,288.": n_parameters(XL)})


def forward_mistakes(s: Shape) -> dict[str, float]:
    """In 10^12 operations."""
    parts, whole = forward_flops(s), total(s)
    return {
        "A multiplication and its addition are two operations.": whole / 2 / 1e12,
        "The output projection is missing.": (whole - parts["output"]) / 1e12,
        "The scores and weighted averages are missing.": (whole - parts["scores"]) / 1e12,
        "The embedding is looked up, not multiplied with.": (whole + parts["output"]) / 1e12,
        "Count all keys for every query, masked or not.": (whole - parts["scores"] / 2) / 1e12,
        "The feed-forward layer has three matrices.": (whole - parts["ffn"] / 3) / 1e12,
        "Forward only: the backward pass is not asked for.": 3 * whole / 1e12,
    }


@problem("transformer_accounting")
def test_a_forward_pass():
    judge("transformer_accounting.forward_tflop", total(XL) / 1e12, 5e-3, forward_mistakes(XL))


@problem("transformer_accounting")
def test_shares_of_four_sizes():
    for part in ("ffn", "output"):
        for size, shape in SHAPES.items():
            percent = 100 * forward_flops(shape)[part] / total(shape)
            mistakes = {"Per cent: multiply the share by 100.": percent / 100}
            name = f"transformer_accounting.{part}_percent_{size}"
            judge(name, percent, 0.1 / percent, mistakes)  # one digit after the point will do


@problem("transformer_accounting")
def test_a_forward_pass_over_a_long_text():
    mistakes = {
        "All parts 16 times: but scores grow with the square of the length.": 16 * total(XL) / 1e12,
        **forward_mistakes(LONG),
    }
    judge("transformer_accounting.long_tflop", total(LONG) / 1e12, 5e-3, mistakes)
    percent = 100 * forward_flops(LONG)["scores"] / total(LONG)
    half = 100 * forward_flops(LONG)["scores"] / 2 / total(LONG)
    reason = "There are two products: queries with keys, and weights with values."
    judge("transformer_accounting.long_scores_percent", percent, 0.1 / percent, {reason: half})


@problem("transformer_accounting")
def test_what_changes_with_the_size_is_explained():
    words("transformer_accounting.what_changes", at_least=15)


# Training


def activations(s: Shape) -> int:
    """Bytes of one sequence, by the list of the text, four for each number."""
    layer = 8 * s.T * s.D + 2 * s.N * s.T * s.T + 4 * s.T * s.F
    return 4 * (s.L * layer + s.T * s.D + 2 * s.T * s.V)


STATE = 16 * n_parameters(XL)


@problem("adamw_accounting")
def test_state():
    mistakes = {
        "This is in GiB; asked for are 10^9 bytes.": STATE / 2**30,
        "Four numbers for each parameter: itself, its gradient, two moments.": STATE * 3 / 4 / 1e9,
        "The parameters and gradients are kept too.": STATE * 8 / 16 / 1e9,
    }
    judge("adamw_accounting.state_gb", STATE / 1e9, 5e-3, mistakes)


@problem("adamw_accounting")
def test_activations():
    one, scores = activations(XL), 4 * XL.L * 2 * XL.N * XL.T**2
    mistakes = {
        "This is in GiB; asked for are 10^9 bytes.": one / 2**30,
        "Every head has its own scores.": (one - scores * (XL.N - 1) / XL.N) / 1e9,
        "Logits and probabilities are missing.": (one - 8 * XL.T * XL.V) / 1e9,
        "There are two tensors of size T x T per head: before and after softmax.": (
            (one - scores / 2) / 1e9
        ),
    }
    judge("adamw_accounting.activations_gb", one / 1e9, 5e-3, mistakes)


@problem("adamw_accounting")
def test_largest_batch():
    yours, right = number("adamw_accounting.largest_batch"), (80e9 - STATE) // activations(XL)
    rule = "The state is there once, activations for every sequence, and half a sequence is none."
    holds(yours == right, rule, given="adamw_accounting.largest_batch", yours=yours)


@problem("adamw_accounting")
def test_operations_of_a_step():
    """15 as the lines are written; whoever fuses or splits some comes near that."""
    name = "adamw_accounting.operations_per_parameter"
    rule = "One for each +, -, *, / and root on a tensor, in all four lines; scalars are free."
    holds(12 <= number(name) <= 18, rule, given=name, yours=number(name))


@problem("adamw_accounting")
def test_hours():
    step = 3 * total(XL) * 1024
    hours = 400_000 * step / (0.5 * 495e12) / 3600
    mistakes = {
        "The backward pass costs twice the forward pass, so a step costs three.": hours / 3,
        "Three times a forward pass: backward 2, forward 1.": hours * 2 / 3,
        "The GPU reaches half of its promise.": hours / 2,
        "This is in days.": hours / 24,
        "A step has 1,024 sequences.": hours / 1024,
    }
    judge("adamw_accounting.hours", hours, 0.01, mistakes)
