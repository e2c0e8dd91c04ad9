"""Wrong answers to part 3: each with the test that must see it.

What a rank runs is found there by import, so each function and class has a name of its own.
"""

import time

import numpy as np
import torch
from reference import parallel as right
from torch import nn
from wrong_answers import wrong


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"parallel.{name}", caught_by=f"{file}::{test}")


wrong_formula = planted("all_reduce_seconds", "test_communication.py")
wrong_fit = planted("fit", "test_communication.py")
wrong_measure = planted("measure", "test_communication.py")
wrong_broadcast = planted("broadcast_module", "test_ddp.py")
wrong_each = planted("reduce_each", "test_ddp.py")
wrong_flat = planted("reduce_flat", "test_ddp.py")
wrong_ddp = planted("data_parallel", "test_ddp_overlap.py")
wrong_sharded = planted("sharded_optimizer_of", "test_sharded_optimizer.py")
wrong_fsdp = planted("fully_sharded", "test_fsdp.py")


# What messages cost


@wrong_formula("test_the_formula")
def once_around(n_bytes, n_ranks, latency, bandwidth):
    return right.all_reduce_seconds(n_bytes, n_ranks, latency, bandwidth) / 2


@wrong_formula("test_the_formula")
def whole_tensor_in_every_step(n_bytes, n_ranks, latency, bandwidth):
    return 2 * (n_ranks - 1) * (latency + n_bytes / bandwidth)


@wrong_fit("test_small_messages_count_as_much_as_large_ones")
def seconds_squared(points):
    """Absolute distances: the largest message decides alone."""
    rows = np.array([[2 * (R - 1), 2 * (R - 1) / R * n] for n, R, _ in points])
    latency, slowness = np.linalg.lstsq(rows, np.array([t for *_, t in points]), rcond=None)[0]
    return abs(float(latency)), 1 / abs(float(slowness))


@wrong_fit("test_points_on_a_line_give_the_line")
def ranks_ignored(points):
    return right.fit([(n, 2, t) for n, _, t in points])


