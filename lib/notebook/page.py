"""Templates of plain HTML that lie beside the modules: `fill("rope_clock.html", DATA=...)`."""

import json
import re
from pathlib import Path


def fill(template: str, **parts: str) -> str:
    """The template with every [[NAME]] replaced by its part; parts are not searched again."""
    page = Path(__file__).with_name(template).read_text(encoding="utf-8")
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda match: parts[match[1]], page)


def script_data(data: object) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
