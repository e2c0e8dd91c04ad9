import pytest
import torch

from lib.model.embedding import Embedding


def table():
    embedding = Embedding(4, 2, torch.float32)
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor([[0.0, 1], [10, 11], [20, 21], [30, 31]]))
    return embedding


def test_ids_pick_rows():
    ids = torch.tensor([[3, 0, 3]])
    assert table()(ids).tolist() == [[[30, 31], [0, 1], [30, 31]]]
    assert table()(torch.tensor(2)).tolist() == [20, 21]


def test_a_row_used_twice_gets_both_gradients():
    embedding = table()
    embedding(torch.tensor([3, 0, 3])).sum().backward()
    assert embedding.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0], [2, 2]]


@pytest.mark.parametrize("wrong", [4, -1])
def test_an_id_outside_is_explained(wrong):
    with pytest.raises(IndexError, match=r"rows 0 to 3, .* another vocabulary\?"):
        table()(torch.tensor([1, wrong]))
