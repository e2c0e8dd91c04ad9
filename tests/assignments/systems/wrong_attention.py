"""Wrong answers to part 2: each with the test that must see it."""

import math

import torch
from reference import attention as right
from wrong_answers import wrong

from lib.kernels.language import cdiv, jit, tl
from systems.attention import attention, hidden


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"attention.{name}", caught_by=f"{file}::{test}")


wrong_flash = planted("flash_attention", "test_flash.py")
wrong_triton = planted("flash_attention_triton", "test_flash_triton.py")
wrong_graphs = planted("graphs", "test_compiling.py")


def made(forward=right.tiled, gradients=right.gradients, keep=None):
    """Flash attention with one of its parts replaced."""

    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v, is_causal):
            out, lse = forward(q, k, v, is_causal)
            saved = (q, k, v, out, lse)
            ctx.save_for_backward(*(keep(*saved, is_causal) if keep else saved))
            ctx.is_causal = is_causal
            return out

        @staticmethod
        def backward(ctx, grad):
            return *gradients(*ctx.saved_tensors, grad, ctx.is_causal), None

    return Spoilt.apply


def weights(q, k, is_causal):
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if is_causal:
        scores = scores.masked_fill(hidden(q.shape[1], k.shape[1], q.device), -math.inf)
    return scores.softmax(dim=-1)


@wrong_flash("test_exactly_the_log_sum_is_kept_beside_arguments_and_result")
def weights_are_kept(q, k, v, is_causal=False):
    keep = lambda q, k, v, out, lse, causal: (q, k, v, out, weights(q, k, causal))  # noqa: E731
    return made(keep=keep)(q, k, v, is_causal)


@wrong_flash("test_exactly_the_log_sum_is_kept_beside_arguments_and_result")
def maximum_and_sum_are_kept_apart(q, k, v, is_causal=False):
    keep = lambda q, k, v, out, lse, causal: (q, k, v, out, lse, lse.exp())  # noqa: E731
    return made(keep=keep)(q, k, v, is_causal)


@wrong_flash("test_exactly_the_log_sum_is_kept_beside_arguments_and_result")
def autograd_keeps_everything(q, k, v, is_causal=False):
    class Shown(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v):
            out = attention(q, k, v, is_causal)
            ctx.save_for_backward(q, k, v, out, weights(q, k, is_causal).logsumexp(dim=-1))
            return out

        @staticmethod
        def backward(ctx, grad):
            return None, None, None

    return Shown.apply(q, k, v)


@wrong_flash("test_the_matrix_of_scores_never_exists")
def all_scores_at_once(q, k, v, is_causal=False):
    def forward(q, k, v, is_causal):
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        if is_causal:
            scores = scores.masked_fill(hidden(q.shape[1], k.shape[1]), -math.inf)
        return scores.softmax(-1) @ v, scores.logsumexp(-1)

    return made(forward)(q, k, v, is_causal)


def tiled_with(change):
    """As the reference, where `change(m, new, shrink, scores)` decides what sums are scaled by."""

    def forward(q, k, v, is_causal):
        hide = hidden(q.shape[1], k.shape[1], q.device)
        m = q.new_full(q.shape[:2], -torch.inf)
        total, mixed = torch.zeros_like(m), torch.zeros_like(q)
        for start in range(0, k.shape[1], right.TILE):
            keys, values = k[:, start : start + right.TILE], v[:, start : start + right.TILE]
            scores = q @ keys.mT / math.sqrt(q.shape[-1])
            if is_causal:
                scores = scores.masked_fill(hide[:, start : start + right.TILE], -1e6)
            new = torch.maximum(m, scores.amax(dim=-1))
            shrink_sum, shrink_mixed = change((m - new).exp())
            p = (scores - new[..., None]).exp()
            total = total * shrink_sum + p.sum(dim=-1)
            mixed = mixed * shrink_mixed[..., None] + p @ values
            m = new
        return mixed / total[..., None], m + total.log()

    return forward


@wrong_flash("test_sums_are_corrected_when_a_larger_score_comes")
def old_sums_are_left_as_they_are(q, k, v, is_causal=False):
    forward = tiled_with(lambda shrink: (torch.ones_like(shrink), torch.ones_like(shrink)))
    return made(forward)(q, k, v, is_causal)


@wrong_flash("test_everybody_sees_everything")
def only_the_weights_are_corrected(q, k, v, is_causal=False):
    forward = tiled_with(lambda shrink: (shrink, torch.ones_like(shrink)))
    return made(forward)(q, k, v, is_causal)


