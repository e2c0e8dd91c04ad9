"""A Transformer of which each rank has all weights and a part of the positions of every sequence.

Only attention looks at other positions, so only it changes; ids, and the positions that RoPE turns
by, are this rank's. Gradients of the weights are summands then, as with data parallelism.

Letters: B sequences, T positions, P of them on one rank, D width, N query heads, H width of a head.
"""

from dataclasses import dataclass
from typing import Any, Literal

from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from lib.model.attention import Bias, Mask, windowed
from lib.model.config import ModelConfig
from lib.model.rope import Rotation
from lib.model.self_attention import ATTENTION, SelfAttention
from lib.parallel.comm import Comm
from lib.parallel.context import heads_attention, ring_attention
from lib.parallel.positions import Split, positions_of, take_positions


@dataclass(frozen=True)
class Context:
    """How the ranks of `comm` share sequences, and in which way attention crosses over."""

    comm: Comm
    way: Literal["ring", "heads"] = "ring"
    split: Split = "zigzag"

    def take(self, x: Shaped[Tensor, "B T"]) -> Shaped[Tensor, "B P"]:
        """This rank's part of ids, targets or a mask."""
        return take_positions(self.comm, x, self.split)

    def positions(self, P: int) -> Int[Tensor, " P"]:
        """Where this rank's P positions are in the whole sequence."""
        n = self.comm.n_ranks
        return positions_of(self.comm.rank, n, n * P, self.split)


class ContextAttention(SelfAttention):
    """The attention layer of lib.model for some of the positions, which looks at all of them."""

    def __init__(self, config: ModelConfig, layer: int, context: Context) -> None:
        super().__init__(config, layer)
        check_way(config, context.way)
        self.context = context

    def forward(
        self,
        x: Float[Tensor, "B P D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
        bias: Bias | None = None,
    ) -> Float[Tensor, "B P D"]:
        """`turn` is by this rank's positions. All that is earlier is seen: no mask of one's own."""
        if mask is not None or bias is not None:
            raise ValueError(
                "With a sequence on several ranks attention is causal. Leave out mask and bias."
            )
        q, k, v = self.queries_keys_values(x, turn)
        mixed = rearrange(self.across(q, k, v), "B P N H -> B P (N H)")
        if self.config.attention_gate:
            mixed = mixed * self.gate(x).sigmoid()
        return self.out(mixed)

    def across(
        self, q: Float[Tensor, "B P N H"], k: Float[Tensor, "B P K H"], v: Float[Tensor, "B P K H"]
    ) -> Float[Tensor, "B P N H"]:
        """Attention to the keys of all ranks."""
        comm, how = self.context.comm, {"split": self.context.split}
        how["scale"] = self.config.attention_scale
        if self.context.way == "ring":
            return ring_attention(comm, q, k, v, **how)
        return heads_attention(comm, q, k, v, **how, **self._whole_sequences(q.shape[1]))

    def _whole_sequences(self, P: int) -> dict[str, Any]:
        """What the config says, for whole sequences of some of the heads."""
        scoring = {"attend": ATTENTION[self.config.attention]}
        scoring["softcap"] = self.config.attention_softcap
        T = P * self.context.comm.n_ranks
        if self.config.attention == "flash":
            scoring["window"] = self.window
        else:
            scoring["mask"] = windowed(None, T, T, self.window)
        return scoring


def check_way(config: ModelConfig, way: str) -> None:
    """What attention in blocks does not know."""
    if config.positions == "alibi":
        raise ValueError(
            "ALiBi's bias is one for whole sequences, of which a rank has a part. Choose "
            "positions='rope'."
        )
    if way == "ring" and (config.window is not None or config.attention_softcap is not None):
        raise ValueError(
            f"The ring knows causality, and no window ({config.window}) or cap of scores "
            f"({config.attention_softcap}). Choose way='heads'."
        )
