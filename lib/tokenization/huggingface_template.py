"""What a `tokenizer.json` puts around every text: the ids that a model is used to see there.

Most models expect one special token before a text, some none, a few one after it.
"""

from typing import Any, NamedTuple

Json = dict[str, Any]


class Template(NamedTuple):
    """Ids before and after a text."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


def read_template(post_processor: Json | None) -> Template:
    """What a post_processor puts around a single text. ValueError if it does something else."""
    if post_processor is None:
        return Template()
    found = Template()
    for part in post_processor.get("processors", [post_processor]):
        if part["type"] == "TemplateProcessing":
            found = _single(part)
        elif part["type"] != "ByteLevel":  # which only moves offsets
            raise ValueError(
                f"This tokenizer.json has the post_processor {part['type']}, and we know only "
                "TemplateProcessing. Put the special tokens around the text yourself."
            )
    return found


def write_template(template: Template, special_text: dict[int, str]) -> Json | None:
    """A post_processor that puts these ids around a text."""
    if template == Template():
        return None
    token_ids = sorted({*template.before, *template.after})
    names = {id: special_text[id] for id in token_ids}
    around = [[{"SpecialToken": {"id": names[id], "type_id": 0}} for id in ids] for ids in template]
    return {
        "type": "TemplateProcessing",
        "single": [*around[0], _sequence("A", 0), *around[1]],
        "pair": [*around[0], _sequence("A", 0), *around[1], _sequence("B", 1)],
        "special_tokens": {
            name: {"id": name, "ids": [id], "tokens": [name]} for id, name in names.items()
        },
    }


def _single(part: Json) -> Template:
    ids: tuple[list[int], list[int]] = ([], [])
    place = 0
    for item in part["single"]:
        if "Sequence" in item:
            place = 1
        else:
            ids[place].extend(part["special_tokens"][item["SpecialToken"]["id"]]["ids"])
    return Template(tuple(ids[0]), tuple(ids[1]))


def _sequence(name: str, type_id: int) -> Json:
    return {"Sequence": {"id": name, "type_id": type_id}}
