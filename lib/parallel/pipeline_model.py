"""A Transformer cut into pipeline stages: some blocks each, the embedding first, the output last.

Letters: B sequences, T positions, D width, V vocabulary, L layers.
"""

from collections.abc import Callable
from math import ceil

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.model.alibi import alibi_bias
from lib.model.rope import rotation
from lib.model.transformer import Transformer
from lib.parallel.comm import Comm
from lib.parallel.pipeline import PipelineStage
from lib.training.losses import cross_entropy


class TransformerStage(Transformer):
    """Neighbouring blocks of a model, whose parts it shares; parameters keep their names.

    The first stage takes ids, the others what the one before gives; the last gives logits.
    """

    def __init__(self, model: Transformer, blocks: range) -> None:
        nn.Module.__init__(self)  # not that of Transformer, which would make a whole model
        self.config = model.config
        take_blocks(self, model, blocks)

    def forward(
        self, x: Int[Tensor, "B T"] | Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B T D"] | Float[Tensor, "B T V"]:
        config, positions = self.config, torch.arange(x.shape[1], device=x.device)
        turn, bias = None, None
        if config.positions.startswith("rope"):  # every stage makes these again: nothing to send
            turn = rotation(positions, config.turned_width, config.rope_theta, config.rope_scaling)
        if config.positions == "alibi":
            bias = alibi_bias(positions, config.n_heads)
        if self.is_first:
            x, _ = self.embed(x, positions)
        for block in self.blocks.values():
            x = block(x, turn, None, bias)
        return self.logits(self.norm(x)) if self.is_last else x


def take_blocks(stage: nn.Module, model: nn.Module, blocks: range) -> None:
    """Make these blocks of the model a stage's own, with the embedding, or norm and output."""
    stage.is_first, stage.is_last = blocks.start == 0, blocks.stop == len(model.blocks)
    if stage.is_first or (stage.is_last and stage.config.tied):
        stage.embedding = model.embedding
    if stage.is_first and stage.config.positions == "learned":
        stage.position_embedding = model.position_embedding
    stage.blocks = nn.ModuleDict({str(layer): model.blocks[layer] for layer in blocks})
    if stage.is_last:
        stage.norm = model.norm
        if not stage.config.tied:
            stage.output = model.output


def pipeline_parallel(
    model: Transformer,
    comm: Comm,
    chunks: int = 1,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> PipelineStage:
    """This rank's part of a model of which every rank has an equal one; the rest may go.

    A tied embedding is on the first rank and on the last, which add up its gradients. With equal
    steps of equal optimizers the two stay equal.
    """
    cut = stage_blocks(len(model.blocks), comm.n_ranks * chunks)
    mine = [TransformerStage(model, blocks) for blocks in cut[comm.rank :: comm.n_ranks]]
    holds_ends = comm.rank in (0, comm.n_ranks - 1)
    return PipelineStage(
        mine,
        comm,
        width=model.config.width,
        loss=loss,
        dtype=getattr(torch, model.config.compute_dtype),
        tied=model.embedding.weight if model.config.tied and holds_ends else None,
    )


def stage_blocks(n_layers: int, n_stages: int) -> list[range]:
    """Which blocks each stage has: equally many, or one more in the first ones."""
    if n_layers < n_stages:
        raise ValueError(
            f"{n_stages} stages (ranks times chunks) need a block each, and there are {n_layers}. "
            "Take fewer ranks or chunks, or a deeper model."
        )
    ends = [ceil(n_layers * (stage + 1) / n_stages) for stage in range(n_stages)]
    return [range(a, b) for a, b in zip([0, *ends], ends)]
