"""Data parallelism, sharded state and full sharding for the tests of assignment 2."""

import statistics
import time
from collections import defaultdict
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from lib.parallel import cost


class Point(NamedTuple):
    n_bytes: int
    n_ranks: int
    seconds: float


def all_reduce_seconds(n_bytes, n_ranks, latency, bandwidth):
    return cost.comm_time("all_reduce", n_bytes, n_ranks, bandwidth, latency, "ring")


def fit(points):
    link = cost.fit([cost.Point("all_reduce", *point) for point in points])
    return link.latency, link.bandwidth


def measure(comm, sizes, repeats=5, clock=time.perf_counter):
    points = []
    for size in sizes:
        x, seconds = torch.zeros(size // 4), []
        comm.all_reduce(x)
        for _ in range(repeats):
            comm.barrier()
            began = clock()
            comm.all_reduce(x)
            mine = torch.tensor(clock() - began, dtype=torch.float64)
            seconds.append(comm.all_reduce(mine, "max").item())
        points.append(Point(size, comm.n_ranks, statistics.median(seconds)))
    return points


# Data parallelism


def broadcast_module(comm, module):
    with torch.no_grad():
        for x in (*module.parameters(), *module.buffers()):
            x.copy_(comm.broadcast(x))


def trained(module):
    return [p for p in module.parameters() if p.requires_grad]


def gradients(module):
    for p in trained(module):
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        yield p.grad


def reduce_each(comm, module):
    for gradient in gradients(module):
        gradient.copy_(comm.all_reduce(gradient, "mean"))


def reduce_flat(comm, module):
    by_dtype = defaultdict(list)
    for gradient in gradients(module):
        by_dtype[gradient.dtype].append(gradient)
    for some in by_dtype.values():
        put(some, comm.all_reduce(together(some), "mean"))


def together(tensors):
    return torch.cat([x.flatten() for x in tensors])


def put(tensors, flat):
    for x, part in zip(tensors, flat.split([x.numel() for x in tensors])):
        x.copy_(part.view_as(x))


class DataParallel(nn.Module):
    def __init__(self, module, comm, bucket_bytes=None):
        super().__init__()
        self.module, self.comm = module, comm
        self.prepare()
        self.buckets = self.filled(list(reversed(trained(module))), bucket_bytes)
        self.bucket_of = {p: i for i, bucket in enumerate(self.buckets) for p in bucket}
        self.in_order = bucket_bytes is not None
        self.begin()
        for p in trained(module):
            p.register_post_accumulate_grad_hook(self.ready)

    def prepare(self):
        broadcast_module(self.comm, self.module)

    def filled(self, params, limit):
        if limit is None:
            return [[p] for p in params]
        buckets = []
        for p in params:
            size = p.nbytes + sum(q.nbytes for q in buckets[-1]) if buckets else limit + 1
            if size > limit or buckets[-1][0].dtype != p.dtype:
                buckets.append([])
            buckets[-1].append(p)
        return buckets

    def begin(self):
        self.left = [set(bucket) for bucket in self.buckets]
        self.pending = {}

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def ready(self, p):
        """Called when the gradient of p is complete."""
        i = self.bucket_of[p]
        self.left[i].discard(p)
        if not self.in_order:
            self.send(i)
            return
        while len(self.pending) < len(self.buckets) and not self.left[len(self.pending)]:
            self.send(len(self.pending))

    def send(self, i):
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.buckets[i]]
        self.pending[i] = self.comm.start("all_reduce", together(grads), reduction="mean")

    def finish_gradient_synchronization(self):
        for i, bucket in enumerate(self.buckets):
            if i not in self.pending:
                self.send(i)
            for p in bucket:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
            put([p.grad for p in bucket], self.pending[i].wait())
        self.begin()


def data_parallel(module, comm, bucket_bytes=None):
    return DataParallel(module, comm, bucket_bytes)


# Sharded state


class ShardedOptimizer(torch.optim.Optimizer):
    def __init__(self, params, optimizer_class, comm, **settings):
        self.comm, self.optimizer_class, self.settings = comm, optimizer_class, settings
        self.owned, self.owner, self.inner, self.inner_group = [0] * comm.n_ranks, {}, None, {}
        super().__init__(params, settings)

    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        mine = [p for p in group["params"] if self.choose(p) == self.comm.rank]
        self.give(len(self.param_groups) - 1, {**group, "params": mine})

    def choose(self, p):
        owner = min(range(self.comm.n_ranks), key=lambda rank: self.owned[rank])
        self.owner[p] = owner
        self.owned[owner] += p.numel()
        return owner

    def give(self, i, group):
        """To the inner optimizer, which does without groups that are empty here."""
        if not group["params"]:
            return
        if self.inner is None:
            self.inner = self.optimizer_class([group], **self.settings)
        else:
            self.inner.add_param_group(group)
        self.inner_group[i] = self.inner.param_groups[-1]

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for i, group in self.inner_group.items():
            group.update({k: v for k, v in self.param_groups[i].items() if k != "params"})
        if self.inner is not None:
            self.inner.step()
        self.share()
        return loss

    def share(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.comm.broadcast(p, root=self.owner[p]))


