"""A Transformer cut over ranks: heads, feed-forward width and vocabulary.

The ranks meet in every block (see `tensor_block`), once after the embedding, and at the loss; on
the way back once before the output matrix, too. The whole logits never exist.

Letters: B sequences, T positions, P of them on one rank (all T without `sequence`), D width, V
vocabulary, part of it on one rank.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lib.model.alibi import alibi_bias
from lib.model.attention import Mask
from lib.model.config import ModelConfig
from lib.model.embedding import Embedding
from lib.model.linear import Linear, linear
from lib.model.norm import make_norm
from lib.model.rope import Rotation, rotation
from lib.model.sinusoids import sinusoids
from lib.model.softcap import soft_cap
from lib.model.transformer import Transformer
from lib.parallel.comm import Comm
from lib.parallel.context_model import Context
from lib.parallel.positions import Split
from lib.parallel.region import Region
from lib.parallel.tensor import shard, share_of
from lib.parallel.tensor_block import TensorBlock
from lib.parallel.tensor_weights import load_full
from lib.parallel.vocabulary import VocabularyEmbedding, vocabulary_cross_entropy


def tensor_parallel(
    model: Transformer, comm: Comm, sequence: bool = False, context: Context | None = None
) -> "TensorTransformer":
    """This rank's part of a model that all hold, with weights of its own: the model may go.

    With a `context`, sequences are shared out too, to the ranks of another Comm.
    """
    weight = model.embedding.weight
    part = TensorTransformer(model.config, Region(comm, sequence), context).to(weight.device)
    load_full(part, model.state_dict())
    for name, parameter in part.named_parameters():  # what is frozen stays frozen
        parameter.requires_grad_(model.get_parameter(name).requires_grad)
    return part


def context_parallel(
    model: Transformer,
    comm: Comm,
    way: Literal["ring", "heads"] = "ring",
    split: Split = "zigzag",
) -> "TensorTransformer":
    """The whole model, for this rank's positions (`context.take`). Gradients are to be added up."""
    alone = comm.split([[rank] for rank in range(comm.n_ranks)])
    return tensor_parallel(model, alone, context=Context(comm, way, split))


class TensorTransformer(nn.Module):
    """`lib.model.Transformer` on one of several ranks; zero until it is filled.

    With `sequence` the stream and `hidden` have P = T / n positions. With a `context`, T are the
    positions that its rank has of a longer sequence.
    """

    def __init__(self, config: ModelConfig, region: Region, context: Context | None = None) -> None:
        super().__init__()
        self.config, self.region, self.context = config, region, context
        V, D, dtype = config.vocab_size, config.width, getattr(torch, config.dtype)
        self.embedding = VocabularyEmbedding(V, D, dtype, region)
        if config.positions == "learned":
            self.position_embedding = Embedding(config.context, D, dtype)
            region.share(self.position_embedding)
        self.blocks = nn.ModuleList(
            TensorBlock(config, layer, region, context) for layer in range(config.n_layers)
        )
        self.norm = nn.Identity() if config.norm_placement == "post" else make_norm(config)
        region.share(self.norm)
        if not config.tied:
            self.output = Linear(D, len(self.embedding.ids), bias=False, dtype=dtype)

    def forward(
        self,
        ids: Int[Tensor, "B T"],
        positions: Int[Tensor, "T"] | Int[Tensor, "B T"] | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B T part"]:
        """This rank's logits, of all positions."""
        return self.logits(self.hidden(ids, positions, mask))

    def loss(
        self,
        ids: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"],
        counted: Bool[Tensor, "B T"] | None = None,
        z_loss: float = 0.0,
    ) -> Float[Tensor, ""]:
        """The mean loss of these positions, on every rank, though none has all logits."""
        V = self.config.vocab_size
        return vocabulary_cross_entropy(
            self.region.comm, self(ids), targets, V, mask=counted, z_loss=z_loss
        )

    def hidden(
        self,
        ids: Int[Tensor, "B T"],
        positions: Int[Tensor, "T"] | Int[Tensor, "B T"] | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B P D"]:
        """The stream after the last block, normalised."""
        if self.region.sequence:
            share_of(ids.shape[1], self.region.comm, "positions")
        if positions is None:
            positions = self.positions(ids.shape[1]).to(ids.device)
        x, turn = self.embed(ids, positions)
        bias = None
        if self.config.positions == "alibi":
            bias = shard(alibi_bias(positions, self.config.n_heads), -3, self.region.comm)
        for block in self.blocks:
            x = block(x, turn, mask, bias)
        return self.norm(x)

    def positions(self, T: int) -> Int[Tensor, " T"]:
        """Where the T positions are that this rank and its tensor-parallel ones work on."""
        return torch.arange(T) if self.context is None else self.context.positions(T)

    def embed(
        self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "T"] | Int[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B P D"], Rotation | None]:
        """How the stream begins; and how heads, which see all positions, turn them."""
        config, turn, own = self.config, None, self.region.own(positions)
        x = self.embedding(ids)
        if config.embedding_scale != 1:
            x = x * x.new_full((), config.embedding_scale)
        if config.positions == "learned":
            x = x + self.position_embedding(own)
        elif config.positions == "sinusoidal":
            x = x + sinusoids(own, config.width)
        elif config.positions.startswith("rope"):
            turn = rotation(positions, config.turned_width, config.rope_theta, config.rope_scaling)
        return x.to(getattr(torch, config.compute_dtype)), turn

    def logits(self, hidden: Float[Tensor, "B P D"]) -> Float[Tensor, "B T part"]:
        """A score for each of this rank's tokens."""
        weight = self.embedding.weight if self.config.tied else self.output.weight
        return soft_cap(linear(self.region.enter(hidden), weight), self.config.output_softcap)
