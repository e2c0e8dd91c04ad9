"""Names written next to what they name, without covering each other."""

from collections.abc import Sequence
from numbers import Real

from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, BboxBase

from lib.notebook.colours import CARD, ink

GAP = 5  # points between a mark and its name
END = "name at the end of a line"


def name_end(ax: Axes, label: str, x: Real, y: Real, colour: str) -> Annotation:
    """Write a name to the right of a point, in the point's hue; `spread_ends` then makes room."""
    return ax.annotate(
        label,
        (x, y),
        xytext=(GAP, 0),
        textcoords="offset points",
        color=ink(colour),
        va="center",
        gid=END,
        annotation_clip=False,
        path_effects=[HALO],
    )


def spread_ends(ax: Axes) -> None:
    """Move names of lines up or down, as little as possible, until none covers another."""
    names = [text for text in ax.texts if text.get_gid() == END]
    if len(names) < 2:
        return
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()  # now the layout is known, and with it who is where
    pixels_per_point = figure.dpi / 72
    for name in names:
        name.set_position((GAP, 0))
    boxes = [name.get_window_extent() for name in names]
    for group in _columns(boxes):
        group.sort(key=lambda i: boxes[i].y0)
        wanted = [(boxes[i].y0 + boxes[i].y1) / 2 for i in group]
        for i, old, new in zip(group, wanted, apart(wanted, [boxes[i].height for i in group])):
            names[i].set_position((GAP, (new - old) / pixels_per_point))


def apart(wanted: list[Real], heights: list[Real]) -> list[Real]:
    """Places at least one height apart, near the wanted ones (ascending), in the same order.

    Names that collide form a block, centred where its members wanted to be on average.
    """
    blocks: list[tuple[list[Real], list[Real]]] = []
    for place, height in zip(wanted, heights):
        blocks.append(([place], [height]))
        while len(blocks) > 1 and _top(*blocks[-2]) > _bottom(*blocks[-1]):
            places, tall = blocks.pop()
            blocks[-1] = (blocks[-1][0] + places, blocks[-1][1] + tall)
    placed = []
    for places, tall in blocks:
        edge = _bottom(places, tall)
        for height in tall:
            placed.append(edge + height / 2)
            edge += height
    return placed


def place_around(
    ax: Axes, names: list[Annotation], others: Sequence[tuple[Real, Real]] = ()
) -> None:
    """Put each name right, left, above or below its point: the first side where nothing is.

    `others` are points without a name that names should not cover either.
    """
    ax.get_figure(root=True).draw_without_rendering()
    frame = ax.get_window_extent()
    points = [ax.transData.transform(place) for place in (*(n.xy for n in names), *others)]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in points]
    for name in names:
        best = min(SIDES, key=lambda side: _crowding(name, side, taken, frame))
        _set_side(name, best)
        taken.append(name.get_window_extent())


HALO = patheffects.withStroke(linewidth=2.5, foreground=CARD)
SIDES = (  # offset in points, horizontal and vertical alignment
    ((7, 0), "left", "center"),
    ((-7, 0), "right", "center"),
    ((0, 7), "center", "bottom"),
    ((0, -7), "center", "top"),
    ((5, 6), "left", "bottom"),
    ((5, -6), "left", "top"),
    ((-5, 6), "right", "bottom"),
    ((-5, -6), "right", "top"),
)
Side = tuple[tuple[int, int], str, str]


def _set_side(name: Annotation, side: Side) -> None:
    offset, horizontal, vertical = side
    name.set(position=offset, ha=horizontal, va=vertical)


def _crowding(name: Annotation, side: Side, taken: list[Bbox], frame: BboxBase) -> float:
    """Area of a name that something else covers, plus what sticks out of the frame."""
    _set_side(name, side)
    box = name.get_window_extent()
    inside = Bbox.intersection(box, frame)
    outside = box.width * box.height - (inside.width * inside.height if inside else 0)
    overlaps = (Bbox.intersection(box, other) for other in taken)
    return outside + sum(other.width * other.height for other in overlaps if other)


def _columns(boxes: list[Bbox]) -> list[list[int]]:
    """Groups of boxes that share some horizontal range: only these can collide."""
    groups: list[list[int]] = []
    edge = float("-inf")
    for i in sorted(range(len(boxes)), key=lambda i: boxes[i].x0):
        if boxes[i].x0 > edge:
            groups.append([])
        groups[-1].append(i)
        edge = max(edge, boxes[i].x1)
    return groups


def _bottom(places: list[Real], heights: list[Real]) -> float:
    """Lower edge of a block: the one that moves its members least."""
    edge, total = 0.0, 0.0
    for place, height in zip(places, heights):
        total += place - height / 2 - edge
        edge += height
    return total / len(places)


def _top(places: list[Real], heights: list[Real]) -> float:
    return _bottom(places, heights) + sum(heights)
