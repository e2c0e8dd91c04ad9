"""Meshes: the groups of every axis, the links they need, and the drawing that shows them."""

import pytest

from lib.notebook.mesh_view import describe, mesh_slider, mesh_view
from lib.parallel.layout import Layout
from lib.parallel.mesh import Grid

SIZES = {"pp": 2, "dp": 3, "tp": 4}


def test_groups_are_those_of_a_layout():
    """A Layout says size and stride of the groups that a Grid lists."""
    layout = Layout(dp=3, tp=4, pp=2)
    for axis, kind in {"tp": "tensor", "dp": "data", "pp": "pipeline"}.items():
        size, stride = layout.group(kind)
        first = Grid(**SIZES).groups(axis)[0]
        assert len(first) == size and first[1] - first[0] == stride


def test_links_depend_on_the_order_of_the_axes():
    assert describe({"dp": 4, "tp": 8}, "tp") == "8 GPUs inside a node, by NVLink"
    assert describe({"tp": 8, "dp": 4}, "tp") == "8 GPUs over 4 nodes, by the network"


def test_the_drawing_has_every_gpu_and_the_links_of_one_group():
    drawing = mesh_view(SIZES, show="tp", node_size=4, note="fast")
    assert drawing.html.count("<path") == 4  # a ring of four
    assert all(f">{gpu}</text>" in drawing.html for gpu in range(24)) and ">fast<" in drawing.html
    assert 'stroke-dasharray="6 4"' not in drawing.html
    across = mesh_view(SIZES, show="pp", node_size=4).html
    assert across.count("<path") == 1 and 'stroke-dasharray="6 4"' in across


def test_a_slider_over_all_axes():
    page = mesh_slider({"dp": 2, "cp": 1, "tp": 2}, node_size=2, notes={"dp": "slow"}).html
    assert "tensor groups" in page and "context groups" not in page and "slow" in page


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="no groups along 'cp'"):
        mesh_view(SIZES, show="cp")
    with pytest.raises(ValueError, match="128 GPUs are too many"):
        mesh_view({"dp": 16, "tp": 8}, show="tp")
    with pytest.raises(ValueError, match="at least one GPU"):
        mesh_view(SIZES, show="tp", node_size=0)