def measured(comm, sizes, repeats, clock, warm=True, barrier=True, slowest="max", middle=None):
    points = []
    for size in sizes:
        x, seconds = torch.zeros(size // 4), []
        if warm:
            comm.all_reduce(x)
        for _ in range(repeats):
            if barrier:
                comm.barrier()
            began = clock()
            comm.all_reduce(x)
            mine = torch.tensor(clock() - began, dtype=torch.float64)
            seconds.append(comm.all_reduce(mine, slowest).item())
        value = middle or torch.tensor(seconds).median().item.__call__
        points.append((size, comm.n_ranks, value(seconds) if middle else value()))
    return points


@wrong_measure("test_the_slowest_rank_and_the_median_count")
def own_seconds(comm, sizes, repeats=5, clock=time.perf_counter):
    return measured(comm, sizes, repeats, clock, slowest="min")


@wrong_measure("test_the_slowest_rank_and_the_median_count")
def mean_of_repeats(comm, sizes, repeats=5, clock=time.perf_counter):
    return measured(comm, sizes, repeats, clock, middle=lambda seconds: sum(seconds) / len(seconds))


@wrong_measure("test_the_slowest_rank_and_the_median_count")
def first_call_counts(comm, sizes, repeats=5, clock=time.perf_counter):
    return measured(comm, sizes, repeats, clock, warm=False)


@wrong_measure("test_what_is_sent")
def no_barrier(comm, sizes, repeats=5, clock=time.perf_counter):
    return measured(comm, sizes, repeats, clock, barrier=False)


@wrong_measure("test_what_is_sent")
def bytes_taken_for_numbers(comm, sizes, repeats=5, clock=time.perf_counter):
    return measured(comm, [4 * size for size in sizes], repeats, clock)


# Data parallelism


@wrong_broadcast("test_all_start_from_rank_0")
def nothing_is_broadcast(comm, module):
    pass


@wrong_broadcast("test_all_start_from_rank_0")
def no_buffers(comm, module):
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(comm.broadcast(p))


@wrong_broadcast("test_all_start_from_rank_0")
def trained_parameters_only(comm, module):
    with torch.no_grad():
        for x in (*right.trained(module), *module.buffers()):
            x.copy_(comm.broadcast(x))


@wrong_broadcast("test_steps_are_those_of_one_process")
def mean_of_all_starts(comm, module):
    with torch.no_grad():
        for x in (*module.parameters(), *module.buffers()):
            x.copy_(comm.all_reduce(x, "mean"))


@wrong_each("test_steps_are_those_of_one_process")
def sums(comm, module):
    for gradient in right.gradients(module):
        gradient.copy_(comm.all_reduce(gradient))


@wrong_each("test_three_ranks")
def always_two_ranks(comm, module):
    for gradient in right.gradients(module):
        gradient.copy_(comm.all_reduce(gradient) / min(comm.n_ranks, 2))


@wrong_each("test_steps_are_those_of_one_process")
def result_is_dropped(comm, module):
    for gradient in right.gradients(module):
        comm.all_reduce(gradient, "mean")


@wrong_each("test_one_message_for_each_parameter")
def shared_parameters_twice(comm, module):
    for _, p in module.named_parameters(remove_duplicate=False):
        if p.requires_grad:
            p.grad = comm.all_reduce(torch.zeros_like(p) if p.grad is None else p.grad, "mean")


@wrong_each("test_one_message_for_each_parameter")
def frozen_parameters_too(comm, module):
    for p in module.parameters():
        gradient = comm.all_reduce(torch.zeros_like(p) if p.grad is None else p.grad, "mean")
        p.grad = gradient if p.requires_grad else None


@wrong_each("test_one_message_for_each_parameter")
def one_flat_message(comm, module):
    right.reduce_flat(comm, module)


@wrong_each("test_shared_frozen_and_unused_parameters")
def no_gradient_where_there_was_none(comm, module):
    had = {p for p in module.parameters() if p.grad is not None}
    right.reduce_each(comm, module)
    for p in module.parameters():
        if p not in had:
            p.grad = None


@wrong_flat("test_there_is_a_single_message")
def several_messages(comm, module):
    right.reduce_each(comm, module)


@wrong_flat("test_flat_steps_are_those_of_one_process")
def flat_sums(comm, module):
    some = list(right.gradients(module))
    right.put(some, comm.all_reduce(right.together(some)))


@wrong_flat("test_flat_steps_are_those_of_one_process")
def transposed_on_the_way(comm, module):
    some = list(right.gradients(module))
    flat = torch.cat([x.T.flatten() if x.dim() == 2 else x.flatten() for x in some])
    right.put(some, comm.all_reduce(flat, "mean"))


@wrong_flat("test_each_dtype_has_its_message")
def all_in_one_type(comm, module):
    some = list(right.gradients(module))
    right.put(some, comm.all_reduce(torch.cat([x.float().flatten() for x in some]), "mean"))


@wrong_ddp("test_messages_start_while_gradients_are_still_on_their_way")
class AllAfterTheBackwardPass(right.DataParallel):
    """No overlap: the weights come out right."""

    def ready(self, p):
        pass


@wrong_ddp("test_messages_start_while_gradients_are_still_on_their_way")
class WaitsInTheHook(right.DataParallel):
    """Messages go early, but the backward pass stands still meanwhile."""

    def send(self, i):
        super().send(i)
        self.pending[i].wait()


@wrong_ddp("test_messages_start_while_gradients_are_still_on_their_way")
class OneLayerLate(right.DataParallel):
    """The last three gradients are sent when all is over."""

    def ready(self, p):
        if self.bucket_of[p] == 0:
            super().ready(p)


@wrong_ddp("test_the_wrapper_broadcasts")
class NothingBroadcast(right.DataParallel):
    def prepare(self):
        pass


@wrong_ddp("test_the_wrapper_broadcasts")
class FrozenNotBroadcast(right.DataParallel):
    def prepare(self):
        trained_parameters_only(self.comm, self.module)


@wrong_ddp("test_the_wrapper_broadcasts")
class BuffersNotBroadcast(right.DataParallel):
    def prepare(self):
        no_buffers(self.comm, self.module)


@wrong_ddp("test_steps_are_those_of_one_process")
class SumsOverRanks(right.DataParallel):
    def send(self, i):
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.buckets[i]]
        self.pending[i] = self.comm.start("all_reduce", right.together(grads))


