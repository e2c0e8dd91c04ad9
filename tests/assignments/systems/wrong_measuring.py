"""Wrong answers to part 1: each with the test that must see it."""

import statistics
import time
from functools import partial

import torch
import torch.nn.functional as F
from reference import measuring as right
from torch.utils.checkpoint import checkpoint
from wrong_answers import wrong

from systems.model import loss_of


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"measuring.{name}", caught_by=f"{file}::{test}")


wrong_time_runs = planted("time_runs", "test_benchmark.py")
wrong_mean_and_sd = planted("mean_and_sd", "test_benchmark.py")
wrong_run_once = planted("run_once", "test_benchmark.py")
wrong_benchmark = planted("benchmark", "test_benchmark.py")
wrong_operations = planted("operations", "test_profiling.py")
wrong_types = planted("types_inside", "test_mixed_precision.py")
wrong_saved = planted("saved_tensors", "test_memory.py")
wrong_segments = planted("in_segments", "test_checkpointing.py")
wrong_recursive = planted("recursive", "test_checkpointing.py")


# Timing


@wrong_time_runs("test_every_run_is_measured_to_its_end")
def nobody_waits_for_the_device(run, warmups, repeats, synchronize, clock):
    return right.time_runs(run, warmups, repeats, lambda: None, clock)


@wrong_time_runs("test_every_run_is_measured_to_its_end")
def clock_read_before_the_wait(run, warmups, repeats, synchronize, clock):
    seconds = []
    for _ in range(warmups):
        run()
    for _ in range(repeats):
        synchronize()
        began = clock()
        run()
        seconds.append(clock() - began)
    synchronize()
    return seconds


def _timed(run, repeats, synchronize, clock):
    seconds = []
    for _ in range(repeats):
        began = clock()
        run()
        synchronize()
        seconds.append(clock() - began)
    return seconds


@wrong_time_runs("test_warm_ups_are_not_measured")
def warm_ups_that_do_not_wait(run, warmups, repeats, synchronize, clock):
    for _ in range(warmups):
        run()
    return _timed(run, repeats, synchronize, clock)


@wrong_time_runs("test_warm_ups_are_not_measured")
def no_warm_ups(run, warmups, repeats, synchronize, clock):
    return _timed(run, repeats, synchronize, clock)


@wrong_time_runs("test_warm_ups_are_not_measured")
def warm_ups_are_measured(run, warmups, repeats, synchronize, clock):
    return _timed(run, warmups + repeats, synchronize, clock)


@wrong_time_runs("test_every_run_is_measured_to_its_end")
def one_mean_for_all(run, warmups, repeats, synchronize, clock):
    for _ in range(warmups):
        run()
    synchronize()
    began = clock()
    for _ in range(repeats):
        run()
    synchronize()
    return [(clock() - began) / repeats] * repeats


@wrong_mean_and_sd("test_mean_and_sample_deviation")
def deviation_of_a_population(seconds):
    return statistics.fmean(seconds), statistics.pstdev(seconds)


@wrong_run_once("test_forward_backward_makes_gradients_and_changes_nothing")
def gradients_add_up(model, optimizer, ids, targets, what):
    if what == "forward":
        right.run_once(model, optimizer, ids, targets, what)
        return
    loss_of(model, ids, targets).backward()
    if what == "step":
        optimizer.step()


@wrong_run_once("test_forward_is_forward_alone")
def forward_with_a_graph(model, optimizer, ids, targets, what):
    if what == "forward":
        loss_of(model, ids, targets)
    else:
        right.run_once(model, optimizer, ids, targets, what)


@wrong_run_once("test_forward_backward_makes_gradients_and_changes_nothing")
def always_a_whole_step(model, optimizer, ids, targets, what):
    right.run_once(model, optimizer, ids, targets, "forward" if what == "forward" else "step")


@wrong_run_once("test_a_step_is_all_of_it")
def no_step_of_the_optimizer(model, optimizer, ids, targets, what):
    what = "forward_backward" if what == "step" else what
    right.run_once(model, optimizer, ids, targets, what)


@wrong_run_once("test_an_unknown_word_is_refused")
def unknown_is_forward(model, optimizer, ids, targets, what):
    known = what in ("forward", "forward_backward", "step")
    right.run_once(model, optimizer, ids, targets, what if known else "forward")


@wrong_benchmark("test_all_together")
def warm_ups_forgotten(
    model, optimizer, ids, targets, what, warmups=5, repeats=10, synchronize=int, clock=None
):
    run = partial(right.run_once, model, optimizer, ids, targets, what)
    clock = clock or time.perf_counter
    return right.mean_and_sd(right.time_runs(run, 0, repeats, synchronize, clock))


# Profile, types, memory


@wrong_operations("test_time_is_an_operations_own")
def time_with_those_it_calls(run):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        run()
    rows = [right.Row(e.key, e.count, e.cpu_time_total / 1e6) for e in profiler.key_averages()]
    return sorted(rows, key=lambda row: -row.seconds)


