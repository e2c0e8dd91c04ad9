"""Sums in 16 bits, and types under autocast: both are simply done here, and compared."""

import torch
from torch import nn

from adapters import measuring
from lib.grading.answers import number, words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from systems.mixed_precision import Toy

HALF, FULL = torch.float16, torch.float32


def added(sum_type: torch.dtype, number_type: torch.dtype, converted: bool = False) -> float:
    total = torch.tensor(0, dtype=sum_type)
    for _ in range(1000):
        x = torch.tensor(0.01, dtype=number_type)
        total += x.to(sum_type) if converted else x
    return total.item()


WAYS = {
    "all_in_32": (FULL, FULL),
    "all_in_16": (HALF, HALF),
    "numbers_in_16": (FULL, HALF),
    "numbers_converted": (FULL, HALF, True),
}


@problem("mixed_precision_accumulation")
def test_four_sums():
    for name, way in WAYS.items():
        name, right = f"mixed_precision_accumulation.{name}", added(*way)
        yours = number(name)
        others = [other for other, ways in WAYS.items() if abs(added(*ways) - yours) < 1e-4]
        rule = f"That is the sum of {others[0]}." if others else "Add 0.01 a thousand times."
        holds(abs(yours - right) < 1e-4, rule, given=name, yours=yours)


@problem("mixed_precision_accumulation")
def test_the_reason_is_there():
    words("mixed_precision_accumulation.why", at_least=15)


class Deep(nn.Module):
    """Modules inside modules, and a parameter that the loss does not need in 16 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4))
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x).float() * self.scale


def types(model: nn.Module, dtype: torch.dtype) -> dict[str, torch.dtype]:
    torch.manual_seed(0)
    x, targets = torch.randn(3, 8), torch.tensor([0, 1, 2])
    return measuring.types_inside(model, x, targets, dtype)


@problem("autocast_types")
def test_types_of_a_model_with_one_layer_of_each_kind():
    for dtype in (torch.bfloat16, torch.float16):
        expected = dict.fromkeys(["output:first", "output:norm", "output:last", "logits"], dtype)
        expected["loss"] = FULL
        for name in ("first.weight", "norm.weight", "norm.bias", "last.weight"):
            expected |= {f"parameter:{name}": FULL, f"gradient:{name}": FULL}
        same(dict(types(Toy(), dtype)), expected, given=f"Toy() on a CPU under autocast to {dtype}")


@problem("autocast_types")
def test_modules_inside_modules_and_logits_of_another_type():
    yours = types(Deep(), torch.bfloat16)
    same(set(yours) & {"output:", "output"}, set(), given="keys for the model itself")
    for key, right in (
        ("output:body", torch.bfloat16),
        ("output:body.0", torch.bfloat16),
        ("logits", FULL),
        ("gradient:body.0.weight", FULL),
        ("gradient:scale", FULL),
    ):
        holds(key in yours, f"There is the key {key!r}.", yours=sorted(yours))
        same(yours[key], right, given=f"a model with modules inside modules: {key}")


@problem("autocast_types")
def test_no_hook_stays_behind():
    model = Toy()
    types(model, torch.bfloat16)
    left = [name for name, module in model.named_modules() if module._forward_hooks]
    same(left, [], given="modules with a forward hook afterwards")


@problem("autocast_types")
def test_types_on_paper():
    """On a GPU autocast knows a list of operations that stay in float32; layer_norm is on it."""
    found = types(Toy(), HALF)
    right = {
        "parameters": found["parameter:first.weight"],
        "first_layer": found["output:first"],
        "norm_on_gpu": FULL,
        "norm_on_cpu": found["output:norm"],
        "logits": found["logits"],
        "loss": found["loss"],
        "gradients": found["gradient:first.weight"],
    }
    for name, dtype in right.items():
        name = f"autocast_types.{name}"
        same(words(name), str(dtype).removeprefix("torch."), given=name)


@problem("autocast_types")
def test_what_is_special_about_norms_is_explained():
    words("autocast_types.why_norms", at_least=15)
