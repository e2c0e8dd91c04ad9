"""A block of the Transformer cut over ranks: some of the heads, some of the feed-forward width.

On one rank it is a block with fewer heads and a narrower feed-forward layer, whose results are
summands. The ranks add them up after attention and after the feed-forward layer: four all-reduces
of the stream for each block, two forward and two backward, so each rank sends 8 (n - 1) / n times
B T D values. Norms, and what else happens to the stream, all do alike, or with `sequence` each for
a part of the positions.

Letters: n ranks, B sequences, T positions, P of them on one rank (all T without `sequence`), D
width.
"""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from lib.model.attention import Bias, Mask
from lib.model.config import ModelConfig
from lib.model.residual import RESIDUAL, Layer
from lib.model.rope import Rotation
from lib.model.transformer import Block
from lib.parallel.comm import Comm
from lib.parallel.context_model import Context, ContextAttention
from lib.parallel.region import Region, add_up_gradients
from lib.parallel.tensor import RowLinear, share_of


class Summand(RowLinear):
    """A RowLinear in two steps: calling it gives this rank's summand, `add_up` the rest."""

    forward = RowLinear.summand


class TensorBlock(Block):
    """This rank's heads and its part of the feed-forward layer, with all norms.

    With a `context` other ranks have other positions of the same sequences.
    """

    def __init__(
        self, config: ModelConfig, layer: int, region: Region, context: Context | None = None
    ) -> None:
        part = on_one_rank(config, region.comm)
        super().__init__(part, layer)
        self.region = region
        if context is not None:
            self.attention = ContextAttention(part, layer, context)
        D, heads, dtype = config.width, config.n_heads * config.head_width, config.dtype
        common = (D, config.bias, getattr(torch, dtype), region)
        self.attention.out = Summand(heads, *common)
        self.ffn.down = Summand(config.ff_width, *common)
        for name, module in self.named_children():
            if name.endswith("norm"):
                region.share(module)
        if config.qk_norm == "head":  # all heads share it, and ranks have different ones
            norms = (self.attention.query_norm, self.attention.key_norm)
            add_up_gradients(region.comm, [norm.weight for norm in norms])

    def forward(
        self,
        x: Float[Tensor, "B P D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
        bias: Bias | None = None,
    ) -> Float[Tensor, "B P D"]:
        attend = partial(self.attention, turn=turn, mask=mask, bias=bias)
        if self.config.parallel:
            return self._both(x, attend)
        add = RESIDUAL[self.config.norm_placement]
        attend = self._together(attend, self.attention.out)
        x = add(x, attend, *self._norms("attention"))
        return add(x, self._together(self.ffn, self.ffn.down), *self._norms("ffn"))

    def _together(self, layer: Layer, last: Summand) -> Layer:
        """The whole layer, out of what the ranks do: in, a part each, and the sum."""
        return lambda x: last.add_up(layer(self.region.enter(x)))

    def _both(self, x: Float[Tensor, "B P D"], attend: Layer) -> Float[Tensor, "B P D"]:
        """Parallel layers meet once: their summands are added before they travel."""
        inside = self.region.enter(self.attention_norm(x))
        x = x + self.attention.out.add_up(attend(inside) + self.ffn(inside))
        bias = self.ffn.down.bias
        return x if bias is None else x + bias.to(x.dtype)


def on_one_rank(config: ModelConfig, comm: Comm) -> ModelConfig:
    """What a block on this rank is: its share of everything that is cut."""
    if config.qk_norm == "all" and comm.n_ranks > 1:
        raise ValueError(
            "qk_norm='all' takes one mean over all heads, of which a rank has only some. Choose "
            "'head', which normalises each by itself."
        )
    return replace(
        config,
        n_heads=share_of(config.n_heads, comm, "query heads"),
        n_kv_heads=share_of(config.n_kv_heads, comm, "key/value heads"),
        ff_width=share_of(config.ff_width, comm, "feed-forward channels"),
    )
