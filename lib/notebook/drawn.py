"""What a drawing function gave back, as HTML: the one rule behind `live` and `frames`."""

from typing import Any


def as_html(drawn: Any, alt: str) -> str:
    """A string is HTML already; a matplotlib figure becomes an image; `_repr_html_` is asked.

    `alt` describes a figure that does not describe itself. Figures are closed.
    """
    if isinstance(drawn, str):
        return drawn
    if hasattr(drawn, "savefig") or hasattr(drawn, "get_figure"):
        from lib.notebook.figures import alt_text, picture  # pyplot, only where it is in use anyway

        return picture(drawn, alt_text(drawn) or alt)
    html = drawn._repr_html_() if hasattr(drawn, "_repr_html_") else None
    if html is None:
        raise TypeError(
            f"The drawing function returned a {type(drawn).__name__}. Return a string of HTML, "
            "a matplotlib figure or axes, or an object with _repr_html_ (a forgotten `return`?)."
        )
    return html
