"""One AdamW step in one pass over memory; lib/training/fused_adamw.py is the optimizer.

    m = beta1 m + (1 - beta1) grad                        mean of the gradients
    v = beta2 v + (1 - beta2) grad^2                      mean of their squares
    p = p (1 - lr weight_decay) - lr m' / (sqrt(v') + eps)

m' and v' are m and v over 1 - beta^step, as at first both lean to zero (Kingma & Ba, arXiv
1412.6980; decay beside the gradient: Loshchilov & Hutter, arXiv 1711.05101). PyTorch's operators,
one by one, would read and write these tensors a dozen times.

A parameter in bfloat16 has three digits: a step of a thousandth of it changes nothing. With a
`master`, a copy in float32, small steps add up there and the parameter is its rounding.
"""

import torch
from torch import Tensor

from lib.kernels.backend import runs_kernel
from lib.kernels.checks import check_float, check_same_device, check_shape
from lib.kernels.language import cdiv, jit, tl

BLOCK = 1024


@jit
def adamw_kernel(
    param_ptr, grad_ptr, m_ptr, v_ptr, master_ptr, n,
    keep, blend1, blend2, step_size, root_correction, eps,
    HAS_MASTER: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """keep = 1 - lr weight_decay, blend = 1 - beta, and the corrections as `adamw_op` has them."""
    offsets = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    grad = tl.load(grad_ptr + offsets, mask=inside, other=0).to(tl.float32)
    m = tl.load(m_ptr + offsets, mask=inside, other=0).to(tl.float32)
    v = tl.load(v_ptr + offsets, mask=inside, other=0).to(tl.float32)
    if HAS_MASTER:
        p = tl.load(master_ptr + offsets, mask=inside, other=0)
    else:
        p = tl.load(param_ptr + offsets, mask=inside, other=0).to(tl.float32)
    m += blend1 * (grad - m)
    v += blend2 * (grad * grad - v)
    p = p * keep - step_size * m / (tl.sqrt(v) * root_correction + eps)
    tl.store(m_ptr + offsets, m, mask=inside)
    tl.store(v_ptr + offsets, v, mask=inside)
    tl.store(param_ptr + offsets, p, mask=inside)
    if HAS_MASTER:
        tl.store(master_ptr + offsets, p, mask=inside)


def adamw_step_plain(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, master: Tensor | None,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int,
) -> None:  # fmt: skip
    """The twin, in place as well; computes in the dtype of the averages."""
    wide = (param if master is None else master).to(exp_avg.dtype)
    grad = grad.to(exp_avg.dtype)
    exp_avg.lerp_(grad, 1 - beta1)
    exp_avg_sq.lerp_(grad.square(), 1 - beta2)
    size = (exp_avg_sq / (1 - beta2**step)).sqrt() + eps
    wide = wide * (1 - lr * weight_decay) - lr / (1 - beta1**step) * exp_avg / size
    param.copy_(wide)
    if master is not None:
        master.copy_(wide)


@torch.library.custom_op(
    "kernels::adamw", mutates_args=("param", "exp_avg", "exp_avg_sq", "master")
)
def adamw_op(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, master: Tensor | None,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int,
) -> None:  # fmt: skip
    if param.numel():
        grad = grad.contiguous()
        adamw_kernel[(cdiv(param.numel(), BLOCK),)](
            param, grad, exp_avg, exp_avg_sq, exp_avg if master is None else master,
            param.numel(), 1 - lr * weight_decay, 1 - beta1, 1 - beta2, lr / (1 - beta1**step),
            (1 - beta2**step) ** -0.5, eps, HAS_MASTER=master is not None, BLOCK=BLOCK,
        )  # fmt: skip


@adamw_op.register_fake
def _(
    param: Tensor, grad: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, master: Tensor | None,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int,
) -> None:  # fmt: skip
    return None


def adamw_step(
    param: Tensor,
    grad: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    master: Tensor | None = None,
) -> None:
    """Change `param`, both averages and `master` in place; `step` counts from 1.

    All of one shape and contiguous, but for the gradient; averages and master are best in float32.
    """
    states = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    if master is not None:
        states["master"] = master
    for name, x in {"grad": grad, **states}.items():
        check_shape("adamw_step", name, x, tuple(param.shape))
    check_same_device("adamw_step", param=param, grad=grad, **states)
    tensors, numbers = (param, grad, exp_avg, exp_avg_sq, master), (lr, beta1, beta2, eps)
    if not runs_kernel(param):
        adamw_step_plain(*tensors, *numbers, weight_decay, step)
        return
    check_float("adamw_step", param=param, grad=grad, **states)
    for name, x in {"param": param, **states}.items():
        if not x.is_contiguous():
            raise ValueError(
                f"adamw_step changes tensors where they lie and walks through memory in order, and "
                f"{name} has the strides {x.stride()}. Make it with .contiguous() once."
            )
    adamw_op(*tensors, *numbers, weight_decay, step)
