"""The decoder: embed, let blocks of attention and feed-forward add to a stream, read off logits.

Letters: B sequences, T positions, S keys, D width, V vocabulary, L layers.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.model.attention import Mask
from lib.model.config import ModelConfig
from lib.model.embedding import Embedding
from lib.model.ffn import make_ffn
from lib.model.init import initialise
from lib.model.linear import Linear, linear
from lib.model.norm import make_norm
from lib.model.rope import Rotation, rotation
from lib.model.self_attention import SelfAttention


class Block(nn.Module):
    """Attention, then feed-forward. Each reads a normalised copy of the stream and adds to it.

    Norms before the layers leave a straight way through all blocks (pre-norm, arXiv 2002.04745).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = SelfAttention(config)
        self.ffn_norm = make_norm(config)
        self.ffn = make_ffn(config)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        turn: Rotation | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B T D"]:
        x = x + self.attention(self.attention_norm(x), turn, mask)
        return x + self.ffn(self.ffn_norm(x))


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
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = make_norm(config)
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
        for block in self.blocks:
            x = block(x, turn, mask)
        return self.norm(x)

    def embed(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "T"] | Int[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B T D"], Rotation | None]:
        """How the stream begins, and how RoPE will turn queries and keys in every block."""
        config = self.config
        x = self.embedding(ids)
        if config.positions == "learned":
            x, turn = x + self.position_embedding(positions), None
        else:
            turn = rotation(positions, config.head_width, config.rope_theta)
        return x.to(getattr(torch, config.compute_dtype)), turn

    def logits(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """A score for every token of the vocabulary."""
        return linear(hidden, self.output_weight) if self.config.tied else self.output(hidden)

    @property
    def output_weight(self) -> Float[Tensor, "V D"]:
        """The matrix of the output projection, its own or the embedding's."""
        return self.embedding.weight if self.config.tied else self.output.weight