@wrong_operations("test_run_is_called_once")
def warmed_up_first(run):
    run()
    return right.operations(run)


@wrong_operations("test_each_name_has_one_row_and_the_dearest_comes_first")
def most_frequent_first(run):
    return sorted(right.operations(run), key=lambda row: (-row.calls, row.seconds))


@wrong_operations("test_operations_are_counted")
def one_call_of_each(run):
    return [row._replace(calls=1) for row in right.operations(run)]


@wrong_types("test_types_of_a_model_with_one_layer_of_each_kind")
def loss_outside_of_autocast(model, x, targets, dtype):
    found = right.types_inside(model, x, targets, dtype)
    with torch.autocast(x.device.type, dtype=dtype):
        logits = model(x)
    return found | {"loss": F.cross_entropy(logits, targets).dtype}


@wrong_types("test_types_of_a_model_with_one_layer_of_each_kind")
def model_cast_instead(model, x, targets, dtype):
    return dict.fromkeys(right.types_inside(model, x, targets, dtype), dtype)


@wrong_types("test_no_hook_stays_behind")
def hooks_stay(model, x, targets, dtype):
    for module in model.modules():
        module.register_forward_hook(lambda *about: None)
    return right.types_inside(model, x, targets, dtype)


@wrong_types("test_modules_inside_modules_and_logits_of_another_type")
def only_the_first_level(model, x, targets, dtype):
    found = right.types_inside(model, x, targets, dtype)
    return {key: kind for key, kind in found.items() if not key.startswith("output:body.")}


def kept(run, parameters, key, size):
    """As the reference, with another idea of what is the same and how large it is."""
    left_out, found, held = {key(p) for p in parameters}, {}, []

    def note(x):
        held.append(x)
        if key(x) not in left_out and key(x) not in found:
            found[key(x)] = right.Saved(size(x), tuple(x.shape), x.dtype)
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        run()
    return sorted(found.values(), key=lambda saved: -saved.n_bytes)


@wrong_saved("test_one_piece_of_memory_counts_once")
def every_operation_counts(run, parameters):
    return kept(run, parameters, id, lambda x: x.untyped_storage().nbytes())


@wrong_saved("test_parameters_are_not_counted")
def parameters_count_too(run, parameters):
    return right.saved_tensors(run, [])


@wrong_saved("test_parameters_are_not_counted")
def views_of_parameters_count(run, parameters):
    return kept(run, parameters, id, lambda x: x.nbytes)


@wrong_saved("test_the_largest_comes_first_and_views_count_with_their_storage")
def only_the_part_that_is_seen(run, parameters):
    return kept(run, parameters, lambda x: id(x.untyped_storage()), lambda x: x.nbytes)


@wrong_saved("test_the_largest_comes_first_and_views_count_with_their_storage")
def in_the_order_of_operations(run, parameters):
    return sorted(right.saved_tensors(run, parameters), key=lambda saved: saved.n_bytes)


# Checkpointing


@wrong_segments("test_segments_keep_what_enters_them")
def nothing_is_computed_again(blocks, x, size):
    return right._in_order(blocks, x)


@wrong_segments("test_segments_keep_what_enters_them")
def every_block_its_own_segment(blocks, x, size):
    return right.in_segments(blocks, x, 1)


@wrong_segments("test_segments_keep_what_enters_them")
def one_segment(blocks, x, size):
    return right.in_segments(blocks, x, len(blocks))


@wrong_segments("test_every_block_of_a_segment_runs_twice")
def a_checkpoint_around_each_block_too(blocks, x, size):
    inside = [partial(checkpoint, block, use_reentrant=False) for block in blocks]
    return right.in_segments(inside, x, size)


@wrong_segments("test_segments_compute_the_same")
def last_segment_dropped(blocks, x, size):
    return right.in_segments(blocks[: len(blocks) // size * size], x, size)


@wrong_recursive("test_recursion_needs_one_block_and_a_few_boundaries")
def one_level(blocks, x):
    return right.in_segments(blocks, x, 1)


@wrong_recursive("test_recursion_needs_one_block_and_a_few_boundaries")
def halves_that_keep_their_boundaries(blocks, x):
    if len(blocks) == 1:
        return checkpoint(blocks[0], x, use_reentrant=False)
    half = len(blocks) // 2
    return halves_that_keep_their_boundaries(
        blocks[half:], halves_that_keep_their_boundaries(blocks[:half], x)
    )


@wrong_recursive("test_recursion_runs_each_block_a_few_times")
def all_from_the_start_for_every_block(blocks, x):
    if len(blocks) == 1:
        return checkpoint(blocks[0], x, use_reentrant=False)
    x = checkpoint(partial(all_from_the_start_for_every_block, blocks[:-1]), x, use_reentrant=False)
    return checkpoint(blocks[-1], x, use_reentrant=False)
