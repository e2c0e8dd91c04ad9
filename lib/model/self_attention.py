"""The attention layer: queries, keys and values from the same positions, mixed, and projected back.

Letters: B sequences, T positions, D width, N query heads, K key/value heads, H width of one head.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lib.model.attention import Mask, attention
from lib.model.config import ModelConfig
from lib.model.fast_attention import attention_blocked, attention_sdpa
from lib.model.linear import Linear
from lib.model.rope import Rotation, rotate_adjacent, rotate_halves

ATTENTION = {"plain": attention, "sdpa": attention_sdpa, "blocked": attention_blocked}
ROTATE = {"rope": rotate_adjacent, "rope_half": rotate_halves}


class SelfAttention(nn.Module):
    """Attention over the positions of a sequence, with its four matrices."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        D, N, K, H = config.width, config.n_heads, config.n_kv_heads, config.head_width
        dtype = getattr(torch, config.dtype)
        self.query = Linear(D, N * H, config.bias, dtype)
        self.key = Linear(D, K * H, config.bias, dtype)
        self.value = Linear(D, K * H, config.bias, dtype)
        self.out = Linear(N * H, D, config.bias, dtype)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B T D"]:
        q, k, v = self.queries_keys_values(x, turn)
        mixed = ATTENTION[self.config.attention](q, k, v, mask)
        return self.out(rearrange(mixed, "B T N H -> B T (N H)"))

    def queries_keys_values(
        self, x: Float[Tensor, "B T D"], turn: Rotation | None = None
    ) -> tuple[Float[Tensor, "B T N H"], Float[Tensor, "B T K H"], Float[Tensor, "B T K H"]]:
        """What attention works on; queries and keys already turned by their positions."""
        H = self.config.head_width
        q, k, v = (
            rearrange(project(x), "B T (N H) -> B T N H", H=H)
            for project in (self.query, self.key, self.value)
        )
        if turn is not None:
            rotate = ROTATE[self.config.positions]
            q, k = rotate(q, turn), rotate(k, turn)
        return q, k, v
