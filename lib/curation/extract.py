"""From the bytes of a page to its main text.

Five ways, from the naive one to what pipelines use. All take decoded HTML and give text; `extract`
does the decoding, and saves the formulas, before.
"""

import re
from collections.abc import Callable
from html import unescape

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding

from lib.corpora.encodings import Decoded, decode
from lib.curation.density import density_text
from lib.curation.formulas import formulas_as_dollars
from lib.curation.html_blocks import blocks

TAGS = re.compile(r"<[^<>]*>")


def strip_tags(page: str) -> str:
    """What everybody writes first. Scripts and styles stay, words of neighbours grow together."""
    return unescape(TAGS.sub("", page))


def visible_text(page: str) -> str:
    """Everything that a reader would see, menus and all: about what WET files hold."""
    return "\n".join(block.text for block in blocks(page))


def resiliparse_text(page: str) -> str:
    """Resiliparse: rules about tags, classes and links, in compiled code (DCLM uses it)."""
    return extract_plain_text(page, main_content=True, alt_texts=False, links=False)


def trafilatura_text(page: str) -> str:
    """Trafilatura: many more rules, much slower (RefinedWeb and FineWeb use it).

    Gives "" where it finds no text. Raises RuntimeError where the package is missing.
    """
    try:
        import trafilatura
    except ImportError as error:
        raise RuntimeError(
            "Trafilatura is not installed here: pip install trafilatura lxml_html_clean, "
            "or choose another method."
        ) from error
    return trafilatura.extract(page, include_comments=False, favor_precision=True) or ""


METHODS: dict[str, Callable[[str], str]] = {
    "strip": strip_tags,
    "visible": visible_text,
    "density": density_text,
    "resiliparse": resiliparse_text,
    "trafilatura": trafilatura_text,
}


def to_text(body: bytes, content_type: str = "") -> Decoded:
    """Bytes to text: as the page says, else as Resiliparse guesses from the bytes."""
    return decode(body, content_type, detect_encoding)


def extract(body: bytes, content_type: str = "", method: str = "resiliparse") -> str:
    """The main text of a page, with its formulas as $LaTeX$. Never fails, whatever the bytes."""
    if method not in METHODS:
        raise ValueError(f"The methods are {sorted(METHODS)}, and not {method!r}.")
    page = formulas_as_dollars(to_text(body, content_type).text)
    return METHODS[method](page.replace("\0", "")).strip()