@wrong_flash("test_nobody_looks_ahead")
def first_queries_instead_of_last(q, k, v, is_causal=False):
    if not is_causal:
        return right.flash_attention(q, k, v, is_causal)
    T = q.shape[1]
    below = torch.ones(T, k.shape[1], dtype=torch.bool).tril()
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~below, -math.inf)
    return scores.softmax(-1) @ v


@wrong_flash("test_nobody_looks_ahead")
def own_position_is_hidden(q, k, v, is_causal=False):
    if not is_causal:
        return right.flash_attention(q, k, v, is_causal)
    T, S = q.shape[1], k.shape[1]
    hide = torch.arange(S) >= torch.arange(S - T, S)[:, None]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hide, -1e6)
    return scores.softmax(-1) @ v


@wrong_flash("test_everybody_sees_everything")
def scores_are_not_scaled(q, k, v, is_causal=False):
    return right.flash_attention(q * math.sqrt(q.shape[-1]), k, v, is_causal)


@wrong_flash("test_everybody_sees_everything")
def last_tile_forgotten(q, k, v, is_causal=False):
    whole = k.shape[1] // right.TILE * right.TILE
    return right.flash_attention(q, k[:, :whole], v[:, :whole], False)


@wrong_flash("test_sums_are_kept_in_float32")
def sums_in_sixteen_bits(q, k, v, is_causal=False):
    return made(tiled_with(lambda shrink: (shrink, shrink)))(q, k, v, is_causal)


@wrong_flash("test_exactly_the_log_sum_is_kept_beside_arguments_and_result")
def log_of_the_sum_without_m(q, k, v, is_causal=False):
    def forward(q, k, v, is_causal):
        out, lse = right.tiled(q, k, v, is_causal)
        return out, lse - (q @ k.mT / math.sqrt(q.shape[-1])).amax(dim=-1)

    return made(forward)(q, k, v, is_causal)


# Backward


def gradients_with(change=lambda p, dp, d: p * (dp - d), mask=True, scale=True):
    def gradients(q, k, v, out, lse, grad, is_causal):
        factor = 1 / math.sqrt(q.shape[-1])
        p = (q @ k.mT * factor - lse[..., None]).exp()
        if is_causal and mask:
            p = p.masked_fill(hidden(q.shape[1], k.shape[1], q.device), 0)
        ds = change(p, grad @ v.mT, (out * grad).sum(dim=-1, keepdim=True))
        factor = factor if scale else 1.0
        return ds @ k * factor, ds.mT @ q * factor, p.mT @ grad

    return gradients


@wrong_flash("test_gradients_where_everybody_sees_everything")
def without_d(q, k, v, is_causal=False):
    return made(gradients=gradients_with(lambda p, dp, d: p * dp))(q, k, v, is_causal)


@wrong_flash("test_gradients_where_everybody_sees_everything")
def d_is_added(q, k, v, is_causal=False):
    return made(gradients=gradients_with(lambda p, dp, d: p * (dp + d)))(q, k, v, is_causal)


@wrong_flash("test_gradients_where_nobody_looks_ahead")
def hidden_keys_get_gradients(q, k, v, is_causal=False):
    return made(gradients=gradients_with(mask=False))(q, k, v, is_causal)


@wrong_flash("test_gradients_where_everybody_sees_everything")
def scale_forgotten_on_the_way_back(q, k, v, is_causal=False):
    return made(gradients=gradients_with(scale=False))(q, k, v, is_causal)


@wrong_flash("test_gradients_where_everybody_sees_everything")
def no_gradient_for_keys(q, k, v, is_causal=False):
    return right.flash_attention(q, k.detach(), v, is_causal)


# The kernel


