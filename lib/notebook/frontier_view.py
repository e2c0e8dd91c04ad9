"""A crawler's frontier as a picture: one row per host, with what is done, asked now, and waiting.

frontier_view(now, asked, done, waiting, free_at, title="After 7 requests")
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from lib.notebook.colours import BLUE, GREY, ORANGE, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, box, drawing, heading, words

LEFT, TOP, ROW, SIDE = 150, 66, 30, 13  # pixels
WIDTH, MOST = 760, 28  # squares in a row; more are written as a number


def frontier_view(
    now: float | int,
    asked: str,
    done: Sequence[str],
    waiting: Mapping[str, Sequence[str]],
    free_at: Mapping[str, float | int],
    *,
    title: str,
) -> Rendered:
    """`done` are addresses, `waiting` those of each host, `free_at` when it may be asked again."""
    hosts = list(dict.fromkeys([*map(host, done), *waiting, host(asked)]))
    parts = [heading(title, WIDTH)]
    legend = (("done", BLUE), ("asked now", ORANGE), ("waiting", PALE))
    for place, (name, fill) in enumerate(legend):
        x = LEFT + 110 * place
        parts.append(box(x, 38, SIDE - 2, SIDE - 2, fill=fill, edge=GREY))
        parts.append(words(x + 17, 48, name, 11, ink(GREY)))
    for row, name in enumerate(hosts):
        y = TOP + ROW * row
        parts.append(words(14, y + 14, name, 12, ink(ORANGE) if name == host(asked) else INK))
        fills = [BLUE for url in done if host(url) == name and url != asked]
        fills += [ORANGE] * (name == host(asked)) + [PALE] * len(waiting.get(name, ()))
        parts += squares(y, fills)
        said = "is asked" if name == host(asked) else patience(now, free_at.get(name))
        said = said if waiting.get(name) or name == host(asked) else "nothing left"
        parts.append(words(WIDTH - 12, y + 14, said, 11, ink(GREY), anchor="end"))
    alt = f"{title}: {asked} is asked for; {len(done)} addresses are done, " + ", ".join(
        f"{len(urls)} wait at {name}" for name, urls in waiting.items() if urls
    )
    height = TOP + ROW * len(hosts) + 6
    return Rendered(drawing(WIDTH, height, parts, alt=alt), f"[Drawing: {alt}.]")


def squares(y: float | int, fills: Sequence[str]) -> list[str]:
    """One square per address, and how many more there are."""
    parts = [
        box(LEFT + SIDE * place, y + 3, SIDE - 2, SIDE - 2, fill=fill, edge=GREY)
        for place, fill in enumerate(fills[:MOST])
    ]
    if len(fills) > MOST:
        more = f"+ {len(fills) - MOST:,}"
        parts.append(words(LEFT + SIDE * MOST + 5, y + 14, more, 11, ink(GREY)))
    return parts


def patience(now: float | int, free_at: float | int | None) -> str:
    """When a host may be asked again."""
    if free_at is None:
        return "never asked"
    return f"wait {free_at - now:.1f} s" if free_at > now + 0.05 else "may be asked"


def host(url: str) -> str:
    """The host of an address, without its common end."""
    return urlsplit(url).netloc if "//" in url else url
