"""Ranks in a grid: places by hand, as PyTorch's device mesh has them, and who is in which group."""

import pytest
import torch
from torch.distributed.device_mesh import init_device_mesh

from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.mesh import Grid, Mesh
from lib.parallel.simulated import simulate


def test_the_example_of_the_module():
    grid = Grid(dp=2, tp=4)
    assert grid.n_ranks == 8 and grid.coordinates(6) == {"dp": 1, "tp": 2}
    assert grid.groups("tp") == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert grid.groups("dp") == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert grid.rank_at(dp=1, tp=2) == 6 and grid.rank_at(dp=1) == 4
    assert repr(grid) == "Grid(dp=2, tp=4)"


def test_groups_of_several_axes_and_of_none():
    grid = Grid(dp=2, cp=1, pp=3, tp=2)
    assert grid.groups("dp", "tp") == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    assert grid.groups("tp", "dp") == grid.groups("dp", "tp")
    assert grid.groups("cp") == grid.groups() == [[rank] for rank in range(12)]
    assert grid.groups("dp", "cp", "pp", "tp") == [list(range(12))]
    assert [rank for rank, place in grid.table() if grid.rank_at(**place) != rank] == []
    assert [place for _, place in grid.table()] == [grid.coordinates(r) for r in range(12)]


def test_the_innermost_axis_stays_inside_a_node():
    """Two nodes of eight: tp last does not leave its node, tp first does."""
    inner, outer = Grid(dp=2, tp=8), Grid(tp=8, dp=2)
    assert inner.nodes_of("tp", per_node=8) == 1 and inner.nodes_of("dp", per_node=8) == 2
    assert outer.nodes_of("tp", per_node=8) == 2 and outer.nodes_of("dp", per_node=8) == 1
    assert Grid(dp=4, tp=4).nodes_of("dp", "tp", per_node=8) == 2


def sums(comm):
    mesh, mine = Mesh(comm, dp=2, cp=1, tp=2), torch.tensor([10**comm.rank])
    comms = [mesh["tp"], mesh["dp"], mesh["cp"], mesh["cp", "dp"], mesh["dp", "cp", "tp"]]
    assert mesh["dp", "cp"] is comms[3] and mesh["tp"] is comms[0]
    assert mesh.along("pp", "tp") is comms[0] and mesh.along("pp").n_ranks == 1
    return mesh.coordinates, [c.all_reduce(mine).item() for c in comms]


@pytest.mark.parametrize("run", [simulate, launch])
def test_comms_reach_their_group_and_nobody_else(run):
    assert run(sums, 4) == [
        ({"dp": 0, "cp": 0, "tp": 0}, [11, 101, 1, 101, 1111]),
        ({"dp": 0, "cp": 0, "tp": 1}, [11, 1010, 10, 1010, 1111]),
        ({"dp": 1, "cp": 0, "tp": 0}, [1100, 101, 100, 101, 1111]),
        ({"dp": 1, "cp": 0, "tp": 1}, [1100, 1010, 1000, 1010, 1111]),
    ]


def both(comm):
    sizes = {"dp": 2, "tp": 2}
    ours = Mesh(comm, **sizes)
    theirs = init_device_mesh("cpu", tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    groups = [theirs[axis].mesh.tolist() for axis in sizes]
    mine = [next(g for g in ours.grid.groups(axis) if comm.rank in g) for axis in sizes]
    ranks = [theirs[axis].get_local_rank() for axis in sizes]
    return (
        list(ours.coordinates.values()) == list(theirs.get_coordinate()),
        mine == groups,
        [ours[axis].rank for axis in sizes] == ranks,
    )


def test_pytorchs_device_mesh_has_the_same_places():
    assert launch(both, 4) == [(True, True, True)] * 4


@pytest.mark.parametrize(
    ("sizes", "axis", "words"),
    [
        ({"dp": 2, "tp": 4}, "tp", "dp 2 x tp 4 makes 8 places, and there are 2 ranks"),
        ({"dp": 2}, "tp", "no axis 'tp' here, only dp.*1 if nothing is cut that way"),
        ({"dp": 2, "tp": 0}, "tp", "tp counts ranks: a whole number from 1 up, not 0"),
        ({}, "tp", "nothing makes 1 places"),
    ],
)
def test_what_is_not_there_is_named(sizes, axis, words):
    with pytest.raises(RankError, match=words):
        simulate(lambda comm: Mesh(comm, **sizes)[axis], 2)
