"""The decoder: embed, let blocks of attention and feed-forward add to a stream, read off logits.

Letters: B sequences, T positions, S keys, D width, V vocabulary, L layers.
"""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.model.alibi import alibi_bias
from lib.model.attention import Bias, Mask
from lib.model.config import ModelConfig
from lib.model.embedding import Embedding
from lib.model.ffn import make_ffn
from lib.model.init import initialise
from lib.model.linear import Linear, linear
from lib.model.norm import make_norm
from lib.model.residual import NORMS, RESIDUAL
from lib.model.rope import Rotation, rotation
from lib.model.self_attention import SelfAttention
from lib.model.sinusoids import sinusoids
from lib.model.softcap import soft_cap


class Block(nn.Module):
    """Attention, then feed-forward, each added to the stream as `residual` says.

    Or both at once, from the same normalised stream (parallel blocks, as in GPT-J and PaLM).
    `layer`, counted from 0, is what `config.window_of` asks for.
    """

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.config = config
        norms = NORMS[config.norm_placement]
        if "attention_norm" in norms:
            self.attention_norm = make_norm(config)
        self.attention = SelfAttention(config, layer)
        if "attention_out_norm" in norms:
            self.attention_out_norm = make_norm(config)
        if "ffn_norm" in norms and not config.parallel:
            self.ffn_norm = make_norm(config)
        self.ffn = make_ffn(config)
        if "ffn_out_norm" in norms:
            self.ffn_out_norm = make_norm(config)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
        bias: Bias | None = None,
    ) -> Float[Tensor, "B T D"]:
        attend = partial(self.attention, turn=turn, mask=mask, bias=bias)
        if self.config.parallel:
            normed = self.attention_norm(x)
            return x + attend(normed) + self.ffn(normed)
        add = RESIDUAL[self.config.norm_placement]
        x = add(x, attend, *self._norms("attention"))
        return add(x, self.ffn, *self._norms("ffn"))

    def _norms(self, layer: str) -> tuple[nn.Module | None, nn.Module | None]:
        """The norms before and after a layer; None where there is none."""
        return getattr(self, f"{layer}_norm", None), getattr(self, f"{layer}_out_norm", None)


class Transformer(nn.Module):
    """From token ids to logits of the next token, at every position.

    The weights are drawn with `generator`, on the CPU: move the model afterwards, and a seed means
    the same weights on every device.
    """

    def __init__(self, config: ModelConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        V, D, dtype = config.vocab_size, config.width, getattr(torch, config.dtype)
        self.embedding = Embedding(V, D, dtype)
        if config.positions == "learned":
            self.position_embedding = Embedding(config.context, D, dtype)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = nn.Identity() if config.norm_placement == "post" else make_norm(config)
        if not config.tied:
            self.output = Linear(D, V, bias=False, dtype=dtype)
        initialise(self, config, generator)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        positions: Int[Tensor, "T"] | Int[Tensor, "B T"] | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B T V"]:
        """The logits, in `compute_dtype`: take softmax and loss of them in float32.

        `positions` are 0 to T - 1 unless given; `mask` as in `attention`, causal unless given.
        """
        return self.logits(self.hidden(ids, positions, mask))

    def hidden(
        self,
        ids: Int[Tensor, "B T"],
        positions: Int[Tensor, "T"] | Int[Tensor, "B T"] | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B T D"]:
        """What the output projection gets: the stream after the last block, normalised."""
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        x, turn = self.embed(ids, positions)
        bias = None
        if self.config.positions == "alibi":
            bias = alibi_bias(positions, self.config.n_heads)
        for block in self.blocks:
            x = block(x, turn, mask, bias)
        return self.norm(x)

    def embed(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "T"] | Int[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T D"], Rotation | None]:
        """How the stream begins, and how RoPE will turn queries and keys in every block."""
        config, turn = self.config, None
        x = self.embedding(ids)
        if config.embedding_scale != 1:
            # Rounded as they are: in bfloat16 Gemma learned with 60, not with sqrt(3584) = 59.87.
            x = x * x.new_full((), config.embedding_scale)
        if config.positions == "learned":
            x = x + self.position_embedding(positions)
        elif config.positions == "sinusoidal":
            x = x + sinusoids(positions, config.width)
        elif config.positions.startswith("rope"):
            turn = rotation(positions, config.turned_width, config.rope_theta, config.rope_scaling)
        return x.to(getattr(torch, config.compute_dtype)), turn

    def logits(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """A score for every token of the vocabulary."""
        logits = linear(hidden, self.output_weight) if self.config.tied else self.output(hidden)
        return soft_cap(logits, self.config.output_softcap)

    @property
    def output_weight(self) -> Float[Tensor, "V D"]:
        """The matrix of the output projection, its own or the embedding's."""
        return self.embedding.weight if self.config.tied else self.output.weight
