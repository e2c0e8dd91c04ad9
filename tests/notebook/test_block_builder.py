"""The block builder: menus change drawing and numbers, and a still picture is left."""

import matplotlib.pyplot as plt
import pytest

from lib.model.config import ModelConfig, n_params
from lib.notebook.block_builder import block_builder, costs

SMALL = ModelConfig(1009, 64, 4, 48, 12, n_kv_heads=3, ff_width=96)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_menus_change_the_picture():
    shown = block_builder(SMALL, norms_stand="after, off the stream")
    assert "RMSNorm, after each sublayer" in shown.picture.value
    assert shown.picture.value in shown.static
    shown.controls["norm"].value = "LayerNorm"
    assert "LayerNorm, after each sublayer" in shown.picture.value
    assert "norm: LayerNorm</b>" in shown.picture.value
    assert plt.get_fignums() == []


def test_numbers_by_hand():
    # 2 numbers (key and value) of 2 bytes, 3 heads of width 4, 4 layers; half the layers see 16
    windows = ModelConfig(
        1009, 64, 4, 48, 12, n_kv_heads=3, ff_width=96, window=16, window_pattern="WF"
    )
    said = costs(SMALL, windows)
    assert f"{n_params(SMALL):,}" in said
    assert f">{2 * 2 * 3 * 4 * 4} B<" in said
    assert ">7.7 kB<" in said  # 48 bytes a layer, 2 layers of 64 tokens and 2 of 16
    assert ">0.625<" in said


def test_a_wrong_entry_is_told_the_right_ones():
    with pytest.raises(ValueError, match=r"'norm' has no entry 'batch'.*RMSNorm, LayerNorm"):
        block_builder(SMALL, norm="batch")
