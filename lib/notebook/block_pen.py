"""Boxes, lines and arrows of a block's drawing, in inches, so that text fits its box.

A Pen collects them, because the size of the figure is known only when all have their place.
"""

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Patch, Rectangle

from lib.notebook.block_parts import Part
from lib.notebook.colours import CARD, CONCEPTS, GREY, SLATE, ink

ROW, LINE, HEADS = 0.3, 0.155, 0.72  # heights: of a box, a line of its details, a box with heads
GAP, TURN = 0.12, 0.16  # lengths of the arrows between boxes, and of those into a column
Point = tuple[float, float]
Look = dict[str, object]


class Pen:
    """What was drawn so far. Without `details` boxes carry their names only."""

    def __init__(self, details: bool) -> None:
        self.details = details
        self.shapes: list[Patch] = []
        self.texts: list[tuple[float, float, str, Look]] = []
        self.lines: list[tuple[list[float], list[float], Look]] = []
        self.arrows: list[tuple[Point, Point]] = []

    def box(self, left: float, y: float, width: float, part: Part, beside: bool = False) -> float:
        """Returns the height of its top; `beside` writes the details right of the box."""
        details = part.detail.split("\n") if part.detail and self.details else []
        inside = [] if beside else details
        with_heads = self.details and part.heads is not None
        height = HEADS if with_heads else ROW + LINE * len(inside)
        colour = CONCEPTS.get(part.concept, GREY)
        look = {"boxstyle": "round,pad=0,rounding_size=0.05", "zorder": 3, "linewidth": 1.3}
        look |= {"facecolor": tint(colour), "edgecolor": colour}
        self.shapes.append(FancyBboxPatch((left, y), width, height, **look))
        look = {"color": ink(colour, tint(colour)), "fontsize": 9.5}
        if with_heads:
            self.heads(left, y + height, width, part, look)
            return y + height
        line = y + height - ROW / 2
        self.text(left + width / 2, line, part.name, **look)
        for i, detail in enumerate(inside, start=1):
            self.text(left + width / 2, line - 0.02 - LINE * i, detail)
        if beside and details:
            text = "\n".join([details[0], " · ".join(details[1:])]).strip()
            self.text(left + width + 0.1, y + height / 2, text, ha="left", linespacing=1.15)
        return y + height

    def heads(self, left: float, top: float, width: float, part: Part, look: Look) -> None:
        """Query heads as a row of cells, and below them the key/value heads they share."""
        N, K, H = part.heads or (0, 0, 0)
        start, room = left + 0.28, width - 1.02
        self.text(left + width / 2, top - 0.13, f"{part.name}, {part.detail}", **look)
        for i, (row, n) in enumerate({"Q": N, "K": K, "V": K}.items()):
            middle, cell = top - 0.32 - 0.145 * i, room / n
            self.text(left + 0.15, middle, row, color=look["color"])
            gap = min(0.012, 0.2 * cell)
            shade = CONCEPTS["attention"] if row == "Q" else ink(CONCEPTS["attention"])
            for j in range(n):
                corner = (start + j * cell + gap / 2, middle - 0.045)
                look_of_cell = {"facecolor": shade, "linewidth": 0, "zorder": 5}
                self.shapes.append(Rectangle(corner, cell - gap, 0.09, **look_of_cell))
            self.text(left + width - 0.08, middle, f"{n} × {H}", ha="right")

    def text(self, x: float, y: float, text: str, **look: object) -> None:
        """Centred small print, unless `look` says otherwise."""
        usual = {"ha": "center", "va": "center", "fontsize": 8, "zorder": 5}
        self.texts.append((x, y, text, usual | look))

    def stream(self, x: float, bottom: float, top: float) -> None:
        """The thick line that all parts read from and write to."""
        look = {"linewidth": 3, "marker": "^", "markersize": 9, "markevery": [1], "zorder": 1}
        self.lines.append(([x, x], [bottom, top - 0.05], look))

    def line(self, *points: Point) -> None:
        """From point to point."""
        xs, ys = zip(*points)
        self.lines.append((list(xs), list(ys), {"linewidth": 1.3, "zorder": 1}))

    def arrow(self, *points: Point) -> None:
        """A line whose last piece ends in an arrow head."""
        if len(points) > 2:
            self.line(*points[:-1])
        self.arrows.append((points[-2], points[-1]))

    def plus(self, x: float, y: float) -> None:
        """Where something is added to the stream."""
        self.shapes.append(Circle((x, y), 0.1, facecolor=CARD, edgecolor=SLATE, zorder=4))
        self.text(x, y - 0.005, "+", fontsize=12)

    def frame(self, left: float, bottom: float, right: float, top: float, name: str) -> None:
        """A dashed line around what is repeated."""
        look = {"facecolor": "none", "edgecolor": GREY, "linestyle": (0, (3, 3)), "linewidth": 1}
        self.shapes.append(Rectangle((left, bottom), right - left, top - bottom, **look))
        look = {"fontsize": 9, "ha": "right", "va": "bottom", "color": ink(GREY)}
        self.text(right, top + 0.03, name, **look)

    def put(self, ax: Axes, width: float, height: float) -> None:
        """Draw everything on axes of this size."""
        for xs, ys, look in self.lines:
            ax.plot(xs, ys, color=SLATE, solid_capstyle="butt", **look)
        for shape in self.shapes:
            ax.add_patch(shape)
        head = {"arrowstyle": "-|>,head_width=0.16,head_length=0.28", "color": SLATE}
        for start, end in self.arrows:
            look = {**head, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", end, start, arrowprops=look, zorder=2)
        for x, y, text, look in self.texts:
            ax.text(x, y, text, **look).set_in_layout(False)
        ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        ax.set_axis_off()


def tint(colour: str, share: float = 0.16) -> str:
    """A pale ground of the same hue."""
    mixed = [
        round(share * int(colour[i : i + 2], 16) + (1 - share) * int(CARD[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in mixed)
