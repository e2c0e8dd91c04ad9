"""The decoder: a table, blocks that add to a stream, a last norm, and scores for the next token.

Letters: T positions, D width, V vocabulary. "..." are any leading axes.
"""

import torch
from torch import Tensor, nn

from basics.rope import RoPE
from lib.grading.feedback import todo


class Block(nn.Module):
    """Attention, then feed-forward; each reads a normalised copy of the stream and adds to it.

        x = x + attention(attention_norm(x))
        x = x + ffn(ffn_norm(x))

    `attention_norm` and `ffn_norm` are RMSNorm, `attention` is SelfAttention, `ffn` is SwiGLU.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        ff_width: int,
        rope: RoPE | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.9", "make self.attention_norm, self.attention, self.ffn_norm and self.ffn.")

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """(..., T, D) -> (..., T, D)"""
        todo("2.9", "add to x, do not replace it; the norm stands before the layer.")


class Transformer(nn.Module):
    """From token ids to logits: for every position a score for each token that may come next.

    `embedding` is Embedding, `blocks` an nn.ModuleList of n_layers different Block, `norm` the
    RMSNorm after the last of them, `output` a Linear from width to vocab_size with a weight of its
    own, not the embedding's. All blocks share one RoPE, with a head width of width / n_heads.
    """

    def __init__(
        self,
        vocab_size: int,
        context: int,
        n_layers: int,
        width: int,
        n_heads: int,
        ff_width: int,
        theta: float = 10_000.0,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.10", "make self.embedding, self.blocks, self.norm and self.output.")

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (..., T), T up to `context` -> logits (..., T, V), without softmax."""
        todo("2.10", "embed the ids, go through the blocks in turn, normalise, and project.")
