"""Gradients averaged in several ways, against one process with the whole batch and against DDP."""

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lib.parallel.bytes_held import bytes_held
from lib.parallel.data import DataParallel, broadcast_module, reduce_each, reduce_flat
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate

BATCH = 12  # divides by 2, 3 and 4 ranks


class Uneven(nn.Module):
    """A tied matrix, a frozen bias, one parameter that nobody uses, one that only rank 0 does."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Linear(7, 5)
        self.second = nn.Linear(5, 7, bias=False)
        self.third = nn.Linear(7, 5)
        self.third.weight = self.first.weight
        self.third.bias.requires_grad_(False)
        self.sometimes = nn.Parameter(torch.randn(3))
        self.never = nn.Parameter(torch.randn(2, 2))
        self.register_buffer("offset", torch.randn(5))
        self.double()

    def forward(self, x, rank=0):
        y = self.third(torch.tanh(self.second(torch.tanh(self.first(x))))) + self.offset
        return y.square().mean() + (self.sometimes.square().sum() if rank == 0 else 0)


LEARNING = {"first.weight", "first.bias", "second.weight", "sometimes", "never"}
N_BYTES = 8 * sum(p.numel() for p in Uneven().parameters() if p.requires_grad)


def batch(seed=1):
    return torch.randn(BATCH, 7, generator=torch.Generator().manual_seed(seed)).double()


def part(comm, x):
    return x.chunk(comm.n_ranks)[comm.rank]


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def alone(n_ranks, *batches):
    """On one process: the gradients of the mean of all losses."""
    model = Uneven()
    for x in batches or [batch()]:
        losses = [model(part, rank) for rank, part in enumerate(x.chunk(n_ranks))]
        (sum(losses) / n_ranks / max(len(batches), 1)).backward()
    return gradients(model)


def by_every_means(comm):
    """Each way, from weights that differ at first, with what it sends."""
    found = {}
    for name, reduce in (("each", reduce_each), ("flat", reduce_flat)):
        model = Uneven(seed=comm.rank)
        broadcast_module(comm, model)
        comm.traffic.clear()
        model(part(comm, batch()), comm.rank).backward()
        reduce(comm, model)
        found[name] = gradients(model), comm.traffic.by_op(), len(comm.traffic.calls)
    for overlap in (True, False):
        model = DataParallel(Uneven(seed=comm.rank), comm, 300, overlap, first_bytes=10)
        for _ in range(2):  # the second time, all is there already
            comm.traffic.clear()
            model.zero_grad()
            model(part(comm, batch()), comm.rank).backward()
            model.finish()
        sent = comm.traffic.by_op(), len(comm.traffic.calls)
        found[f"overlap {overlap}"] = gradients(model.module), *sent
    return found


@pytest.mark.parametrize(
    ("run", "n_ranks"), [(simulate, 2), (simulate, 4), (launch, 2), (launch, 4)]
)
def test_all_ways_give_the_gradients_of_the_whole_batch(run, n_ranks):
    """And send 2 (n - 1) / n of the parameters: 640 bytes, which 2 and 4 divide."""
    right = alone(n_ranks) | {"never": torch.zeros(2, 2).double()}
    for found in run(by_every_means, n_ranks):
        for way, (gradients, sent, calls) in found.items():
            assert gradients.keys() == LEARNING
            for name, gradient in gradients.items():
                torch.testing.assert_close(gradient, right[name], msg=f"{way}, {name}")
            assert sent == {"all_reduce": 2 * N_BYTES * (n_ranks - 1) // n_ranks}
            assert calls == {"each": 5, "flat": 1}.get(way, 3)


def chain(width=6, n_layers=4):
    torch.manual_seed(0)
    return nn.Sequential(*[nn.Linear(width, width, bias=False) for _ in range(n_layers)]).double()


def when(events, what):
    """By bucket: how many gradients there were."""
    return {event.bucket: event.n_gradients for event in events if event.what == what}


def overlapping(comm, overlap):
    model = DataParallel(chain(), comm, bucket_bytes=2 * 6 * 6 * 8, overlap=overlap, first_bytes=1)
    for _ in range(2):
        model(torch.ones(3, 6).double()).sum().backward()
        before = [event.what for event in model.events]
        model.finish()
    return model.events, before, [bucket.names for bucket in model.buckets]


@pytest.mark.parametrize("run", [simulate, launch])
def test_buckets_leave_while_there_are_gradients_to_come(run):
    for events, before, names in run(overlapping, 2, True):
        assert names == [["3.weight"], ["2.weight", "1.weight"], ["0.weight"]]
        assert when(events, "full") == when(events, "started") == {0: 1, 1: 3, 2: 4}
        assert [event.name for event in events if event.what == "gradient"] == [
            f"{layer}.weight" for layer in (3, 2, 1, 0)
        ]
        assert before.count("started") == 3 and "finished" not in before
        assert [event.bucket for event in events if event.what == "finished"] == [0, 1, 2]
        assert [e.seconds for e in events] == sorted(e.seconds for e in events)
    for events, before, _ in run(overlapping, 2, False):
        assert "started" not in before and when(events, "started") == {0: 4, 1: 4, 2: 4}


class Skipping(nn.Module):
    """Rank 1 does not use the last layer, whose bucket is the first to leave elsewhere."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(4, n, bias=False) for n in (4, 5, 6)).double()

    def forward(self, x, rank):
        return sum(layer(x).square().mean() for layer in self.layers[: 3 - rank])


