"""The text of a PDF file: paragraphs out of lines out of characters with positions.

A PDF says where each character stands, and nothing about words, lines or reading order. pypdf
guesses lines; here they are joined to paragraphs, words that were cut at a line's end are mended,
and lines that stand on most pages (heads, page numbers) are dropped. Scanned pages have no text.
"""

import io
import re
from collections import Counter

DIGITS = re.compile(r"\d+")


def pdf_text(content: bytes) -> str:
    """Main text of a PDF; "" where it has none. Raises ValueError for what is no PDF."""
    return pages_text(pdf_pages(content))


def pdf_pages(content: bytes) -> list[str]:
    """The lines of every page, as pypdf finds them. Needs the package pypdf."""
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise RuntimeError("pypdf is not installed here: pip install pypdf.") from error
    try:
        return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # it has many kinds of them for broken files
        raise ValueError(f"This is no PDF that can be read ({error}).") from error


def shapes(page: str) -> list[str]:
    """The lines of a page with 0 for every number: heads and page numbers then look alike."""
    return [DIGITS.sub("0", line.strip()) for line in page.split("\n")]


def pages_text(pages: list[str]) -> str:
    """Pages of lines to one text of paragraphs."""
    seen = Counter(shape for page in pages for shape in set(shapes(page)))
    often = {shape for shape, n in seen.items() if shape and n > max(1, len(pages) // 2)}
    lines = [line.strip() for page in pages for line in page.split("\n")]
    kept = [line for line in lines if DIGITS.sub("0", line) not in often]
    paragraphs, current = [], ""
    longest = max(map(len, kept), default=0)
    for line in kept:
        if current.endswith("-") and line[:1].islower():
            current = current[:-1] + line
        else:
            current = f"{current} {line}".strip()
        # A line that ends a sentence well before the margin ends a paragraph, too.
        if not line or (line[-1] in ".!?:”" and len(line) < 0.8 * longest):
            paragraphs.append(current)
            current = ""
    return "\n\n".join(text for text in [*paragraphs, current] if text)
