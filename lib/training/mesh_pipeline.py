"""A pipeline: stages with some layers each, which work on several microbatches at a time.

Torch's schedules say who does what when; activations go from stage to stage and their gradients
come back. "gpipe" runs all microbatches forward before any goes back, "1f1b" keeps fewer of them
alive, "interleaved" and "breadth-first" give each process several stages, and "zero-bubble" fills
waiting times with gradients of weights.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.schedules import get_schedule_class

from lib.training.mesh import Mesh

SCHEDULES = {
    "gpipe": "GPipe",
    "1f1b": "1F1B",
    "interleaved": "Interleaved1F1B",
    "breadth-first": "LoopedBFS",
    "zero-bubble": "InterleavedZeroBubble",
}


class Pipeline:
    """The stages of this process under a schedule."""

    def __init__(
        self, parts: list[nn.Module], mesh: Mesh, microbatches: int, device: torch.device
    ) -> None:
        config, group = mesh.config, mesh.devices["pipeline"].get_group()
        n_stages = config.pipeline * config.stages
        numbers = range(mesh.place("pipeline"), n_stages, config.pipeline)
        stages = [
            PipelineStage(part, i, n_stages, device, group=group) for i, part in zip(numbers, parts)
        ]
        self.is_first, self.is_last = stages[0].is_first, stages[-1].is_last
        single = config.schedule in ("gpipe", "1f1b")
        self.schedule = get_schedule_class(SCHEDULES[config.schedule])(
            stages[0] if single else stages,
            microbatches,
            loss_fn=lambda loss, _: loss.sum(),  # the last stage has computed it
            scale_grads=False,
        )

    def add_gradients(self, ids: Tensor, **inputs: Any) -> float:
        """Of the whole batch; the loss, or zero where another process has it."""
        losses: list[Tensor] = []
        self._run(self.schedule.step, ids, losses, inputs)
        return sum(losses).item() if losses else 0.0

    def loss(self, ids: Tensor, **inputs: Any) -> float:
        """The same without gradients."""
        losses: list[Tensor] = []
        self._run(self.schedule.eval, ids, losses, inputs)
        return sum(losses).item() if losses else 0.0

    def _run(self, run: Any, ids: Tensor, losses: list[Tensor], inputs: dict[str, Any]) -> None:
        first = (ids,) if self.is_first else ()
        run(*first, target=ids if self.is_last else None, losses=losses, **inputs)
