"""What the kernels of matrices touch: nothing behind the ends, nothing twice by two programs."""

import pytest
import torch

from lib.kernels.accesses import races, record_accesses
from lib.kernels.cross_entropy import cross_entropy
from lib.kernels.int8_matmul import int8_matmul
from lib.kernels.language import interprets
from lib.kernels.matmul import add_product_op, matmul_op

pytestmark = pytest.mark.skipif(not interprets(), reason="only Triton's interpreter is recorded")


def test_products_stay_inside_and_apart(place):
    a, b, bias = torch.ones(67, 71), torch.ones(71, 131), torch.ones(131)
    with record_accesses(a=a, b=b, bias=bias) as trace:
        matmul_op(a, b, bias, "gelu", True)
        add_product_op(torch.zeros(67, 131), a, b)
    assert trace.bytes_written == {"out": 2 * 67 * 131 * 4, "before": 67 * 131 * 4}
    assert trace.bytes_read["bias"] == 2 * 131 * 4  # once for each row of tiles
    assert races(trace) == []


def test_shared_sums_stay_apart(place):
    x, weight = torch.ones(3, 1100).bfloat16(), torch.ones(67, 1100).to(torch.int8)
    scales = torch.ones(67)
    with record_accesses(x=x, weight=weight) as trace:
        int8_matmul(x, weight, scales)
    assert trace.bytes_written == {"out": 3 * 3 * 67 * 4}  # three parts of K
    assert races(trace) == []


@pytest.mark.parametrize("inplace", [False, True])
def test_rows_that_begin_anywhere(place, inplace):
    R, V = 5, 131
    logits = torch.zeros(R, V, dtype=torch.bfloat16, requires_grad=inplace)
    with record_accesses(logits=logits) as trace:
        cross_entropy(logits, torch.arange(R), inplace=inplace)
    walks = 2 if inplace else 1  # the second one for the gradient
    assert trace.bytes_read["logits"] == (walks * R * V + R) * 2  # and the target's once more
    assert trace.bytes_written["logits"] == (R * V * 2 if inplace else 0)
    assert races(trace) == []
