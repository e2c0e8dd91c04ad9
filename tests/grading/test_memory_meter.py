"""Bytes alive, against what can be counted by hand."""

import gc

import torch

from lib.grading.memory_meter import MemoryMeter

KIB = torch.zeros(256).nbytes


def test_peak_and_rest_are_counted_by_hand():
    with MemoryMeter() as meter:
        a = torch.zeros(256)
        b = a + 1
        del a
        c = b * 2
        assert meter.live == 2 * KIB
        del b, c
        assert meter.live == 0
    assert (meter.peak, meter.largest) == (2 * KIB, KIB)


def test_views_count_once_and_keep_the_whole_alive():
    with MemoryMeter() as meter:
        a = torch.zeros(4, 256)
        row = a[1].view(16, 16).T
        assert meter.live == 4 * KIB
        del a
        assert meter.live == 4 * KIB and row.numel() == 256


def test_what_was_there_before_does_not_count():
    x, w = torch.zeros(256), torch.ones(256, requires_grad=True)
    with MemoryMeter(x, w) as meter:
        x.add_(1)
        x[:5].mul_(2)
        assert meter.live == 0
        y = x * w
        assert meter.live == KIB and y.numel() == 256
    with MemoryMeter() as meter:
        x.add_(1)
        assert meter.live == 0, "an argument that comes back is nothing new"


def test_what_autograd_keeps_is_alive():
    w = torch.ones(256, requires_grad=True)
    with MemoryMeter(w) as meter:
        loss = w.exp().exp().sum()
        assert meter.live == 2 * KIB + 4
        loss.backward()
        del loss
        gc.collect()
        assert meter.live == KIB, "the gradient"


def test_a_storage_that_was_shrunk_is_free():
    with MemoryMeter() as meter:
        a = torch.zeros(256)
        a.untyped_storage().resize_(0)
        assert meter.live == 0


def test_tensors_without_numbers_count_as_if_they_had_some():
    with MemoryMeter() as meter:
        a = torch.zeros(1 << 40, device="meta")
        assert meter.live == a.nbytes == 4 << 40
