"""Kernels of the cross-entropy: a row of logits is read once, and may be turned into its gradient.

A program takes one row, BLOCK logits at a time, with a running maximum and a running sum: what the
sum has so far is scaled down when a larger logit turns up (arXiv 1805.02867). Then the loss is
log Z - logit(target), and a second walk, over memory that the L2 cache still holds, can write the
gradient in the logits' place: softmax minus one at the target.

A GPU loads 16 bytes at once only from multiples of 16, and rows of 50257 logits of two bytes start
anywhere. So a row is taken apart: an aligned body, and up to 7 logits at either edge.

Letters: R rows, V vocabulary.
"""

from lib.kernels.language import jit, next_power_of_2, tl

# Exponentials and logarithms of base 2 are what a GPU has: logits are multiplied by log2(e) first.
LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


def launch(V: int) -> dict[str, int]:
    """16 logits per thread: two loads of 16 bytes, and as many under way for the next block.

    With 64 registers per thread a multiprocessor has room for two rows: one computes while the
    other waits for memory.
    """
    block = min(8192, max(128, next_power_of_2(V)))
    return {"BLOCK": block, "num_warps": max(1, block // 512), "maxnreg": 64}


@jit
def row_parts(begin, V):
    """Of a row from element `begin` on: where its 16 bytes begin, and the rest counted from there.

    Returns (aligned, first, body, end, last): the row's elements are aligned + [first, last), those
    of its body aligned + [body, end), with body and end multiples of 8.
    """
    aligned = begin // 8 * 8
    first = (begin - aligned).to(tl.int32)
    last = first + V
    body = (first + 7) // 8 * 8
    end = tl.maximum(last // 8 * 8, body)  # a row of 7 may have no body
    return aligned, first, body, end, last


@jit
def edge_places(first, body, end, last):
    """The up to 7 elements before the body and the up to 7 after it, in one tile of 16."""
    lanes = tl.arange(0, 16)
    places = tl.where(lanes < 8, first + lanes, end + lanes - 8)
    inside = places < tl.where(lanes < 8, tl.minimum(body, last), last)
    return places, inside


@jit
def row_log_z(row_ptr, first, body, end, last, BLOCK: tl.constexpr):
    """log of the sum of exp(logit) over a row, in one walk."""
    lanes = tl.arange(0, BLOCK)
    block = tl.load(row_ptr + body + lanes, mask=body + lanes < end, other=-float("inf"))
    at, inside = edge_places(first, body, end, last)
    edges = tl.load(row_ptr + at, mask=inside, other=-float("inf")).to(tl.float32) * LOG2_E
    largest = tl.max(edges)
    finite = tl.where(largest == -float("inf"), 0.0, largest)  # -inf - -inf would be NaN
    edge_sum = tl.sum(tl.exp2(edges - finite))
    sums = tl.zeros((BLOCK,), dtype=tl.float32)  # one per lane: added up once, at the end
    for start in range(body, end, BLOCK):
        logits = block.to(tl.float32) * LOG2_E
        coming = start + BLOCK + lanes  # under way while this block is worked on
        block = tl.load(row_ptr + coming, mask=coming < end, other=-float("inf"))
        larger = tl.maximum(largest, tl.max(logits))
        finite = tl.where(larger == -float("inf"), 0.0, larger)
        shrink = tl.exp2(largest - finite)
        sums = sums * shrink + tl.exp2(logits - finite)
        edge_sum *= shrink
        largest = larger
    return (finite + tl.log2(tl.sum(sums) + edge_sum)) * LN_2


@jit
def gradient_of(logits, places, log_z, target, share, z_slope):
    """share * (softmax * z_slope - [this is the target])."""
    softmax = tl.exp2((logits.to(tl.float32) - log_z) * LOG2_E)
    return share * (softmax * z_slope - tl.where(places == target, 1.0, 0.0))


@jit
def write_gradient(
    row_ptr, out_ptr, first, body, end, last, log_z, target, share, z_loss, BLOCK: tl.constexpr
):
    """The gradient of a row to `out_ptr`, which may be `row_ptr`; target counted from there."""
    z_slope = 1 + 2 * z_loss * log_z
    at, inside = edge_places(first, body, end, last)
    edges = tl.load(row_ptr + at, mask=inside, other=0.0)
    at_edges = gradient_of(edges, at, log_z, target, share, z_slope)
    tl.store(out_ptr + at, at_edges, mask=inside)

    lanes = tl.arange(0, BLOCK)
    block = tl.load(row_ptr + body + lanes, mask=body + lanes < end, other=0.0)
    for start in range(body, end, BLOCK):
        logits, places, coming = block, start + lanes, start + BLOCK + lanes
        block = tl.load(row_ptr + coming, mask=coming < end, other=0.0)
        gradient = gradient_of(logits, places, log_z, target, share, z_slope)
        tl.store(out_ptr + places, gradient, mask=places < end)


@jit
def write_zeros(out_ptr, first, body, end, last, BLOCK: tl.constexpr):
    """The gradient of a row that does not count."""
    at, inside = edge_places(first, body, end, last)
    tl.store(out_ptr + at, tl.zeros((16,), dtype=tl.float32), mask=inside)
    lanes = tl.arange(0, BLOCK)
    for start in range(body, end, BLOCK):
        places = start + lanes
        tl.store(out_ptr + places, tl.zeros((BLOCK,), dtype=tl.float32), mask=places < end)


@jit
def cross_entropy_kernel(
    logits_ptr,
    targets_ptr,
    share_ptr,  # what the gradient is multiplied by, one number
    losses_ptr,
    log_z_ptr,
    row_stride,
    V,
    ignore_index,
    z_loss,
    GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The loss of a row and its log Z; with GRADIENT also its gradient, over the logits."""
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(targets_ptr + row)
    aligned, first, body, end, last = row_parts(row * row_stride, V)
    row_ptr = logits_ptr + aligned
    if target == ignore_index:
        tl.store(losses_ptr + row, 0.0)
        tl.store(log_z_ptr + row, 0.0)
        if GRADIENT:
            write_zeros(row_ptr, first, body, end, last, BLOCK)
    else:
        known = (target >= 0) & (target < V)
        place = tl.where(known, target, 0).to(tl.int32) + first
        chosen = tl.load(row_ptr + place).to(tl.float32)
        log_z = row_log_z(row_ptr, first, body, end, last, BLOCK)
        loss = log_z - chosen + z_loss * log_z * log_z
        tl.store(losses_ptr + row, tl.where(known, loss, float("nan")))
        tl.store(log_z_ptr + row, log_z)
        if GRADIENT:
            share = tl.load(share_ptr)
            write_gradient(
                row_ptr, row_ptr, first, body, end, last, log_z, place, share, z_loss, BLOCK
            )


@jit
def cross_entropy_backward_kernel(
    logits_ptr, targets_ptr, log_z_ptr, grad_ptr, out_ptr, row_stride, grad_stride, V,
    ignore_index, z_loss,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """The gradient of a row from its logits and log Z; `out` is laid out as the logits are."""
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(targets_ptr + row)
    aligned, first, body, end, last = row_parts(row * row_stride, V)
    if target == ignore_index:
        write_zeros(out_ptr + aligned, first, body, end, last, BLOCK)
    else:
        share = tl.load(grad_ptr + row * grad_stride).to(tl.float32)
        log_z = tl.load(log_z_ptr + row)
        place = target.to(tl.int32) + first
        write_gradient(
            logits_ptr + aligned,
            out_ptr + aligned,
            first,
            body,
            end,
            last,
            log_z,
            place,
            share,
            z_loss,
            BLOCK,
        )