@jit
def spoilt_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, T, S, scale,
    H: tl.constexpr, BLOCK: tl.constexpr, CAUSAL: tl.constexpr, FAULT: tl.constexpr,
):  # fmt: skip
    start, b = tl.program_id(0) * BLOCK, tl.program_id(1)
    i, h = tl.arange(0, BLOCK), tl.arange(0, H)
    rows = b * T + start + i
    q = tl.load(q_ptr + rows[:, None] * H + h[None, :])
    m = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    mixed = tl.zeros((BLOCK, H), tl.float32)
    offset = S - T
    if FAULT == "no offset":
        offset = 0
    last = S
    if CAUSAL and FAULT != "reads all":
        last = start + offset + BLOCK
    for first in range(0, last, BLOCK):
        keys = b * S + first + i
        if FAULT == "one sequence":
            keys = first + i
        k = tl.load(k_ptr + keys[:, None] * H + h[None, :])
        scores = tl.dot(q, k.T, input_precision="ieee") * scale
        if CAUSAL:
            seen = (first + i)[None, :] <= (start + offset + i)[:, None]
            scores = tl.where(seen, scores, -1e6)
        new = tl.maximum(m, tl.max(scores, axis=1))
        p = tl.exp(scores - new[:, None])
        shrink = tl.exp(m - new)
        if FAULT == "no correction":
            shrink = tl.where(m > -1e30, 1.0, 0.0)
        v = tl.load(v_ptr + keys[:, None] * H + h[None, :])
        total = total * shrink + tl.sum(p, axis=1)
        mixed = tl.dot(p.to(v.dtype), v, mixed * shrink[:, None], input_precision="ieee")
        if FAULT == "half sums":
            mixed = mixed.to(tl.bfloat16).to(tl.float32) * 0.98
        m = new
    out = mixed / total[:, None]
    tl.store(out_ptr + rows[:, None] * H + h[None, :], out.to(out_ptr.dtype.element_ty))
    if FAULT == "no sum":
        m = tl.zeros((BLOCK,), tl.float32)
    tl.store(lse_ptr + rows, m + tl.log(total))


def launched(fault):
    def forward(q, k, v, is_causal):
        (B, T, H), S = q.shape, k.shape[1]
        out, lse = torch.empty_like(q), torch.empty(B, T, dtype=torch.float32, device=q.device)
        grid = (cdiv(T, right.TILE), B)
        rest = {"H": H, "BLOCK": right.TILE, "CAUSAL": is_causal, "FAULT": fault}
        spoilt_kernel[grid](q, k, v, out, lse, T, S, 1 / math.sqrt(H), **rest)
        return out, lse

    return made(forward)


@wrong_triton("test_one_program_for_each_tile_of_queries")
def no_kernel_at_all(q, k, v, is_causal=False):
    return right.flash_attention(q, k, v, is_causal)


@wrong_triton("test_nobody_looks_ahead")
def kernel_without_offset(q, k, v, is_causal=False):
    return launched("no offset")(q, k, v, is_causal)


@wrong_triton("test_everybody_sees_everything")
def kernel_reads_the_first_sequence(q, k, v, is_causal=False):
    return launched("one sequence")(q, k, v, is_causal)


@wrong_triton("test_everybody_sees_everything")
def kernel_without_correction(q, k, v, is_causal=False):
    return launched("no correction")(q, k, v, is_causal)


@wrong_triton("test_hidden_tiles_are_not_read")
def kernel_reads_all_tiles(q, k, v, is_causal=False):
    return launched("reads all")(q, k, v, is_causal)


@wrong_triton("test_the_log_sum_is_written_too")
def kernel_writes_no_maximum(q, k, v, is_causal=False):
    return launched("no sum")(q, k, v, is_causal)


@wrong_triton("test_half_precision")
def kernel_sums_in_sixteen_bits(q, k, v, is_causal=False):
    return launched("half sums")(q, k, v, is_causal)


@wrong_triton("test_gradients")
def kernel_without_the_way_back(q, k, v, is_causal=False):
    out = right.flash_attention_triton(q, k, v, is_causal)
    return out.detach() + 0 * (q.sum() + k.sum() + v.sum())


# Compiling


def compiled(function, calls, count, reset=True, dynamic=False):
    counts = []

    def backend(module, inputs):
        counts.append(count(module.graph.nodes))
        return module.forward

    if reset:
        torch.compiler.reset()
    made = torch.compile(function, backend=backend, dynamic=dynamic)
    return counts, [made(*call) for call in calls]


def operations(nodes):
    return sum(node.op.startswith("call_") for node in nodes)


@wrong_graphs("test_a_straight_function_is_one_graph")
def arguments_count_too(function, *calls):
    return compiled(function, calls, len)


@wrong_graphs("test_other_shapes_make_other_graphs")
def graphs_for_all_shapes(function, *calls):
    return compiled(function, calls, operations, dynamic=True)


@wrong_graphs("test_what_was_compiled_before_is_forgotten")
def nothing_forgotten(function, *calls):
    return compiled(function, calls, operations, reset=False)


@wrong_graphs("test_a_straight_function_is_one_graph")
def compiled_for_every_call(function, *calls):
    found = [right.graphs(function, call) for call in calls]
    return [n for counts, _ in found for n in counts], [one for _, some in found for one in some]


@wrong_graphs("test_a_decision_about_numbers_cuts_the_graph")
def only_the_last_graph(function, *calls):
    counts, results = right.graphs(function, *calls)
    return counts[-1:], results