@wrong_ddp("test_steps_are_those_of_one_process")
class OnlyTheFirstPass(right.DataParallel):
    """What was pending is never forgotten."""

    def begin(self):
        self.left = [set(bucket) for bucket in self.buckets]
        self.pending = getattr(self, "pending", {})

    def send(self, i):
        if i not in self.pending:
            super().send(i)


@wrong_ddp("test_shared_and_frozen_parameters")
class SharedTwice(nn.Module):
    """A hook for each name: what has two names is summed twice, in place, and divided once."""

    def __init__(self, module, comm, bucket_bytes=None):
        super().__init__()
        self.module, self.comm, self.pending = module, comm, []
        right.broadcast_module(comm, module)
        for _, p in module.named_parameters(remove_duplicate=False):
            if p.requires_grad:
                p.register_post_accumulate_grad_hook(self.ready)

    def ready(self, p):
        self.pending.append(self.comm.start("all_reduce", p.grad, in_place=True))

    def forward(self, *args):
        return self.module(*args)

    def finish_gradient_synchronization(self):
        for pending in self.pending:
            pending.wait()
        self.pending.clear()
        for p in right.trained(self.module):
            p.grad /= self.comm.n_ranks


@wrong_ddp("test_shared_and_frozen_parameters")
class FrozenGetTrained(right.DataParallel):
    """Everything is made to take part."""

    def prepare(self):
        super().prepare()
        self.module.requires_grad_(True)

    def finish_gradient_synchronization(self):
        super().finish_gradient_synchronization()
        with torch.no_grad():
            for name, p in self.module.named_parameters():
                if name.startswith("b."):
                    p.sub_(0.1 * p.grad)


@wrong_ddp("test_buckets_are_filled_from_the_end")
class BucketsFromTheFront(right.DataParallel):
    def filled(self, params, limit):
        return super().filled(params[::-1], limit)


@wrong_ddp("test_buckets_are_filled_from_the_end")
class LimitIgnored(right.DataParallel):
    def filled(self, params, limit):
        return super().filled(params, limit and 10**9)


@wrong_ddp("test_buckets_are_filled_from_the_end")
class FullWhenOver(right.DataParallel):
    """A bucket is closed after it has become too large, not before."""

    def filled(self, params, limit):
        buckets = [[]]
        for p in params:
            if sum(q.nbytes for q in buckets[-1]) >= (limit or 0) and buckets[-1]:
                buckets.append([])
            buckets[-1].append(p)
        return buckets


@wrong_ddp("test_buckets_are_filled_from_the_end")
class BucketsAtTheEnd(right.DataParallel):
    def ready(self, p):
        if not self.in_order:
            super().ready(p)


# Sharded state