def sharded_optimizer_of(params, optimizer_class, comm, **settings):
    return ShardedOptimizer(params, optimizer_class, comm, **settings)


# Fully sharded


class Entry:
    """One layer's weight, and where it is in its life."""

    def __init__(self, module, comm, compute_dtype):
        weight = module.weight
        self.module, self.comm = module, comm
        self.dtype = compute_dtype or weight.dtype
        self.shape, self.n, self.pending = weight.shape, weight.numel(), None
        part = -(-self.n // comm.n_ranks)
        flat = self.padded(weight.detach().flatten(), part * comm.n_ranks)
        mine = flat[comm.rank * part : (comm.rank + 1) * part].clone()
        self.shard = nn.Parameter(mine, requires_grad=weight.requires_grad)
        del module.weight
        module.register_parameter("weight_shard", self.shard)

    @staticmethod
    def padded(flat, length):
        return torch.nn.functional.pad(flat, (0, length - flat.numel()))

    def start(self):
        if self.pending is None:
            self.pending = self.comm.start("all_gather", self.shard.detach().to(self.dtype))

    def take(self):
        self.start()
        flat, self.pending = self.pending.wait(), None
        return flat

    def reduced(self, gradient):
        length = self.shard.numel() * self.comm.n_ranks
        flat = self.padded(gradient.flatten(), length)
        mine = self.comm.start("reduce_scatter", flat, reduction="mean").wait()
        return mine.to(self.shard.dtype)


class Whole(torch.autograd.Function):
    """From a shard to the weight; back, from the weight's gradient to the shard's."""

    @staticmethod
    def forward(ctx, shard, entry, flat):
        ctx.entry = entry
        return flat[: entry.n].view(entry.shape)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.entry.reduced(gradient), None, None


class FullySharded(nn.Module):
    early = 1

    def __init__(self, module, comm, compute_dtype=None):
        super().__init__()
        self.comm, self.compute_dtype = comm, compute_dtype
        broadcast_module(comm, module)
        self.names = [name for name, _ in module.named_parameters()]
        layers = [m for m in module.modules() if isinstance(m, nn.Linear | nn.Embedding)]
        self.entries = [self.entry(layer) for layer in layers]
        self.by_place, self.packed = {}, []
        self.module = module
        for i, layer in enumerate(layers):
            layer.register_forward_pre_hook(partial(self.before, i))
            layer.register_forward_hook(partial(self.after, i))

    def entry(self, layer):
        return Entry(layer, self.comm, self.compute_dtype)

    def forward(self, *args, **kwargs):
        self.packed.clear()
        self.entries[0].start()
        with torch.autograd.graph.saved_tensors_hooks(self.pack, self.unpack):
            return self.module(*args, **kwargs)

    def before(self, i, layer, args):
        entry = self.entries[i]
        entry.start()
        for following in self.entries[i + 1 : i + 1 + self.early]:
            following.start()
        flat = entry.take()
        self.by_place[flat.untyped_storage().data_ptr()] = entry
        layer.weight = Whole.apply(entry.shard, entry, flat)
        if self.compute_dtype is not None and isinstance(layer, nn.Linear):
            args = [x.to(self.compute_dtype) for x in args]
        return tuple(args)

    def after(self, i, layer, args, output):
        self.by_place.pop(layer.weight.untyped_storage().data_ptr())
        del layer.weight

    def pack(self, x):
        entry = self.by_place.get(x.untyped_storage().data_ptr())
        if entry is None:
            return x
        if entry not in self.packed:
            self.packed.append(entry)
        return entry, x.size(), x.stride(), x.storage_offset()

    def unpack(self, packed):
        if isinstance(packed, torch.Tensor):
            return packed
        entry, *geometry = packed
        entry.start()
        i = self.packed.index(entry)
        for earlier in self.packed[max(i - self.early, 0) : i][::-1]:
            earlier.start()
        return entry.take().as_strided(*geometry)

    def replicated(self):
        shards = {id(entry.shard) for entry in self.entries}
        return [p for p in self.module.parameters() if id(p) not in shards and p.requires_grad]

    def finish_gradient_synchronization(self):
        for p in self.replicated():
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            p.grad = self.comm.all_reduce(gradient, "mean")

    @torch.no_grad()
    def full_weights(self):
        found = {}
        for name, p in self.module.named_parameters():
            found[name] = p.detach().clone()
        for name, layer in self.module.named_modules():
            for entry in self.entries:
                if entry.module is layer:
                    whole = self.comm.all_gather(entry.shard.detach())
                    place = f"{name}." if name else ""
                    del found[f"{place}weight_shard"]
                    found[f"{place}weight"] = whole[: entry.n].view(entry.shape)
        return {name: found[name] for name in self.names}


def fully_sharded(module, comm, compute_dtype=None):
    return FullySharded(module, comm, compute_dtype)
