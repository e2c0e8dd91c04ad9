r"""Formulas in HTML as $LaTeX$, before an extractor throws them away.

Most extractors drop scripts, pictures and MathML, and with them the formulas; OpenWebMath (arXiv
2310.06786) found that saving them first is most of what a corpus of mathematics takes. Pages write
formulas in five ways: $...$, \(...\), <script type="math/tex">, MathML with the LaTeX in an
annotation, and pictures with the LaTeX as their alternative text.
"""

import html
import re

LIMIT = 2000  # characters; longer ones are no formulas
IN_SCRIPT = re.compile(
    rf"""<script[^>]{{0,200}}type=["']math/tex[^>]{{0,100}}>(.{{0,{LIMIT}}}?)</script>""",
    re.I | re.S,
)
MATHML = re.compile(r"<math\b[^>]{0,500}>(?:[^<]++|<(?!/?math\b))*+</math>", re.I)
ANNOTATION = re.compile(
    rf"""<annotation[^>]{{0,100}}application/x-tex["'][^>]{{0,100}}>(.{{0,{LIMIT}}}?)</annotation>""",
    re.I | re.S,
)
PICTURE = re.compile(r"<img\b[^>]{0,2500}>", re.I)
TEX_CLASS = re.compile(r"""class=["'][^"']{0,200}\b(?:tex|latex|math)\b""", re.I)
ALT = re.compile(r"""alt=(?:"([^"]{0,2000})"|'([^']{0,2000})')""", re.I)
INLINE = re.compile(rf"\\\((.{{1,{LIMIT}}}?)\\\)", re.S)
DISPLAY = re.compile(rf"\\\[(.{{1,{LIMIT}}}?)\\\]", re.S)


def formulas_as_dollars(page: str) -> str:
    """The page with every formula that carries its LaTeX written as $...$; others are left."""
    if "math/tex" in page:
        page = IN_SCRIPT.sub(escaped_dollars, page)
    if "<annotation" in page:
        page = MATHML.sub(from_mathml, page)
    if "<img" in page:
        page = PICTURE.sub(from_picture, page)
    if "\\(" in page or "\\[" in page:
        page = DISPLAY.sub(dollars, INLINE.sub(dollars, page))
    return page


def dollars(match: re.Match[str]) -> str:
    """The formula is HTML already."""
    return f"${match[1].strip()}$"


def escaped_dollars(match: re.Match[str]) -> str:
    """In a script, < is written plainly; outside it must not look like a tag."""
    return f"${html.escape(match[1].strip(), quote=False)}$"


def from_mathml(match: re.Match[str]) -> str:
    """The annotation of a formula in MathML, if it has one in LaTeX."""
    latex = ANNOTATION.search(match[0])
    return dollars(latex) if latex else match[0]


def from_picture(match: re.Match[str]) -> str:
    """A picture whose class says that its alternative text is a formula."""
    alt = ALT.search(match[0])
    if not (TEX_CLASS.search(match[0]) and alt):
        return match[0]
    return f"${html.escape(html.unescape(alt[1] or alt[2] or '').strip('$ '), quote=False)}$"
