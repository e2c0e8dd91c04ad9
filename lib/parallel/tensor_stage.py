"""A pipeline stage of a Transformer that is cut over ranks as well: some blocks, and some of each.

Letters: B sequences, T positions, P of them on one rank's part of the stream, D width.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.model.alibi import alibi_bias
from lib.model.rope import rotation
from lib.parallel.comm import Comm
from lib.parallel.pipeline import PipelineStage
from lib.parallel.pipeline_model import stage_blocks, take_blocks
from lib.parallel.tensor import shard, share_of
from lib.parallel.tensor_model import TensorTransformer
from lib.parallel.vocabulary import vocabulary_cross_entropy


class TensorStage(TensorTransformer):
    """Neighbouring blocks of a cut model, whose parts it shares; parameters keep their names.

    What passes between stages has all T positions in its shape: with sequence parallelism the
    (B, P, D) values of a rank travel as (B, T, D / n), which are as many in the same order.
    """

    def __init__(self, model: TensorTransformer, blocks: range) -> None:
        nn.Module.__init__(self)
        self.config, self.region, self.context = model.config, model.region, model.context
        take_blocks(self, model, blocks)

    def forward(
        self, x: Int[Tensor, "B T"] | Float[Tensor, "B T part"]
    ) -> Float[Tensor, "B T part"] | Float[Tensor, "B T V"]:
        config, (B, T, *_) = self.config, x.shape
        positions, turn, bias = self.positions(T).to(x.device), None, None
        if config.positions.startswith("rope"):
            turn = rotation(positions, config.turned_width, config.rope_theta, config.rope_scaling)
        if config.positions == "alibi":
            bias = shard(alibi_bias(positions, config.n_heads), -3, self.region.comm)
        x = self.embed(x, positions)[0] if self.is_first else x.reshape(B, -1, config.width)
        for block in self.blocks.values():
            x = block(x, turn, None, bias)
        return self.logits(self.norm(x)) if self.is_last else x.reshape(B, T, -1)


def tensor_pipeline(model: TensorTransformer, comm: Comm, chunks: int = 1) -> PipelineStage:
    """This rank's stages of a cut model, with the loss of cut logits. `comm` is the pipeline's."""
    config, region = model.config, model.region
    cut = stage_blocks(len(model.blocks), comm.n_ranks * chunks)

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return vocabulary_cross_entropy(region.comm, logits, targets, config.vocab_size)

    holds_ends = comm.rank in (0, comm.n_ranks - 1)
    return PipelineStage(
        [TensorStage(model, blocks) for blocks in cut[comm.rank :: comm.n_ranks]],
        comm,
        width=share_of(config.width, region.comm, "coordinates")
        if region.sequence
        else config.width,
        loss=loss,
        dtype=getattr(torch, config.compute_dtype),
        tied=model.embedding.weight if config.tied and holds_ends else None,
    )
