"""Masks: small ones by hand, the reach of many against products of matrices."""

import pytest
import torch

from lib.model.attention import causal_mask
from lib.model.config import ModelConfig
from lib.notebook.masks import (
    document_mask,
    inputs_seen,
    keys_seen,
    layer_masks,
    reach,
    strided_mask,
)


def drawn(mask) -> list[str]:
    return ["".join(".#"[seen] for seen in row) for row in mask.tolist()]


def config(**choices):
    return ModelConfig(vocab_size=7, context=31, n_layers=5, width=6, n_heads=3, **choices)


def test_strided_by_hand():
    assert drawn(strided_mask(5, 2)) == ["#....", "##...", "###..", ".###.", "#.###"]


def test_documents_by_hand():
    assert drawn(document_mask([2, 3])) == ["#....", "##...", "..#..", "..##.", "..###"]


def test_layers_follow_the_pattern():
    masks = layer_masks(config(window=3, window_pattern="WWF"), 7)
    assert [max(keys_seen(mask)) for mask in masks] == [3, 3, 7, 3, 3]
    assert torch.equal(masks[2], causal_mask(7))
    assert keys_seen(masks[0]) == [1, 2, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("n_layers", [1, 3, 5])
def test_windows_reach_layers_times_window(window, n_layers):
    masks = layer_masks(config(window=window), 29)[:n_layers]
    assert inputs_seen(masks) == 1 + n_layers * (window - 1)  # each layer adds window - 1


def test_reach_is_a_product_of_the_masks():
    generator = torch.Generator().manual_seed(0)
    T = 11
    masks = [
        causal_mask(T) & (torch.rand(T, T, generator=generator) < 0.2) | torch.eye(T).bool()
        for _ in range(3)
    ]
    product = masks[2].double() @ masks[1].double() @ masks[0].double()  # counts paths
    assert torch.equal(reach(masks)[0], product[-1] > 0)
    assert reach(masks)[-1].tolist() == [False] * (T - 1) + [True]


def test_the_stream_carries_a_position_along_that_does_not_look_at_itself():
    blind = torch.zeros(3, 3, dtype=torch.bool)
    assert reach([blind]).tolist() == [[False, False, True]] * 2
