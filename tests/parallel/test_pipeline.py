"""A pipeline gives the loss and the gradients of one process, whatever the schedule; it sends and
holds what the schedule says."""

import weakref
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed import pipelining as theirs

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.pipeline import PipelineStage
from lib.parallel.pipeline_model import pipeline_parallel, stage_blocks
from lib.parallel.schedules import Action, needs, schedule
from lib.parallel.simulated import simulate
from lib.training.losses import cross_entropy

ROWS, WIDTH = 11, 6
CASES = {  # by ranks: kind, microbatches, chunks
    1: [("1f1b", 3, 1), ("zero-bubble", 2, 1), ("interleaved", 2, 3)],
    2: [("gpipe", 3, 1), ("1f1b", 5, 1), ("1f1b", 1, 1), ("zero-bubble", 4, 1),
        ("interleaved", 4, 3), ("interleaved", 2, 2)],
    3: [("gpipe", 4, 1), ("1f1b", 2, 1), ("zero-bubble", 5, 1), ("zero-bubble", 2, 1),
        ("interleaved", 6, 2), ("interleaved", 2, 2)],
}  # fmt: skip


class Layer(nn.Module):
    """x + W gelu(U x), in float64: sums in another order differ by 1e-16 or so."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.norm = nn.LayerNorm(WIDTH, dtype=torch.float64)
        self.up = nn.Linear(WIDTH, 9, dtype=torch.float64)
        self.down = nn.Linear(9, WIDTH, dtype=torch.float64)

    def forward(self, x):
        return x + self.down(F.gelu(self.up(self.norm(x))))


def layers(first, last):
    return nn.Sequential(*[Layer(seed) for seed in range(first, last)])


def data(rows=ROWS):
    g = torch.Generator().manual_seed(0)
    return torch.randn(2, rows, WIDTH, dtype=torch.float64, generator=g)


def a_stage(comm, chunks=1):
    """Six or, if need be, more layers over all stages, in equal parts."""
    n_stages = comm.n_ranks * chunks
    each = 12 // n_stages
    cut = [layers(s * each, (s + 1) * each) for s in range(comm.rank, n_stages, comm.n_ranks)]
    return PipelineStage(cut, comm, width=WIDTH, loss=F.mse_loss, dtype=torch.float64)


def by_layer(stage):
    """Gradients under the name they have in one long Sequential."""
    found, each = {}, 12 // stage.n_stages
    for c, chunk in enumerate(stage.chunks):
        first = (c * stage.comm.n_ranks + stage.comm.rank) * each
        for name, p in chunk.named_parameters():
            number, rest = name.split(".", 1)
            found[f"{first + int(number)}.{rest}"] = p.grad
    return found


def at_once(module, batch, targets, loss):
    value = loss(module(batch), targets)
    value.backward()
    return value.detach(), {name: p.grad for name, p in module.named_parameters()}


def together(parts):
    """The gradients of all ranks by name; those that two have must agree."""
    found = {}
    for part in parts:
        for name, gradient in part.items():
            assert name not in found or torch.equal(found[name], gradient)
            found[name] = gradient
    return found


def all_kinds(comm):
    found = []
    for kind, m, chunks in CASES[comm.n_ranks]:
        stage, orders = a_stage(comm, chunks), schedule(kind, comm.n_ranks, m, chunks)
        comm.traffic.clear()
        loss = stage.run(orders, *data())
        calls = [call for call in comm.traffic.calls if call.op == "send"]
        found.append(
            {
                "loss": loss,
                "gradients": by_layer(stage),
                "sent": (len(calls), comm.traffic.sent, comm.traffic.received),
                "live": (stage.peak_live, stage.peak_sent),
                "timeline": stage.timeline(),
            }
        )
    return found


RUNS = [(simulate, 1), (simulate, 2), (simulate, 3), (launch, 2), (launch, 3)]


@pytest.mark.parametrize(("run", "p"), RUNS)
def test_every_schedule_gives_what_one_process_gives(run, p):
    loss, gradients = at_once(layers(0, 12), *data(), F.mse_loss)
    for case, *ranks in zip(CASES[p], *run(all_kinds, p)):
        assert [r["loss"] is None for r in ranks] == [True] * (p - 1) + [False], case
        torch.testing.assert_close(ranks[-1]["loss"], loss)
        torch.testing.assert_close(together(r["gradients"] for r in ranks), gradients)
        check_traffic(p, *case, ranks)
        check_memory(p, *case, ranks)
        check_times(p, *case, ranks)


def check_traffic(p, kind, m, chunks, ranks):
    """At each of the boundaries between stages, every microbatch passes twice: b h numbers."""
    boundaries = p * chunks - 1 if p > 1 else 0
    size = ROWS * WIDTH * 8  # of all microbatches together, in bytes
    assert sum(r["sent"][0] for r in ranks) == 2 * m * boundaries
    assert sum(r["sent"][1] for r in ranks) == 2 * boundaries * size
    assert sum(r["sent"][2] for r in ranks) == 2 * boundaries * size
    if chunks == 1 and p > 1:  # the ranks at the ends have one neighbour
        assert [r["sent"][1] for r in ranks] == [size, *[2 * size] * (p - 2), size]


def check_memory(p, kind, m, chunks, ranks):
    live = [r["live"][0] for r in ranks]
    assert live == ranks[0]["timeline"].peak_live
    if kind == "gpipe":
        assert live == [m] * p
    if kind == "1f1b":
        assert live == [min(m, p - rank) for rank in range(p)]
    if kind == "zero-bubble":
        assert live == [min(m, p)] * p
    for held, sent in (r["live"] for r in ranks):
        assert sent <= held + p  # what has been received is let go


def check_times(p, kind, m, chunks, ranks):
    """Recorded on one clock: nothing begins before what it needs has ended, on any rank."""
    timeline = ranks[0]["timeline"]
    assert ranks[-1]["timeline"] == timeline  # all get the same
    ends = {(e.action, e.chunk * p + e.rank, e.microbatch): e.end for e in timeline.events}
    assert len(ends) == len(timeline.events) == m * p * chunks * (2 + (kind == "zero-bubble"))
    for e in timeline.events:
        action, stage = Action(e.action, e.microbatch, e.chunk), e.chunk * p + e.rank
        assert all(ends[need] <= e.begin for need in needs(action, stage, p * chunks))
    for rank in range(p):
        assert all(one.end <= other.begin for one, other in pairwise(timeline.of(rank)))
        order = [Action(e.action, e.microbatch, e.chunk) for e in timeline.of(rank)]
        assert order == schedule(kind, p, m, chunks)[rank]


CONFIGS = [
    ModelConfig(23, 8, 6, 12, 2, 1, ff_width=20, dtype="float64"),
    ModelConfig(23, 8, 6, 12, 2, ff_width=20, dtype="float64", tied=True, positions="learned"),
    ModelConfig(23, 8, 7, 12, 2, ff_width=20, dtype="float64", positions="alibi", tied=True),
]


def a_model(config):
    return Transformer(config, torch.Generator().manual_seed(0))


def some_text(config):
    ids = torch.randint(config.vocab_size, (5, 9), generator=torch.Generator().manual_seed(1))
    return ids[:, :-1], ids[:, 1:]


def transformers(comm, kinds):
    """Two batches each, without clearing the gradients in between."""
    found = []
    for config, (kind, m, chunks) in zip(CONFIGS, kinds):
        stage = pipeline_parallel(a_model(config), comm, chunks)
        ids, targets = some_text(config)
        orders = schedule(kind, comm.n_ranks, m, chunks)
        losses = [stage.run(orders, ids, targets), stage.run(orders, ids[:3], targets[:3])]
        gradients = {name.split(".", 2)[2]: p.grad for name, p in stage.named_parameters()}
        found.append((losses, gradients, comm.traffic.by_op()))
        comm.traffic.clear()
    return found


@pytest.mark.parametrize(("run", "p"), RUNS)
def test_a_transformer_is_cut_and_trained(run, p):
    kinds = [("1f1b", 3, 1), ("interleaved", 2, 2), ("zero-bubble", 3, 1)]
    for config, kind, *results in zip(CONFIGS, kinds, *run(transformers, p, kinds)):
        (ids, targets), model = some_text(config), a_model(config)
        expected = [cross_entropy(model(ids), targets), cross_entropy(model(ids[:3]), targets[:3])]
        sum(expected).backward()
        torch.testing.assert_close(results[-1][0], [x.detach() for x in expected])
        gradients = {name: q.grad for name, q in model.named_parameters()}
        torch.testing.assert_close(together(r[1] for r in results), gradients)
        boundary = 2 * (5 + 3) * 8 * config.width * 8  # both ways, b s h numbers of 8 bytes
        sent = sum(r[2].get("send", 0) for r in results)
        assert sent == (p * kind[2] - 1) * boundary * (p > 1)
        table = 2 * 2 * config.vocab_size * config.width * 8  # two ranks, two batches
        assert sum(r[2].get("exchange", 0) for r in results) == table * (config.tied and p > 1)


def test_blocks_are_shared_out():
    assert stage_blocks(7, 3) == [range(3), range(3, 5), range(5, 7)]
    with pytest.raises(ValueError, match="need a block each, and there are 3"):
        stage_blocks(3, 4)


class Kept:
    """Stands for a tensor that autograd keeps for the way back."""

    def __init__(self, x):
        self.x = x


def kept_for_backward(comm, kind, m):
    """The most tensors that autograd kept at once in a batch of m microbatches of one row."""
    alive, peak = weakref.WeakSet(), 0

    def keep(x):
        nonlocal peak
        kept = Kept(x)
        if x.shape[:1] == (1,):  # weights are kept once for all
            alive.add(kept)
        peak = max(peak, len(alive))
        return kept

    stage = a_stage(comm)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.x):
        stage.run(schedule(kind, comm.n_ranks, m), *data(rows=m))
    return peak, len(alive)


def test_what_autograd_keeps_is_freed_when_the_schedule_says():
    one = simulate(kept_for_backward, 3, "gpipe", 1)
    for kind, expected in [("gpipe", [7, 7, 7]), ("1f1b", [3, 2, 1])]:
        for rank, (peak, left) in enumerate(simulate(kept_for_backward, 3, kind, 7)):
            assert peak == expected[rank] * one[rank][0] and left == 0
    # Where W waits, autograd has let go of all: only what the products need is kept for it.
    for rank, (peak, left) in enumerate(simulate(kept_for_backward, 3, "zero-bubble", 7)):
        assert peak == (3 - rank) * one[rank][0] and left == 0


def test_outputs_are_not_kept_once_they_are_sent():
    def alive(comm):
        stage, outputs, counts = a_stage(comm), [], []

        def look(module, inputs, y):
            outputs.append(weakref.ref(y))
            counts.append(sum(ref() is not None for ref in outputs))

        stage.chunks[0].register_forward_hook(look)
        stage.run(schedule("gpipe", comm.n_ranks, 4), *data())
        return counts

    *before_the_loss, _ = simulate(alive, 3)
    assert before_the_loss == [[1] * 4] * 2


def test_orders_nobody_has_thought_of():
    """Messages arrive in another order than they are needed: they are put aside."""
    F0, F1, B0, B1 = (Action(kind, i) for kind in "FB" for i in (0, 1))

    def run(comm, orders):
        stage = a_stage(comm)
        loss = stage.run(orders, *data())
        return loss, by_layer(stage)

    loss, gradients = at_once(layers(0, 12), *data(), F.mse_loss)
    W0 = Action("W", 0)
    crossed, mixed = [F1, F0, B1, B0], [F0, F1, B0, B1, W0]  # split for one microbatch only
    for runs, first, last in [(simulate, mixed, crossed), (launch, [F0, F1, B0, B1], crossed)]:
        parts = runs(run, 2, [first, last])
        torch.testing.assert_close(parts[1][0], loss)
        torch.testing.assert_close(together(part for _, part in parts), gradients)


def test_without_gradients_only_the_loss():
    def run(comm):
        stage = a_stage(comm)
        with torch.no_grad():
            loss = stage.run([[Action("F", i) for i in range(3)]] * comm.n_ranks, *data())
        return loss, stage.peak_live, [p.grad for p in stage.parameters()]

    loss, _ = at_once(layers(0, 12), *data(), F.mse_loss)
    results = simulate(run, 2)
    torch.testing.assert_close(results[1][0], loss)
    assert all(live == 0 and not any(gs) for _, live, gs in results)


def test_layers_that_do_not_learn():
    """Frozen ones pass gradients through; if the first stage is, it has nothing to do."""

    def run(comm, frozen):
        stage = a_stage(comm)
        if comm.rank == frozen:
            stage.requires_grad_(False)
        stage.run(schedule("zero-bubble", 3, 4), *data())
        return by_layer(stage)

    _, gradients = at_once(layers(0, 12), *data(), F.mse_loss)
    for frozen in range(3):
        for rank, part in enumerate(simulate(run, 3, frozen)):
            expected = {name: None if rank == frozen else gradients[name] for name in part}
            assert all(x is None for x in part.values()) == (rank == frozen)
            torch.testing.assert_close(part, expected)


def beside_pytorch(comm):
    """The same layers, batch and schedule in torch.distributed.pipelining, and here."""
    p, found = comm.n_ranks, []
    batch, targets = data(rows=8)
    for kind, name, m, v in [
        ("gpipe", "ScheduleGPipe", 4, 1),
        ("1f1b", "Schedule1F1B", 4, 1),
        ("interleaved", "ScheduleInterleaved1F1B", 4, 2),
        ("zero-bubble", "ScheduleInterleavedZeroBubble", 4, 1),
    ]:
        ours, other = a_stage(comm, v), a_stage(comm, v)
        loss = ours.run(schedule(kind, p, m, v), batch, targets)
        stages = [
            theirs.PipelineStage(chunk, c * p + comm.rank, p * v, torch.device("cpu"))
            for c, chunk in enumerate(other.chunks)
        ]
        several = "Interleaved" in name
        run = getattr(theirs, name)(stages if several else stages[0], m, loss_fn=F.mse_loss)
        losses = []
        first, last = comm.rank == 0, comm.rank == p - 1
        run.step(*[batch] * first, target=targets if last else None, losses=losses)
        mean = torch.stack(losses).mean().detach() if last else None
        found.append(((loss, by_layer(ours)), (mean, by_layer(other))))
    return found


def test_equals_the_pipelines_of_pytorch():
    for rank in launch(beside_pytorch, 2):
        for ours, others in rank:
            torch.testing.assert_close(ours, others)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (schedule("gpipe", 3, 2), r"for 3 ranks with 1 chunks each, but here are 2 with 1"),
        (schedule("interleaved", 2, 2, 2), r"with 2 chunks each, .*schedule\(kind, 2, 2, chunks=1"),
        (schedule("gpipe", 2, 12), r"11 rows do not make 12 microbatches.*at most 11"),
        ([[Action("B", 0), Action("F", 0)], [Action("F", 0), Action("B", 0)]], "all ranks wait"),
    ],
)
def test_what_cannot_run_is_refused_before_anybody_waits(orders, message):
    with pytest.raises(RankError, match=message):
        simulate(lambda comm: a_stage(comm).run(orders, *data()), 2)
