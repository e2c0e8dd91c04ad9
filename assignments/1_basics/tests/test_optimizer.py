"""AdamW and clipping: first steps by hand, PyTorch's own over many, and what state must survive."""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor

from adapters import model
from lib.grading.feedback import Difference, NotWritten, holds, same
from lib.grading.problems import problem

Step = Callable[[int], None]


def parameter(*numbers: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(numbers, dtype=torch.float64))


def parameters(*shapes: tuple[int, ...]) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    draw = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return [torch.nn.Parameter(x) for x in draw]


def give_gradients(params: list[torch.nn.Parameter], step: int) -> None:
    """Of all sizes and signs, other ones in every step and for every parameter."""
    for i, p in enumerate(params):
        p.grad = (3 * p.detach() + step + i).sin() * (1 + step % 4)


def after(
    make: Callable[..., torch.optim.Optimizer], n_steps: int, change: Step | None = None
) -> list[Tensor]:
    """Three parameters after so many steps; `change(optimizer, params, step)` comes before each."""
    params = parameters((3, 5), (2,), ())
    optimizer = make(params)
    for step in range(n_steps):
        give_gradients(params, step)
        if change is not None:
            change(optimizer, params, step)
        optimizer.step()
    return [p.detach() for p in params]


def like_pytorchs(given: str, change: Step | None = None, **settings: object) -> None:
    """After 1, 2, 3 and 12 steps, so that the first wrong step is the one that is shown."""
    for n_steps in (1, 2, 3, 12):
        yours = after(lambda params: model.adamw(params, **settings), n_steps, change)
        expected = after(lambda params: torch.optim.AdamW(params, **settings), n_steps, change)
        for mine, right in zip(yours, expected):
            where = f"a parameter of shape {tuple(right.shape)} after {n_steps} steps, {given}"
            same(mine, right, given=where, within=1e-10)


@problem("adamw")
def test_the_first_step_by_hand():
    """Freed of their start at zero, m and sqrt(v) are the gradient: a step has the length lr."""
    for gradient in (0.5, -3.0, 1e-3):
        p = parameter(1.0)
        p.grad = torch.tensor([gradient], dtype=torch.float64)
        model.adamw([p], lr=0.1, weight_decay=0.0).step()
        expected = torch.tensor([1 - math.copysign(0.1, gradient)], dtype=torch.float64)
        given = f"p = 1, gradient {gradient}, lr 0.1, no decay"
        same(p.detach(), expected, given=given, within=1e-5)


@problem("adamw")
def test_decay_is_not_divided_by_the_size_of_the_gradient():
    """With gradients of zero, every step takes the share lr * weight_decay."""
    for n_steps in (1, 3):
        p = parameter(1.0, -2.0)
        optimizer = model.adamw([p], lr=0.1, weight_decay=0.5)
        for _ in range(n_steps):
            p.grad = torch.zeros_like(p)
            optimizer.step()
        expected = torch.tensor([1.0, -2.0], dtype=torch.float64) * (1 - 0.1 * 0.5) ** n_steps
        given = f"p = [1, -2], lr 0.1, weight_decay 0.5, {n_steps} steps with gradients of zero"
        same(p.detach(), expected, given=given, within=1e-10)


@problem("adamw")
def test_many_steps_are_pytorchs():
    like_pytorchs("lr 0.01, no decay", lr=0.01, weight_decay=0.0)
    like_pytorchs("lr 0.01, weight_decay 0.3", lr=0.01, weight_decay=0.3)
    like_pytorchs("lr 0.01, betas (0.7, 0.9)", lr=0.01, betas=(0.7, 0.9))
    like_pytorchs("lr 0.2, eps 0.1", lr=0.2, eps=0.1)
    like_pytorchs("default settings")


@problem("adamw")
def test_parameters_without_a_gradient_are_left_alone_and_counted_on_their_own():
    """The second has no gradient in the first two steps, so its t is 1 in the third."""

    def hide(optimizer: torch.optim.Optimizer, params: list[Tensor], step: int) -> None:
        if step < 2:
            params[1].grad = None

    like_pytorchs("the second has no gradient in the first two", hide, lr=0.1)


@problem("adamw")
def test_a_schedule_may_change_the_settings_between_steps():
    def change(optimizer: torch.optim.Optimizer, params: list[Tensor], step: int) -> None:
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
        optimizer.param_groups[0]["weight_decay"] = 0.1 * step

    like_pytorchs("lr and weight_decay set anew before each", change)


