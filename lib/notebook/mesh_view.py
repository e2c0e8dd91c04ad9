"""GPUs in their nodes, and who talks to whom along one axis of a mesh, over which kind of link.

    mesh_view({"pp": 2, "dp": 2, "tp": 8}, show="tp")           the last axis are the neighbours
    mesh_slider({"pp": 2, "dp": 2, "tp": 8})                    every axis, on a slider

GPUs of one colour are one group. The links of the first group are drawn: solid inside a node, where
all are joined by NVLink, dashed between nodes, where there is a network.
"""

from collections.abc import Mapping
from math import hypot, prod

from lib.notebook.colours import CYCLE, RED, TEAL, ink
from lib.notebook.frames import frames
from lib.notebook.rendered import Rendered
from lib.notebook.svg import PALE, RULE, box, drawing, heading, words
from lib.parallel.mesh import Grid

CHIP, GAP, EDGE = 48, 8, 14  # pixels
MOST = 64

Point = tuple[float | int, float | int]

AXES = {"dp": "data", "pp": "pipeline", "tp": "tensor", "cp": "context", "ep": "expert"}


def mesh_view(
    sizes: Mapping[str, int], *, show: str, node_size: int = 8, note: str = "", alt: str = ""
) -> Rendered:
    """The whole mesh with the groups of one axis; `note` is written below, a cost for example."""
    _check(sizes, show, node_size)
    n = prod(sizes.values())
    grid = Grid(**sizes)
    groups = grid.groups(show)
    colour_of = {gpu: CYCLE[i % len(CYCLE)] for i, group in enumerate(groups) for gpu in group}
    places = _places(n, node_size)
    said = describe(sizes, show, node_size)
    n_nodes = -(-n // node_size)
    columns = min(4, n_nodes) if node_size <= 4 else min(2, n_nodes)
    width = max(520, EDGE + columns * (_node_width(node_size) + EDGE))
    rows = -(-n_nodes // columns)
    bottom = 54 + rows * (_node_height(node_size) + EDGE)
    drawn = [heading(f"{AXES.get(show, show)} groups: {said}", width)]
    drawn += _nodes(n, node_size)
    drawn += _links(groups[0], places, node_size)
    for gpu, (x, y) in places.items():
        drawn += _chip(gpu, x, y, colour_of[gpu], grid.coordinates(gpu), gpu in groups[0])
    drawn.append(words(EDGE, bottom + 4, note or _legend(sizes), 11.5))
    alt = alt or f"{n} GPUs in {n_nodes} nodes. {AXES.get(show, show)} groups: {said}. {note}"
    return Rendered(drawing(width, bottom + 18, drawn, alt=alt), f"[Drawing: {alt}]")


def mesh_slider(
    sizes: Mapping[str, int], node_size: int = 8, notes: Mapping[str, str] | None = None
) -> Rendered:
    """All axes of more than one, the innermost first."""
    axes = [axis for axis in reversed(sizes) if sizes[axis] > 1]
    return frames(
        axes,
        lambda axis: mesh_view(
            sizes, show=axis, node_size=node_size, note=(notes or {}).get(axis, "")
        ),
        label=lambda axis: f"{AXES.get(axis, axis)} groups",
        alt="GPUs in nodes, coloured by the groups of one axis after the other, and their links.",
    )


def describe(sizes: Mapping[str, int], axis: str, node_size: int = 8) -> str:
    """How many GPUs a group has, and which links it needs, in words."""
    grid = Grid(**sizes)
    n_nodes = grid.nodes_of(axis, per_node=node_size)
    where = "inside a node, by NVLink" if n_nodes == 1 else f"over {n_nodes} nodes, by the network"
    return f"{sizes[axis]} GPUs {where}"


def _node_columns(node_size: int) -> int:
    return 4 if node_size > 4 else min(2, node_size)


def _node_width(node_size: int) -> int:
    return _node_columns(node_size) * (CHIP + GAP) + GAP


def _node_height(node_size: int) -> int:
    return -(-node_size // _node_columns(node_size)) * (CHIP + GAP) + GAP + 16


def _corner(node: int, n_nodes: int, node_size: int) -> tuple[int, int]:
    columns = min(4, n_nodes) if node_size <= 4 else min(2, n_nodes)
    row, column = divmod(node, columns)
    x = EDGE + column * (_node_width(node_size) + EDGE)
    return x, 40 + row * (_node_height(node_size) + EDGE)


def _places(n: int, node_size: int) -> dict[int, tuple[int, int]]:
    n_nodes, columns = -(-n // node_size), _node_columns(node_size)
    found = {}
    for gpu in range(n):
        x, y = _corner(gpu // node_size, n_nodes, node_size)
        row, column = divmod(gpu % node_size, columns)
        found[gpu] = (x + GAP + column * (CHIP + GAP), y + 18 + row * (CHIP + GAP))
    return found


def _nodes(n: int, node_size: int) -> list[str]:
    drawn, n_nodes = [], -(-n // node_size)
    for node in range(n_nodes):
        x, y = _corner(node, n_nodes, node_size)
        size = (_node_width(node_size), _node_height(node_size))
        drawn.append(box(x, y, *size, fill=PALE, edge=RULE, rx=6))
        drawn.append(words(x + GAP, y + 13, f"node {node}", 10.5))
    return drawn


def _chip(
    gpu: int, x: int, y: int, colour: str, where: Mapping[str, int], is_first: bool
) -> list[str]:
    """Three axes at most stand in a chip, each with its first letter."""
    look = {"fill_opacity": 0.6, "stroke_width": 3} if is_first else {"fill_opacity": 0.25}
    said = " ".join(f"{axis[0]}{place}" for axis, place in list(where.items())[-3:])
    return [
        box(x, y, CHIP, CHIP, fill=colour, edge=ink(colour), rx=4, **look),
        words(x + CHIP / 2, y + 20, str(gpu), 12, anchor="middle", font_weight="bold"),
        words(x + CHIP / 2, y + 36, said, 8.5, anchor="middle"),
    ]


def _links(group: list[int], places: Mapping[int, tuple[int, int]], node_size: int) -> list[str]:
    """A ring through the group."""
    drawn, middle = [], CHIP / 2
    group = sorted(group, key=lambda gpu: _snake(gpu, node_size))
    pairs = list(zip(group, group[1:] + group[:1])) if len(group) > 2 else [tuple(group)]
    for one, other in pairs:
        begin, end = ((x + middle, y + middle) for x, y in (places[one], places[other]))
        drawn.append(_bow(begin, end, one // node_size == other // node_size))
    return drawn


def _bow(begin: Point, end: Point, inside: bool) -> str:
    """A bent line: straight ones would run through GPUs of other groups, and over each other."""
    (x, y), (to_x, to_y) = begin, end
    far = hypot(to_x - x, to_y - y)
    bend = (12 + 0.14 * far) / far
    middle = (x + to_x) / 2 + bend * (to_y - y), (y + to_y) / 2 - bend * (to_x - x)
    colour, width, dashes = (TEAL, 5, "none") if inside else (RED, 2.5, "6 4")
    way = f"M{x:.0f} {y:.0f} Q{middle[0]:.0f} {middle[1]:.0f} {to_x:.0f} {to_y:.0f}"
    look = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"'
    return f'<path d="{way}" fill="none" {look}/>'


def _snake(gpu: int, node_size: int) -> tuple[int, int, int]:
    """A way through the GPUs of a node that crosses nothing: to the right, and back below."""
    node, place = divmod(gpu, node_size)
    row, column = divmod(place, _node_columns(node_size))
    return node, row, -column if row % 2 else column


def _legend(sizes: Mapping[str, int]) -> str:
    names = ", ".join(f"{axis[0]} {AXES.get(axis, axis)}" for axis in sizes)
    return f"In each GPU its number and its place: {names}."


def _check(sizes: Mapping[str, int], show: str, node_size: int) -> None:
    n = prod(sizes.values())
    if show not in sizes or sizes[show] < 2:
        raise ValueError(f"There are no groups along {show!r}: the axes are {dict(sizes)}.")
    if n > MOST:
        raise ValueError(f"{n} GPUs are too many to draw, {MOST} are the most: take smaller axes.")
    if node_size < 1:
        raise ValueError(f"A node has at least one GPU, not {node_size}.")
