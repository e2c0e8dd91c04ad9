"""The block that activations are counted for: GPT-3's, with dropout, on one rank or cut over t.

Korthikanti et al. (2022, arXiv 2205.05198) add up what it keeps for the way back: s b h (34 +
5 a s / h) bytes in 16 bits, of which activation_memory has every part. Here is the block itself, so
that the sum can be compared with what PyTorch holds. Softmax, its dropout and the two products
around it are its core, which can be computed a second time instead of kept.

Letters: B sequences, T positions, P of them on one rank (all T without sequence parallelism), D
width, N heads on one rank, H width of one head.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lib.parallel.comm import Comm
from lib.parallel.region import POSITIONS, Region
from lib.parallel.tensor import INPUTS, OUTPUTS, ColumnLinear, RowLinear, shard, share_of


class ClassicBlock(nn.Module):
    """LayerNorm, attention, dropout; LayerNorm, GELU layer, dropout.

    `recompute` is "none", "selective" (the core) or "full". With sequence parallelism the input of
    a column-cut matrix is kept as this rank's part, and gathered again on the way back.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        region: Region,
        dropout: float = 0.1,
        recompute: str = "none",
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__()
        self.region, self.dropout, self.recompute = region, dropout, recompute
        self.n_heads = share_of(n_heads, region.comm, "heads")
        self.norms = nn.ModuleList(nn.LayerNorm(width, dtype=dtype) for _ in range(2))
        region.share(self.norms)
        column = GatheredAgain if region.sequence else ColumnLinear
        self.qkv = column(width, 3 * width, True, dtype, region)
        self.out = RowLinear(width, width, True, dtype, region)
        self.up = column(width, 4 * width, True, dtype, region)
        self.down = RowLinear(4 * width, width, True, dtype, region)

    def forward(self, x: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        if self.recompute == "full":
            return checkpoint(self._all, x, use_reentrant=False)
        return self._all(x)

    def _all(self, x: Float[Tensor, "B P D"]) -> Float[Tensor, "B P D"]:
        q, k, v = rearrange(
            self.qkv(self.norms[0](x)), "B T (three N H) -> three B N T H", three=3, N=self.n_heads
        )
        if self.recompute == "selective":
            mixed = checkpoint(core, q, k, v, self.dropout, use_reentrant=False)
        else:
            mixed = core(q, k, v, self.dropout)
        x = x + dropped(self.out(rearrange(mixed, "B N T H -> B T (N H)")), self.dropout)
        return x + dropped(self.down(F.gelu(self.up(self.norms[1](x)))), self.dropout)


def core(
    q: Float[Tensor, "B N T H"], k: Float[Tensor, "B N T H"], v: Float[Tensor, "B N T H"], p: float
) -> Float[Tensor, "B N T H"]:
    """Attention between positions, all of them: a mask would change no size."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return dropped(scores.softmax(dim=-1), p) @ v


def dropped(x: Float[Tensor, "*S"], p: float) -> Float[Tensor, "*S"]:
    """Dropout whose mask takes a byte per number, as on a GPU; F.dropout keeps a factor here."""
    return torch.native_dropout(x, p, True)[0]


def cut_block(whole: ClassicBlock, region: Region) -> ClassicBlock:
    """This rank's part of a block that all hold: heads by heads."""
    width = whole.out.weight.shape[0]
    n_heads, dtype = whole.n_heads * whole.region.comm.n_ranks, whole.out.weight.dtype
    part = ClassicBlock(width, n_heads, region, whole.dropout, whole.recompute, dtype)
    state = whole.state_dict()
    for name in ("qkv.weight", "qkv.bias"):
        three = state[name].unflatten(0, (3, -1))
        state[name] = shard(three, 1, region.comm).flatten(0, 1)
    for name, dim in {"up.weight": OUTPUTS, "up.bias": OUTPUTS, "down.weight": INPUTS,
                      "out.weight": INPUTS}.items():  # fmt: skip
        state[name] = shard(state[name], dim, region.comm)
    part.load_state_dict(state)
    return part


class GatheredAgain(ColumnLinear):
    """A ColumnLinear that keeps this rank's part of its input, and not what it gathered."""

    def forward(self, x: Float[Tensor, "B P D"]) -> Float[Tensor, "B T part"]:
        return _GatheredAgain.apply(x, self.weight, self.bias, self.region.comm)


class _GatheredAgain(torch.autograd.Function):
    """Gather and multiply; on the way back gather once more, for the gradient of the weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, comm: Comm) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.comm = comm
        return F.linear(comm.all_gather(x, dim=POSITIONS), weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        dx = ctx.comm.reduce_scatter(dy @ weight, dim=POSITIONS)
        whole = ctx.comm.all_gather(x, dim=POSITIONS)
        dw = rearrange(dy, "B T out -> out (B T)") @ rearrange(whole, "B T D -> (B T) D")
        return dx, dw, dy.sum(dim=(0, 1)), None
