"""Maps over layers and steps: values where they belong, gaps where there are none."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.notebook.layer_map import layer_map

WORDS = {"title": "t", "scale": "gradient norm", "alt": "a"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_layers_go_up_and_steps_to_the_right():
    values = [[1.0, 2.0, 4.0], [8.0, 0.0, float("nan")]]
    (field,) = layer_map(values, steps=[0, 10, 40], **WORDS).collections
    edges = field.get_coordinates()
    assert edges[0, :, 0].tolist() == [-5, 5, 25, 55]
    assert edges[:, 0, 1].tolist() == [0.5, 1.5, 2.5]
    drawn = field.get_array()
    assert drawn[0].tolist() == [1, 2, 4]
    assert drawn.mask.tolist() == [[False] * 3, [False, True, True]]  # zero has no logarithm
    assert (field.norm.vmin, field.norm.vmax) == (1, 8)


def test_limits_make_maps_comparable():
    (field,) = layer_map(np.ones((2, 3)), limits=(0.1, 10), **WORDS).collections
    assert (field.norm.vmin, field.norm.vmax) == (0.1, 10)


def test_a_step_for_every_column():
    with pytest.raises(ValueError, match=r"shape \(2, 3\) and there are 2 steps"):
        layer_map(np.ones((2, 3)), steps=[1, 2], **WORDS)
