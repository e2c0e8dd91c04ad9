"""Memory by recipe: the numbers that everybody should be able to work out on a napkin."""

import pytest

from lib.tensors.memory import RECIPES, Recipe, largest_model, training_state


def test_the_recipes():
    per_param = {name: recipe.bytes_per_param for name, recipe in RECIPES.items()}
    assert per_param["fp32 adam"] == 4 + 4 + 4 + 4
    assert per_param["bf16 + fp32 moments"] == 2 + 2 + 4 + 4
    assert per_param["bf16 + fp32 master"] == 2 + 2 + 4 + 4 + 4
    assert per_param["fp32 sgd"] == 8


def test_the_largest_model_on_eight_devices_of_80_gb():
    assert largest_model(8 * 80e9, "fp32 adam") == 40e9
    assert largest_model(8 * 80e9, "bf16 + fp32 moments") == pytest.approx(53.3e9, rel=1e-3)
    assert largest_model(8 * 80e9, "bf16 + fp32 master") == 40e9


def test_the_parts_of_a_state():
    assert training_state(7e9, "fp32 adam") == {
        "parameters": 28e9,
        "gradients": 28e9,
        "optimizer": 56e9,
        "master copy": 0,
    }
    own = training_state(10, Recipe(params=1, grads=2, optimizer=0.5, master=4))
    assert list(own.values()) == [10, 20, 5, 40]


def test_a_toy():
    """Two square layers and a column of width 4, two examples, AdaGrad: 36 parameters."""
    activations = 2 * 2 * 4 * 4  # examples, layers, width, bytes
    assert sum(training_state(36, "fp32 momentum").values()) + activations == 496


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(ValueError, match="no recipe 'adam': there are fp32 sgd, fp32 momentum"):
        largest_model(1e9, "adam")
