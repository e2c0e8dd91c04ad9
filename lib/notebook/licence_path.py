"""The questions on the way from a page to a training set, and where its answers lead.

licence_path(protected=True, licence="all rights reserved"); with `live`, something to play with.

What it says is how an engineer sorts pages before asking somebody who knows the law.
"""

from typing import NamedTuple

from lib.notebook.colours import BLUE, GREY, ORANGE, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK, PALE, box, drawing, heading, rule, words

WIDTH, TOP, ROW, HIGH = 860, 46, 58, 40  # pixels
ASKED, ANSWER, OUT = 300, 110, 390  # widths
OPEN = ("public domain", "CC0", "CC BY", "MIT")
LICENCES = (*OPEN, "CC BY-NC", "all rights reserved", "not stated")


class Question(NamedTuple):
    """What is asked, the answer that ends the way here, and what it ends in."""

    asked: str
    answer: str
    ends: bool
    outcome: str


def questions(
    lawful: bool, terms_forbid: bool, protected: bool, licence: str, personal: bool
) -> list[Question]:
    """In the order in which they are asked."""
    if licence not in LICENCES:
        raise ValueError(f"The licences are {', '.join(LICENCES)}, and not {licence!r}.")
    said = {True: "yes", False: "no"}
    is_open = licence in OPEN
    return [
        Question("Did the copy come from a lawful source?", said[lawful], not lawful,
                 "Leave it. A fair use later does not mend how it came."),
        Question("Do terms of service forbid taking it?", said[terms_forbid], terms_forbid,
                 "Leave it, or make an agreement, whatever its licence."),
        Question("Does it lead to persons?", said[personal], personal,
                 "Mask them first, then begin again. Another law, too."),
        Question("Is it protected (original, fixed, not expired)?", said[protected], not protected,
                 "Take it. Write down why you think so."),
        Question("Does its licence allow this use?", licence, is_open,
                 "Take it, and keep what the licence asks for (names)."),
        Question("Nothing allows it. Fair use, then?", "four factors", True,
                 "Not an engineer's decision. Ask."),
    ]  # fmt: skip


def licence_path(
    lawful: bool = True,
    terms_forbid: bool = False,
    personal: bool = False,
    protected: bool = True,
    licence: str = "all rights reserved",
) -> Rendered:
    """The questions from top to bottom; where an answer ends the way, its outcome on the right."""
    asked = questions(lawful, terms_forbid, protected, licence, personal)
    end = next(i for i, question in enumerate(asked) if question.ends)
    parts = [heading("May we train on this page?", WIDTH)]
    for i, question in enumerate(asked):
        y = TOP + ROW * i
        reached, here = i <= end, i == end
        edge, text = (BLUE, INK) if reached else (GREY, ink(GREY))
        parts.append(box(14, y, ASKED, HIGH, fill=PALE if reached else "none", edge=edge, rx=5))
        parts.append(words(24, y + 25, question.asked, 12, text))
        if reached:
            parts.append(words(14 + ASKED + 12, y + 25, question.answer, 12, ink(BLUE)))
        if here:
            x = 14 + ASKED + 12 + ANSWER + 22
            parts.append(box(x, y, OUT, HIGH, fill="none", edge=ORANGE, stroke_width=2, rx=5))
            parts.append(words(x + 10, y + 25, question.outcome, 12))
        if i + 1 < len(asked):
            style = {"stroke_width": 2} if i < end else {"stroke_dasharray": "3 3"}
            parts.append(rule(40, y + HIGH, 40, y + ROW, BLUE if i < end else GREY, **style))
    way = "; ".join(f"{question.asked} {question.answer}" for question in asked[: end + 1])
    alt = f"May we train on this page? {way}: {asked[end].outcome}"
    return Rendered(drawing(WIDTH, TOP + ROW * len(asked), parts, alt=alt), f"[Drawing: {alt}]")
