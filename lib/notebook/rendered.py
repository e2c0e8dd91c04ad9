"""One thing to look at, as HTML for a notebook and as text for everything else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rendered:
    """What `display` shows: the HTML in a notebook, the text in a terminal, a test or a diff."""

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html
