"""A model cut by layers: each rank has some, and microbatches pass from rank to rank.

Forward, a stage sends its output to the next; backward, it gets the gradient of that output and
sends on the gradient of its input. What a schedule lists is done in that order, so this runs any
schedule. Each boundary costs the size of the activations, once in each direction, which is little:
pipelines suit slow links.

Letters: B sequences or rows of the batch, p ranks, m microbatches.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from lib.parallel.comm import Comm
from lib.parallel.deferred import DeferredWeights, Later, compute
from lib.parallel.mail import Mail
from lib.parallel.schedules import Action, Order, simulate_orders
from lib.parallel.timeline import Event, Timeline


@dataclass
class Held:
    """What a rank keeps of a microbatch between forward and backward.

    The output is not among it: it has been sent, and only its place in the graph is needed.
    """

    x: Tensor | None
    y: GradientEdge | None
    later: Later = field(default_factory=list)  # gradients of weights, once B has left them


class PipelineStage(nn.Module):
    """The layers of one rank: one module, or with an interleaved schedule a list of chunks.

    What passes between stages has the shape of the batch with `width` as its last dimension: token
    ids (B, T) become (B, T, width), and rows of numbers (B, D) become (B, width). `loss(output,
    targets)` is the mean over a microbatch. A `tied` weight is one that the first and the last
    rank both have: they add up its gradients.
    """

    def __init__(
        self,
        layers: nn.Module | Sequence[nn.Module],
        comm: Comm,
        *,
        width: int,
        loss: Callable[[Tensor, Tensor], Tensor],
        dtype: torch.dtype = torch.float32,
        tied: nn.Parameter | None = None,
    ) -> None:
        super().__init__()
        self.chunks = nn.ModuleList(layers if isinstance(layers, list | tuple) else [layers])
        self.comm, self.width, self.loss, self.dtype = comm, width, loss, dtype
        self.tied = [] if tied is None else [tied]  # in a list: it is no further parameter
        self.n_stages = comm.n_ranks * len(self.chunks)
        self.events: list[Event] = []  # of the last run
        self.peak_live = 0  # in the last run, the most microbatches held at once
        self.peak_sent = 0  # and the most messages that could not yet be freed

    def run(self, orders: list[Order], batch: Tensor, targets: Tensor) -> Tensor | None:
        """Add the gradient of the mean loss to `.grad`; the loss on the last rank, else None.

        Every rank gives the batch, because it counts the rows, but only the first rank reads it,
        and only the last one the targets. If rows do not divide, some microbatches have one more.
        """
        run = _Run(self, orders, batch, targets)
        self.events, self.peak_live, self.peak_sent = [], 0, 0
        do = {"F": self._forward, "B": self._backward, "W": self._weights}
        with self._tied_added_up():
            for action in orders[self.comm.rank]:
                do[action.kind](run, action)
                self.peak_sent = max(self.peak_sent, len(run.mail.sent))
            run.mail.finish()
        return run.loss if self.comm.rank == self.comm.n_ranks - 1 else None

    def timeline(self) -> Timeline:
        """The last run as it was, of all ranks. All call this.

        Ranks of one machine have one clock: on Linux, perf_counter counts from when the machine was
        started, in every process. Those of several machines would have to agree on one first.
        """
        rows = [[ord(e.action), e.microbatch, e.chunk, e.begin, e.end] for e in self.events]
        device = getattr(self.comm, "device", "cpu")  # NCCL sends what lies on a GPU
        mine = torch.tensor(rows, dtype=torch.float64, device=device)
        table = self.comm.all_gather(mine).tolist()
        events = [
            Event(n // len(rows), chr(int(letter)), int(i), int(chunk), begin, end)
            for n, (letter, i, chunk, begin, end) in enumerate(table)
        ]
        return Timeline(events, self.comm.n_ranks)

    def stage_of(self, action: Action) -> int:
        """Where in the model an action happens, counted from 0."""
        return action.chunk * self.comm.n_ranks + self.comm.rank

    def _forward(self, run: "_Run", action: Action) -> None:
        stage, i = self.stage_of(action), action.microbatch
        is_last, later = stage == self.n_stages - 1, []
        x = run.parts[i]
        if stage:
            x = run.mail.take(("F", stage - 1, i)).requires_grad_(torch.is_grad_enabled())
        with self._recorded(action):
            with DeferredWeights(later) if run.splits(action) else nullcontext():
                y = self.chunks[action.chunk](x)
            if is_last:
                y = self.loss(y, run.targets[i]) * run.shares[i]
                run.loss = run.loss + y.detach()
        if not is_last:
            run.mail.send(("F", stage, i), y.detach())
        if y.requires_grad:
            run.held[action.chunk, i] = Held(x, get_gradient_edge(y), later)
            self.peak_live = max(self.peak_live, len(run.held))

    def _backward(self, run: "_Run", action: Action) -> None:
        stage, i = self.stage_of(action), action.microbatch
        is_last = stage == self.n_stages - 1
        dy = None if is_last else run.mail.take(("B", stage + 1, i))
        held = run.held.pop((action.chunk, i), None)  # None: nothing here learns
        with self._recorded(action):
            if held is not None:
                torch.autograd.backward(held.y, dy)
        if stage:
            run.mail.send(("B", stage, i), held.x.grad)
        if held is not None and run.splits(action):
            run.held[action.chunk, i] = Held(None, None, held.later)

    def _weights(self, run: "_Run", action: Action) -> None:
        held = run.held.pop((action.chunk, action.microbatch), None)
        with self._recorded(action):
            if held is not None:
                compute(held.later)

    @contextmanager
    def _tied_added_up(self) -> Iterator[None]:
        """The gradients of this run: earlier ones have been added up already."""
        earlier = [weight.grad for weight in self.tied]
        for weight in self.tied:
            weight.grad = None
        yield
        last = self.comm.n_ranks - 1
        for weight, before in zip(self.tied, earlier):
            if last and weight.grad is not None:
                other, theirs = last - self.comm.rank, torch.empty_like(weight.grad)
                weight.grad += self.comm.exchange(weight.grad, other, theirs, other)
            if before is not None:
                weight.grad = before.add_(weight.grad)

    @contextmanager
    def _recorded(self, action: Action) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        end = time.perf_counter()
        self.events.append(
            Event(self.comm.rank, action.kind, action.microbatch, action.chunk, begin, end)
        )


class _Run:
    """The microbatches of one batch, and what is held of them."""

    def __init__(
        self, stage: PipelineStage, orders: list[Order], batch: Tensor, targets: Tensor
    ) -> None:
        _check(stage, orders, batch)
        m = 1 + max(action.microbatch for action in orders[0])
        self.parts, self.targets = batch.tensor_split(m), targets.tensor_split(m)
        self.shares = [len(part) / len(batch) for part in self.parts]
        self.weights_later = {
            (a.chunk, a.microbatch) for a in orders[stage.comm.rank] if a.kind == "W"
        }
        self.held: dict[tuple[int, int], Held] = {}
        self.loss = torch.zeros((), dtype=stage.dtype, device=batch.device)  # or wider, as it comes

        def message(microbatch: int) -> Tensor:
            part = self.parts[microbatch]
            rows = part.shape[:-1] if part.is_floating_point() else part.shape
            return torch.empty((*rows, stage.width), dtype=stage.dtype, device=part.device)

        self.mail = Mail(stage.comm, orders, stage.n_stages, message)

    def splits(self, action: Action) -> bool:
        """Whether the weights have an action of their own; else B does all."""
        return (action.chunk, action.microbatch) in self.weights_later


def _check(stage: PipelineStage, orders: list[Order], batch: Tensor) -> None:
    n_ranks, n_chunks = stage.comm.n_ranks, len(stage.chunks)
    actions = [action for order in orders for action in order]
    m, wanted = 1 + max(a.microbatch for a in actions), 1 + max(a.chunk for a in actions)
    if len(orders) != n_ranks or wanted != n_chunks:
        raise ValueError(
            f"The schedule is for {len(orders)} ranks with {wanted} chunks each, but here are "
            f"{n_ranks} with {n_chunks}: schedule(kind, {n_ranks}, {m}, chunks={n_chunks})."
        )
    if len(batch) < m:
        raise ValueError(
            f"{len(batch)} rows do not make {m} microbatches. Take a schedule with at most "
            f"{len(batch)}, or a larger batch."
        )
    simulate_orders(orders, dict.fromkeys("FBW", 1.0))  # better an error now than ranks that wait