@problem("adamw")
def test_groups_have_settings_of_their_own():
    for n_steps in (1, 3):
        results = []
        for make in (model.adamw, torch.optim.AdamW):
            params = parameters((2,), (3,))
            first = {"params": params[:1], "lr": 0.5, "weight_decay": 0.0}
            optimizer = make([first, {"params": params[1:]}], lr=0.1, weight_decay=0.3)
            for step in range(n_steps):
                give_gradients(params, step)
                optimizer.step()
            results.append([p.detach() for p in params])
        given = f"groups with (lr, decay) = (0.5, 0) and (0.1, 0.3), {n_steps} steps"
        for mine, right in zip(*results):
            same(mine, right, given=given, within=1e-10)


@problem("adamw")
def test_a_saved_optimizer_goes_on_as_if_nothing_had_happened():
    """Everything it remembers is in its state_dict."""
    for cut in (1, 3):
        whole = parameters((2, 3))
        optimizer = model.adamw(whole, lr=0.1)
        for step in range(cut):
            give_gradients(whole, step)
            optimizer.step()
        resumed = [torch.nn.Parameter(p.detach().clone()) for p in whole]
        other = model.adamw(resumed, lr=0.1)
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # as through a file
        for params, going_on in ((whole, optimizer), (resumed, other)):
            for step in range(cut, cut + 2):
                give_gradients(params, step)
                going_on.step()
        given = f"{cut} steps, then two more after load_state_dict; expected without a break"
        same(resumed[0].detach(), whole[0].detach(), given=given, within=1e-12)
        rule = "m, v and t are kept in self.state[p], where state_dict finds them."
        n_saved = len(optimizer.state_dict()["state"].get(0, {}))
        holds(n_saved >= 3, rule, yours=n_saved)


# Clipping


def with_gradients(*gradients: list[float] | None) -> list[torch.nn.Parameter]:
    """A parameter for each; None has no gradient."""
    params = [parameter(*(gradient or [0.0])) for gradient in gradients]
    for p, gradient in zip(params, gradients):
        if gradient is not None:
            p.grad = torch.tensor(gradient, dtype=torch.float64)
    return params


def check_clipped(*gradients: list[float] | None, max_norm: float) -> None:
    params = with_gradients(*gradients)
    model.clip_gradients(params, max_norm)
    yours = [None if p.grad is None else p.grad.tolist() for p in params]
    norm = math.sqrt(sum(x * x for gradient in gradients for x in gradient or []))
    scale = max_norm / (norm + 1e-6) if norm > max_norm else 1.0
    expected = [None if g is None else [x * scale for x in g] for g in gradients]
    given = f"gradients {list(gradients)}, max_norm {max_norm:g}"
    same(yours, expected, given=given, within=1e-12)


@problem("gradient_clipping")
def test_long_gradients_are_shortened_together():
    check_clipped([2.0], max_norm=1.0)
    check_clipped([3.0, -4.0], max_norm=1.0)
    check_clipped([3.0], [-4.0], max_norm=2.5)
    check_clipped([0.6], [0.8], [-2.4], max_norm=1.3)
    check_clipped([1e4, 2e4], [3e4], max_norm=1e-2)


@problem("gradient_clipping")
def test_short_gradients_are_not_touched():
    for max_norm in (5.1, 100.0):
        check_clipped([3.0], [-4.0], max_norm=max_norm)
    check_clipped([0.0], [0.0, 0.0], max_norm=1.0)


@problem("gradient_clipping")
def test_parameters_without_a_gradient_are_skipped():
    for gradients in (([3.0], None), (None, [3.0], [-4.0]), (None,)):
        try:
            check_clipped(*gradients, max_norm=1.0)
        except (NotWritten, Difference):
            raise
        except Exception as error:
            rule = f"Yours stopped with {type(error).__name__}: {error}"
            holds(False, rule, given=f"gradients {list(gradients)}, max_norm 1")


@problem("gradient_clipping")
def test_the_norm_from_before_is_returned():
    for gradients, norm in ((([2.0],), 2.0), (([3.0], None, [-4.0]), 5.0), (([0.3], [0.4]), 0.5)):
        yours = model.clip_gradients(with_gradients(*gradients), 1.0)
        given = f"gradients {list(gradients)}, max_norm 1: the norm"
        same(float(yours), norm, given=given, within=1e-6)


@problem("gradient_clipping")
def test_the_gradients_are_changed_in_place():
    (p,) = with_gradients([3.0, -4.0])
    gradient = p.grad
    model.clip_gradients([p], 1.0)
    holds(p.grad is gradient, "The tensor p.grad stays the same, only its numbers change.")


@problem("gradient_clipping")
def test_parameters_may_come_from_a_generator():
    """As from model.parameters()."""
    for gradients in (([2.0],), ([3.0], [-4.0])):
        params = with_gradients(*gradients)
        model.clip_gradients((p for p in params), 1.0)
        length = math.sqrt(sum(p.grad.square().sum().item() for p in params))
        given = f"gradients {list(gradients)} of a generator, max_norm 1: the norm afterwards"
        same(length, 1.0, given=given, within=1e-5)