@wrong_sharded("test_each_rank_keeps_its_part_of_the_state")
class KeepsAllState(right.ShardedOptimizer):
    """Every rank updates everything; what the owners send changes nothing any more."""

    def add_param_group(self, param_group):
        torch.optim.Optimizer.add_param_group(self, param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            self.choose(p)
        self.give(len(self.param_groups) - 1, dict(group))


@wrong_sharded("test_steps_are_those_of_the_whole_optimizer")
class NobodyTellsTheOthers(right.ShardedOptimizer):
    def share(self):
        pass


@wrong_sharded("test_steps_are_those_of_the_whole_optimizer")
class OnlyRankZeroTells(right.ShardedOptimizer):
    def share(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.comm.broadcast(p, root=0))


@wrong_sharded("test_parameters_that_come_later")
class LaterOnesIgnored(right.ShardedOptimizer):
    """add_param_group only writes down what it is given."""

    def add_param_group(self, param_group):
        if self.param_groups:
            torch.optim.Optimizer.add_param_group(self, param_group)
            for p in self.param_groups[-1]["params"]:
                self.choose(p)
        else:
            super().add_param_group(param_group)


@wrong_sharded("test_what_comes_later_is_shared_out_too")
class LaterOnesWhole(right.ShardedOptimizer):
    """What comes after the first group goes to every rank."""

    def add_param_group(self, param_group):
        if self.param_groups:
            KeepsAllState.add_param_group(self, param_group)
        else:
            super().add_param_group(param_group)


@wrong_sharded("test_groups_keep_their_settings")
class SettingsOfTheFirstGroup(right.ShardedOptimizer):
    def give(self, i, group):
        super().give(0, {**group, "lr": self.param_groups[0]["lr"]})
        self.inner_group = {0: self.param_groups[0]}


@wrong_sharded("test_a_schedule_changes_the_settings")
class SettingsOfTheBeginning(right.ShardedOptimizer):
    def step(self, closure=None):
        self.inner_group.clear()
        return super().step(closure)


@wrong_sharded("test_sizes_count_not_numbers_of_parameters")
class ByTurns(right.ShardedOptimizer):
    def choose(self, p):
        owner = len(self.owner) % self.comm.n_ranks
        self.owner[p] = owner
        return owner


@wrong_sharded("test_each_rank_keeps_its_part_of_the_state")
class AllToRankZero(right.ShardedOptimizer):
    def choose(self, p):
        self.owner[p] = 0
        return 0


@wrong_sharded("test_any_optimizer_class")
class AlwaysAdamW(right.ShardedOptimizer):
    def __init__(self, params, optimizer_class, comm, **settings):
        super().__init__(params, torch.optim.AdamW, comm, lr=settings["lr"])


@wrong_sharded("test_it_is_an_optimizer_for_all_parameters")
class ShowsItsOwn(right.ShardedOptimizer):
    def __init__(self, params, optimizer_class, comm, **settings):
        super().__init__(params, optimizer_class, comm, **settings)
        self.all = [p for group in self.param_groups for p in group["params"]]
        for group in self.param_groups:
            group["params"] = [p for p in group["params"] if self.owner[p] == comm.rank]

    def share(self):
        for p in self.all:
            p.copy_(self.comm.broadcast(p, root=self.owner[p]))


@wrong_sharded("test_it_is_an_optimizer_for_all_parameters")
class ClosureIgnored(right.ShardedOptimizer):
    def step(self, closure=None):
        return super().step()


# Fully sharded


@wrong_fsdp("test_linear_and_embedding_weights_are_sharded")
class ShardsNothing(nn.Module):
    """Data parallelism under another name: the weights come out right."""

    def __init__(self, module, comm, compute_dtype=None):
        super().__init__()
        self.module, self.comm = module, comm
        right.broadcast_module(comm, module)

    def forward(self, *args):
        return self.module(*args)

    def finish_gradient_synchronization(self):
        right.reduce_each(self.comm, self.module)

    def full_weights(self):
        return {name: p.detach() for name, p in self.module.named_parameters()}


@wrong_fsdp("test_linear_and_embedding_weights_are_sharded")
class EmbeddingWhole(right.FullySharded):
    def __init__(self, module, comm, compute_dtype=None):
        embedding = module.embedding
        module.embedding = nn.Identity()
        super().__init__(module, comm, compute_dtype)
        module.embedding = embedding


@wrong_fsdp("test_a_rank_holds_its_shards")
class KeepsACopy(right.FullySharded):
    """Shards for the optimizer, and the whole weights beside them."""

    def __init__(self, module, comm, compute_dtype=None):
        copies = [p.detach().clone() for p in module.parameters()]
        super().__init__(module, comm, compute_dtype)
        self.copies = copies


@wrong_fsdp("test_a_rank_holds_its_shards")
class ShardsAreViews(right.FullySharded):
    """A slice looks small and holds the whole."""

    def entry(self, layer):
        class View(right.Entry):
            @staticmethod
            def padded(flat, length):
                View.whole = nn.functional.pad(flat, (0, length - flat.numel()))
                return View.whole

        made = View(layer, self.comm, self.compute_dtype)
        n = made.shard.numel()
        made.shard.data = View.whole[self.comm.rank * n : (self.comm.rank + 1) * n]
        del View.whole
        return made


@wrong_fsdp("test_weights_are_freed_after_use")
class NeverFrees(right.FullySharded):
    def after(self, i, layer, args, output):
        self.held = [*getattr(self, "held", []), layer.weight]
        super().after(i, layer, args, output)


@wrong_fsdp("test_weights_are_freed_after_use")
class KeptForTheWayBack(right.FullySharded):
    """Not gathered again: autograd keeps every weight."""

    def pack(self, x):
        return x


@wrong_fsdp("test_weights_are_freed_after_use")
class WholeGradientsKept(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)
        reduced, made.held = made.reduced, []

        def and_hold(gradient):
            made.held.append(gradient.clone())
            return reduced(gradient)

        made.reduced = and_hold
        return made


@wrong_fsdp("test_the_next_layer_is_on_its_way_and_no_more_than_two")
class EverythingAtOnce(right.FullySharded):
    early = 1000


@wrong_fsdp("test_the_next_layer_is_on_its_way_and_no_more_than_two")
class NothingEarly(right.FullySharded):
    early = 0


@wrong_fsdp("test_the_next_layer_is_on_its_way_and_no_more_than_two")
class ThreeLayersEarly(right.FullySharded):
    early = 3


@wrong_fsdp("test_the_compute_dtype_travels_and_masters_stay")
class CastAfterTheMessage(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)

        def start():
            if made.pending is None:
                made.pending = self.comm.start("all_gather", made.shard.detach())

        def take():
            start()
            flat, made.pending = made.pending.wait(), None
            return flat.to(made.dtype)

        made.start, made.take = start, take
        return made


@wrong_fsdp("test_the_compute_dtype_travels_and_masters_stay")
class GradientsTravelInFull(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)
        reduced = made.reduced
        made.reduced = lambda gradient: reduced(gradient.float())
        return made


@wrong_fsdp("test_the_compute_dtype_travels_and_masters_stay")
class MastersInHalf(right.FullySharded):
    def __init__(self, module, comm, compute_dtype=None):
        super().__init__(module.to(compute_dtype or torch.float64), comm, compute_dtype)


@wrong_fsdp("test_small_steps_are_not_lost")
class MastersRounded(right.FullySharded):
    """The shards are float32 and hold what bfloat16 can tell apart."""

    def forward(self, *args, **kwargs):
        if self.compute_dtype is not None:
            for entry in self.entries:
                entry.shard.data = entry.shard.data.to(self.compute_dtype).float()
        return super().forward(*args, **kwargs)


@wrong_fsdp("test_small_steps_are_not_lost")
class GradientsOfShardsLost(right.FullySharded):
    def finish_gradient_synchronization(self):
        super().finish_gradient_synchronization()
        if self.compute_dtype is not None:
            for entry in self.entries:
                entry.shard.grad.zero_()


@wrong_fsdp("test_gradients_of_shards_are_reduce_scattered")
class AllReducedAndCut(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)

        def reduced(gradient):
            n = made.shard.numel()
            flat = made.padded(gradient.flatten(), n * self.comm.n_ranks)
            whole = self.comm.all_reduce(flat, "mean")
            return whole[self.comm.rank * n : (self.comm.rank + 1) * n].to(made.shard.dtype)

        made.reduced = reduced
        return made


@wrong_fsdp("test_steps_are_those_of_one_process")
class SumsOfShards(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)
        reduced = made.reduced
        made.reduced = lambda gradient: reduced(gradient) * self.comm.n_ranks
        return made


@wrong_fsdp("test_steps_are_those_of_one_process")
class NormsOnTheirOwn(right.FullySharded):
    def finish_gradient_synchronization(self):
        pass


@wrong_fsdp("test_gradients_of_two_passes_add_up")
class LastPassOnly(right.FullySharded):
    def forward(self, *args, **kwargs):
        for entry in self.entries:
            entry.shard.grad = None
        return super().forward(*args, **kwargs)


@wrong_fsdp("test_all_start_from_rank_0")
class EachItsOwnStart(right.FullySharded):
    def __init__(self, module, comm, compute_dtype=None):
        torch.manual_seed(comm.rank)
        before = [p.detach().clone() for p in module.parameters()]
        super().__init__(module, comm, compute_dtype)
        n = comm.n_ranks
        for entry, weight in zip(self.entries, (w for w in before if w.dim() == 2)):
            part = entry.shard.numel()
            flat = entry.padded(weight.flatten(), part * n)
            entry.shard.data.copy_(flat[comm.rank * part : (comm.rank + 1) * part])


@wrong_fsdp("test_weights_are_gathered_forward_and_where_needed_backward")
class GatheredTwice(right.FullySharded):
    def entry(self, layer):
        made = super().entry(layer)
        take = made.take

        def twice():
            take()
            return take()

        made.take = twice
        return made
