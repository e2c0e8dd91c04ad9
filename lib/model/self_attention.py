"""The attention layer: queries, keys and values from the same positions, mixed, and projected back.

Letters: B sequences, T positions, D width, N query heads, K key/value heads, H width of one head.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lib.kernels.rope import rope
from lib.model.attention import Bias, Mask, attention, windowed
from lib.model.config import ModelConfig
from lib.model.fast_attention import attention_blocked, attention_flash, attention_sdpa
from lib.model.linear import Linear
from lib.model.norm import make_qk_norm
from lib.model.rope import Rotation, rotate_adjacent, rotate_halves

ATTENTION = {
    "plain": attention,
    "sdpa": attention_sdpa,
    "blocked": attention_blocked,
    "flash": attention_flash,
}
ROTATE = {"rope": rotate_adjacent, "rope_half": rotate_halves}


class SelfAttention(nn.Module):
    """Attention over the positions of a sequence, with its four matrices (five with a gate).

    `layer`, counted from 0, decides whether it has a window, and whether it sees positions.
    """

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.config, self.window = config, config.window_of(layer)
        self.sees_positions = config.rope_on_full or config.is_windowed(layer)
        D, N, K, H = config.width, config.n_heads, config.n_kv_heads, config.head_width
        dtype = getattr(torch, config.dtype)
        self.query = Linear(D, N * H, config.has_qkv_bias, dtype)
        self.key = Linear(D, K * H, config.has_qkv_bias, dtype)
        self.value = Linear(D, K * H, config.has_qkv_bias, dtype)
        if config.qk_norm is not None:
            self.query_norm = make_qk_norm(config, N)
            self.key_norm = make_qk_norm(config, K)
        if config.attention_gate:
            self.gate = Linear(D, N * H, config.bias, dtype)
        self.out = Linear(N * H, D, config.bias, dtype)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
        bias: Bias | None = None,
    ) -> Float[Tensor, "B T D"]:
        """`turn` and `bias` are two ways to know positions: RoPE's and ALiBi's."""
        q, k, v = self.queries_keys_values(x, turn)
        way, scoring = ATTENTION[self.config.attention], {}
        if self.config.attention == "flash":
            scoring["window"] = self.window
        else:
            mask = windowed(mask, q.shape[1], k.shape[1], self.window, x.device)
        mixed = way(
            *(q, k, v, mask),
            scale=self.config.attention_scale,
            softcap=self.config.attention_softcap,
            bias=bias if self.sees_positions else None,
            **scoring,
        )
        mixed = rearrange(mixed, "B T N H -> B T (N H)")
        if self.config.attention_gate:
            mixed = mixed * self.gate(x).sigmoid()
        return self.out(mixed)

    def queries_keys_values(
        self, x: Float[Tensor, "B T D"], turn: Rotation | None = None
    ) -> tuple[Float[Tensor, "B T N H"], Float[Tensor, "B T K H"], Float[Tensor, "B T K H"]]:
        """What attention works on: queries and keys already normalised, and turned by position."""
        q, k, v = self.query(x), self.key(x), self.value(x)
        if self.config.qk_norm == "all":
            q, k = self.query_norm(q), self.key_norm(k)
        heads = "B T (N H) -> B T N H"
        q, k, v = (rearrange(y, heads, H=self.config.head_width) for y in (q, k, v))
        if self.config.qk_norm == "head":
            q, k = self.query_norm(q), self.key_norm(k)
        if turn is not None and self.sees_positions:
            q, k = self._turned(q, turn), self._turned(k, turn)
        return q, k, v

    def _turned(self, x: Float[Tensor, "B T N H"], turn: Rotation) -> Float[Tensor, "B T N H"]:
        if self.config.kernels:
            return rope(x, *turn, half=self.config.positions == "rope_half")
        return ROTATE[self.config.positions](x, turn)
