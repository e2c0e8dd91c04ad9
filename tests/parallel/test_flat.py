"""Tensors end to end, and what each rank has of them, worked out by hand."""

import pytest
import torch
from torch import nn

from lib.parallel.buckets import make_buckets
from lib.parallel.flat import FlatLayout, Piece, flattened


def test_two_tensors_on_two_ranks():
    """[a b c d e] and [f g h i 0]: the matrix is cut in its last row."""
    layout = FlatLayout([(2, 3), (3,)], n_ranks=2)
    assert (layout.part, layout.total) == (5, 10)
    assert layout.pieces(0) == [Piece(0, 0, 5, 0), Piece(1, 0, 0, 0)]
    assert layout.pieces(1) == [Piece(0, 5, 6, 0), Piece(1, 0, 3, 1)]
    weight, bias = torch.arange(1.0, 7.0).view(2, 3), torch.tensor([7.0, 8.0, 9.0])
    flat = flattened([weight, bias], layout, weight)
    assert flat.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert layout.part_of(flat, 1).tolist() == [6, 7, 8, 9, 0]
    layout.views(flat)[0][1, 2] = 60
    assert flat[5] == 60  # views, not copies
    assert flattened([None, bias], layout, weight).tolist() == [0] * 6 + [7, 8, 9, 0]


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5, 7])
def test_pieces_cover_everything_once(n_ranks):
    shapes = [(3, 5), (), (0,), (7,), (2, 2, 2)]
    layout = FlatLayout(shapes, n_ranks)
    tensors = [torch.randn(shape) for shape in shapes]
    flat = flattened(tensors, layout, tensors[0])
    for i, tensor in enumerate(tensors):
        found = [
            layout.part_of(flat, rank)[piece.at : piece.at + piece.numel]
            for rank in range(n_ranks)
            for piece in layout.pieces(rank)
            if piece.tensor == i
        ]
        assert torch.equal(torch.cat(found), tensor.flatten())
    assert 31 <= layout.total < 31 + n_ranks


def test_buckets_are_filled_from_the_back_by_kind():
    """Of 40, 8, 20 and 12 bytes: the last one alone, as it should leave early; halves apart."""
    shapes = {"a": (10,), "b": (2,), "c": (5,), "d": (3,)}
    named = [(name, nn.Parameter(torch.zeros(shape))) for name, shape in shapes.items()]
    named.append(("half", nn.Parameter(torch.zeros(9, dtype=torch.bfloat16))))
    named.append(("again", named[0][1]))
    named.append(("frozen", nn.Parameter(torch.zeros(99), requires_grad=False)))
    buckets = make_buckets(named, bucket_bytes=28, first_bytes=12)
    assert [bucket.names for bucket in buckets] == [["half"], ["d", "c"], ["b", "a"]]
    assert [bucket.n_bytes for bucket in buckets] == [18, 32, 48]
    assert [b.names for b in make_buckets(named[:4], 28, 12)] == [["d"], ["c", "b"], ["a"]]
    assert [b.names for b in make_buckets(named[:4], 1)] == [["d"], ["c"], ["b"], ["a"]]
