"""The parts of the README that follow from the lectures: their table, and a picture one drew.

    python -m lib.notebook.readme

brings both up to date; a test says when that is needed.
"""

import base64
import json
import re

from lib.notebook.course import REPO, course, exists
from lib.notebook.files import write_whole

README = REPO / "README.md"
PICTURE = REPO / "lib" / "assets" / "readme.png"
DRAWN_BY = ("01_overview_and_tokenization", "tax")  # lecture and cell
TABLE = re.compile(r"(<!-- lectures: begin[^>]*-->\n).*?(<!-- lectures: end -->)", re.S)


def readme(text: str) -> str:
    """The README with the table of lectures as they are today."""
    if not TABLE.search(text):
        raise ValueError("README.md has lost the comments 'lectures: begin' and 'lectures: end'.")
    return TABLE.sub(lambda found: f"{found[1]}{markdown_table()}\n{found[2]}", text)


def markdown_table() -> str:
    """Every lecture: its question, where it is, how long it runs, what it needs."""
    head = "| | question | lecture | package | assignment | minutes | GPU needed? |"
    return "\n".join([head, "|--:|---|---|---|---|--:|---|", *map(_row, course())])


def _row(lecture: dict[str, str]) -> str:
    title, package, minutes = f"{lecture['title']} (planned)", "", ""
    assignment = _assignment(lecture["assignment"])
    if exists(lecture):
        title = f"[{lecture['title']}](lectures/{lecture['notebook']}.ipynb)"
        package = f"[{lecture['package']}](lib/{lecture['package']}/)"
        minutes = lecture["minutes"]
    question, gpu = lecture["question"], lecture["gpu"]
    cells = (lecture["number"], question, title, package, assignment, minutes, gpu)
    return f"| {' | '.join(cells)} |"


def _assignment(number: str) -> str:
    """A link to the handout, once there is one."""
    handouts = sorted((REPO / "assignments").glob(f"{number or '-'}_*/handout.ipynb"))
    if handouts:
        return f"[{number}]({handouts[0].relative_to(REPO).as_posix()})"
    return f"{number} (planned)" if number else ""


def drawn_picture() -> bytes:
    """The PNG that the lecture's cell drew when it was last saved."""
    name, cell_id = DRAWN_BY
    notebook = json.loads((REPO / "lectures" / f"{name}.ipynb").read_text(encoding="utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == cell_id]
    html = "".join("".join(output["data"].get("text/html", "")) for output in cell["outputs"])
    (png,) = re.findall(r"data:image/png;base64,([^\"']+)", html)
    return base64.b64decode(png)


def main() -> None:
    """Write both."""
    write_whole(README, readme(README.read_text(encoding="utf-8")))
    PICTURE.write_bytes(drawn_picture())


if __name__ == "__main__":
    main()
