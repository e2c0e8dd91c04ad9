"""What one layer of a decoder costs per token: parameters, operations, bytes kept, bytes sent.

The layer is one whose elementwise parts run in fused kernels and whose attention is a kernel such
as FlashAttention, in 16 bits: what large runs use. It keeps less than the readable layer of
lib/model, whose parts activation_memory counts. Its feed-forward part may be experts of which every
token visits some.

Letters: D width, N heads, K key/value heads, H head width, F feed-forward width, T positions,
V vocabulary, t ranks that compute the layer together.
"""

from dataclasses import dataclass

from lib.tensors.shape import GATED, DecoderShape


@dataclass(frozen=True)
class Experts:
    """Feed-forward layers of which each token visits `per_token`, and the shared ones besides."""

    n: int
    per_token: int
    width: int
    shared: int = 0


@dataclass(frozen=True)
class LayerCost:
    """One layer of `shape`, all layers being equal."""

    shape: DecoderShape
    experts: Experts | None = None

    @property
    def attention_params(self) -> int:
        s = self.shape
        return s.width * (2 * s.n_heads + 2 * s.n_kv_heads) * s.head_width

    @property
    def expert_params(self) -> int:
        """Of all routed experts."""
        return self.experts.n * self._ffn(self.experts.width) if self.experts else 0

    @property
    def dense_params(self) -> int:
        """Of all that every token visits."""
        if self.experts is None:
            return self.attention_params + self._ffn(self.shape.ff_width)
        shared = self.experts.shared * self._ffn(self.experts.width)
        return self.attention_params + shared + self.experts.n * self.shape.width  # and the router

    @property
    def active_params(self) -> int:
        """Of all that one token visits."""
        visited = self.experts.per_token * self._ffn(self.experts.width) if self.experts else 0
        return self.dense_params + visited

    @property
    def table_params(self) -> int:
        """The embedding, or the output matrix."""
        return self.shape.vocab_size * self.shape.width

    def product_flops(self) -> int:
        """Of the forward pass in products with parameters."""
        return 2 * self.active_params

    def attention_flops(self, length: int) -> int:
        """Of the forward pass between positions: each sees half of the others on average."""
        return 2 * length * self.shape.n_heads * self.shape.head_width

    def kept_outside(self, recompute: str = "attention") -> int:
        """Bytes between attention and feed-forward: the inputs of two norms, and their results."""
        return self.shape.width * (8 if recompute == "attention" else 4)

    def kept_inside(self, recompute: str = "attention") -> int:
        """Bytes inside of attention and feed-forward, which tensor parallelism divides.

        Queries, keys, values and what attention found; of the feed-forward layer what its first
        matrices give, and the input of the last one, which is an elementwise function of that.
        """
        s = self.shape
        vectors = 2 * (2 * s.n_heads + 2 * s.n_kv_heads) * s.head_width + 4 * s.n_heads
        wide = 2 * (2 if s.ffn in GATED else 1) + (2 if recompute == "attention" else 0)
        if self.experts is None:
            return vectors + wide * s.ff_width
        visits = self.experts.per_token + self.experts.shared
        return vectors + visits * (wide * self.experts.width + 2 * s.width)  # a copy to each

    def kept(self, t: int = 1, sequence: bool = False, recompute: str = "attention") -> int | float:
        """Bytes on one of t ranks, if less than everything is recomputed: see `layout.Layout`."""
        outside = self.kept_outside(recompute) / (t if sequence else 1)
        return outside + self.kept_inside(recompute) / t

    def _ffn(self, width: int) -> int:
        return (3 if self.shape.ffn in GATED else 2) * self.shape.width * width


def total_params(cost: LayerCost) -> int:
    """Of the whole model without norms; embedding and output count once if they are one table."""
    tables = 1 if getattr(cost.shape, "tied", False) else 2
    layer = cost.dense_params + cost.expert_params
    return cost.shape.n_layers * layer + tables * cost.table_params


def useful_flops_per_token(cost: LayerCost, length: int) -> int:
    """Of training: what the model asks for, however it is computed."""
    layer = cost.product_flops() + cost.attention_flops(length)
    return 3 * (cost.shape.n_layers * layer + 2 * cost.table_params)