def skip(comm):
    model = DataParallel(Skipping(), comm, bucket_bytes=1)
    model(torch.ones(2, 4).double(), comm.rank).backward()
    before = [event.what for event in model.events].count("started")
    model.finish()
    return gradients(model.module), before


@pytest.mark.parametrize("run", [simulate, launch])
def test_buckets_leave_in_one_order_though_ranks_have_other_gradients(run):
    whole, x = Skipping(), torch.ones(2, 4).double()
    ((whole(x, 0) + whole(x, 1)) / 2).backward()
    results = run(skip, 2)
    assert [before for _, before in results] == [3, 0]  # rank 1 waits for its first bucket
    for found, _ in results:
        torch.testing.assert_close(found, gradients(whole))


def with_special_cases(comm):
    """Batches in parts, parameters that nobody uses, parts of unequal size; what is held, sent."""
    found, rank = {}, comm.rank
    model = DataParallel(Uneven(), comm, find_unused=True)
    for i, x in enumerate((batch(1), batch(2), batch(3))):
        if i < 2:
            with model.no_reduction():
                comm.traffic.clear()
                (model(part(comm, x), rank) / 3).backward()
                found["sent before"] = comm.traffic.sent
        else:
            (model(part(comm, x), rank) / 3).backward()
    model.finish()
    found["accumulated"] = gradients(model.module)
    found["held"] = bytes_held(model), bytes_held(model.module)
    model.zero_grad()
    found["after"] = bytes_held(model).gradients

    model, x = DataParallel(chain(7), comm), batch()
    mine = x.tensor_split([5])[rank]
    share = comm.n_ranks * len(mine) / len(x)
    (share * model(mine).square().mean()).backward()
    model.finish()
    found["unequal"] = gradients(model.module)
    return found


@pytest.mark.parametrize("run", [simulate, launch])
def test_accumulation_unused_parameters_and_unequal_parts(run):
    right, whole = alone(2, batch(1), batch(2), batch(3)), chain(7)
    whole(batch()).square().mean().backward()
    for found in run(with_special_cases, 2):
        assert found["sent before"] == 0
        assert "never" not in found["accumulated"], "no rank uses it: None, as on one process"
        torch.testing.assert_close(found["accumulated"], right)
        held, module = found["held"]
        frozen = 5 * 8
        assert held.parameters == N_BYTES + frozen and held.buffers == 5 * 8
        assert held.gradients == N_BYTES == found["after"]  # held once, and from step to step
        assert module.gradients == N_BYTES  # the model sees the memory of the buckets
        torch.testing.assert_close(found["unequal"], gradients(whole))


def beside_ddp(comm):
    """Several steps with both, and what DDP puts into its messages."""
    sent = 0

    def count(_, bucket):
        nonlocal sent
        sent += 8 * bucket.buffer().numel()
        return comm_hooks.allreduce_hook(None, bucket)

    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks as comm_hooks

    ours = DataParallel(chain(7), comm, bucket_bytes=900)
    theirs = DistributedDataParallel(chain(7))
    theirs.register_comm_hook(None, count)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (ours, theirs)]
    for seed in range(4):
        comm.traffic.clear()
        sent = 0
        for model, optimizer in zip((ours, theirs), optimizers):
            optimizer.zero_grad()
            model(part(comm, batch(seed))).square().mean().backward()
            if model is ours:
                model.finish()
            optimizer.step()
    weights = [[p.detach() for p in model.module.parameters()] for model in (ours, theirs)]
    return *weights, sum(call.size for call in comm.traffic.calls), sent


def test_the_same_weights_and_bytes_as_ddp():
    for ours, theirs, sent, their_bytes in launch(beside_ddp, 2):
        torch.testing.assert_close(ours, theirs)
        assert sent == their_bytes == 4 * 7 * 7 * 8


def forget_to_finish(comm):
    model = DataParallel(chain(), comm)
    for _ in range(2):
        model(torch.ones(3, 6).double()).sum().backward()


def two_backward_passes(comm):
    model = DataParallel(chain(), comm)
    loss = model(torch.ones(3, 6).double()).sum()
    loss.backward(retain_graph=True)
    loss.backward()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (forget_to_finish, r"still on their way. Call finish\(\)"),
        (two_backward_passes, r"3.weight has got another gradient"),
        (lambda c: DataParallel(chain(n_layers=c.rank + 1), c), "1 with 36 on rank 0, 2 with 72"),
        (lambda c: DataParallel(chain(), c, bucket_bytes=0), "0 bytes holds no gradient"),
    ],
)
def test_what_goes_wrong_is_explained(wrong, words):
    with pytest.raises(RankError, match=words):
        simulate(wrong, 2)
