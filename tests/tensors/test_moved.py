"""Bytes of eager operations, against counts by hand. Sizes are prime, so none can hide another."""

import torch
import torch.nn.functional as F

from lib.tensors.moved import EagerTraffic

M, N = 7, 11


def moved(fn, *tensors):
    with EagerTraffic() as traffic:
        fn(*tensors)
    return traffic.read // 4, traffic.written // 4  # in float32 numbers


def test_one_operation_reads_its_inputs_and_writes_its_result():
    x, y = torch.randn(M, N), torch.randn(M, N)
    assert moved(torch.exp, x) == (M * N, M * N)
    assert moved(torch.add, x, y) == (2 * M * N, M * N)
    assert moved(torch.mul, x, x) == (M * N, M * N)  # the same numbers twice are read once
    assert moved(torch.mul, x, torch.randn(M, 1)) == (M * N + M, M * N)
    assert moved(lambda x: x.sum(dim=1), x) == (M * N, M)
    assert moved(torch.matmul, x, y.T.contiguous()) == (2 * M * N, M * M)


def test_views_and_empty_tensors_move_nothing():
    x = torch.randn(M, N)
    assert moved(lambda x: x.T[:, None].expand(N, 5, M), x) == (0, 0)
    assert moved(torch.empty_like, x) == (0, 0)
    assert moved(lambda x: x[:3].exp(), x) == (3 * N, 3 * N)
    assert moved(lambda x: x[:1].expand(5, N).exp(), x) == (N, 5 * N)


def test_in_place_operations_read_and_write():
    x, out = torch.randn(M, N), torch.empty(M, N)
    assert moved(lambda x: x.mul_(2), x) == (M * N, M * N)
    assert moved(lambda x: torch.exp(x, out=out), x) == (M * N, M * N)


def test_operations_in_order_and_their_bytes():
    x = torch.randn(M, N, dtype=torch.bfloat16)
    with EagerTraffic() as traffic:
        F.gelu(x * 2)
    assert [(op.name, op.bytes) for op in traffic.operations] == [
        ("mul", 4 * M * N),
        ("gelu", 4 * M * N),
    ]
    assert traffic.bytes == 8 * M * N
