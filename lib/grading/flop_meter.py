"""Operations counted while code runs, and a budget of them: the same on every machine.

A product of matrices counts two for every multiplication and addition, attention included, by the
formulas of torch.utils.flop_counter. That counts nothing for attention on a CPU; here it counts.
Everything else counts one for every number it writes, so that no sum of products is free. What
we have no rule for is refused. Only this process is seen: no other program, no numpy.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch._C import DispatchKey
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

aten = torch.ops.aten
COMPOSITE = DispatchKey.CompositeImplicitAutograd

# Names of operations whose cost is not the number of their results.
DEAR = re.compile(
    r"(mm|mv)_?$|convolution|conv[123]d|attention"
    r"|(^|_)(linalg(?!_vector_norm)|cholesky|solve|svd|eigh?|qr|cdist|fft|rnn|lstm|gru)(_|$)"
)


class BudgetSpent(RuntimeError):
    """More operations than the budget allows."""


class FlopMeter(TorchDispatchMode):
    """`with FlopMeter(limit) as meter:` counts in `meter.spent`, and raises BudgetSpent above it.

    Whoever catches that error has still spent too much: the count goes on.
    """

    def __init__(self, limit: int | float = float("inf")) -> None:
        super().__init__()
        self.limit, self.spent = limit, 0

    @property
    def left(self) -> int | float:
        """Operations that may still be done."""
        return self.limit - self.spent

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        rule = _rule(func)
        if rule is None:
            with self:  # counts the parts
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        self.spent += rule(*args, **kwargs, out_val=result)
        if self.spent > self.limit:
            raise BudgetSpent(
                f"This run has done {self.spent:.4g} operations, and its budget is "
                f"{self.limit:.4g}. Stop when budget.left is less than one more step costs."
            )
        return result


@cache
def _rule(func: Any) -> Callable[..., int] | None:
    """What an operation costs, given its arguments and `out_val`; None if it is made of others."""
    packet = getattr(func, "overloadpacket", func)
    name = getattr(packet, "__name__", str(packet))
    plain = getattr(aten, name.removesuffix("_"), None)  # addmm_ costs what addmm does
    formula = OURS.get(name) or flop_registry.get(packet) or flop_registry.get(plain)
    if formula is not None:
        return formula
    if isinstance(func, OpOverload) and func.has_kernel_for_dispatch_key(COMPOSITE):
        return None
    if DEAR.search(name) or not isinstance(func, OpOverload):
        raise NotImplementedError(
            f"There is no rule for what {name} costs, so a run under a budget cannot use it. "
            "Write it as products of matrices."
        )
    returned = func._schema.returns
    if any(one.alias_info and not one.alias_info.is_write for one in returned):
        return _nothing
    return _numbers_in_results if returned else _numbers_in_first_argument


def _nothing(*args: Any, **named: Any) -> int:
    """Another look at the same numbers: a view."""
    return 0


def _numbers_in_results(*args: Any, out_val: Any, **named: Any) -> int:
    if isinstance(out_val, torch.Tensor):  # nearly always, and quicker than to look for leaves
        return out_val.numel()
    return sum(one.numel() for one in tree_leaves(out_val) if isinstance(one, torch.Tensor))


def _numbers_in_first_argument(*args: Any, **named: Any) -> int:
    """Of operations that return nothing: they change a list of tensors in place."""
    return _numbers_in_results(out_val=args[:1])


def _attention(q: Any, k: Any, v: Any, *rest: Any, **named: Any) -> int:
    return sdpa_flop_count(q.shape, k.shape, v.shape)


def _attention_backward(gradient: Any, q: Any, k: Any, v: Any, *rest: Any, **named: Any) -> int:
    return sdpa_backward_flop_count(gradient.shape, q.shape, k.shape, v.shape)


def _matrix_vector(*args: Any, **named: Any) -> int:
    """mv, dot and their like: every number of the largest argument is used once."""
    return 2 * max(one.numel() for one in args if isinstance(one, torch.Tensor))


OURS = {
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "_unsafe_view": _nothing,  # "unsafe" says only that autograd takes it for a new tensor
    **dict.fromkeys(["mv", "addmv", "dot", "vdot"], _matrix_vector),
}
