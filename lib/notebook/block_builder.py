"""A block to put together: menus for its parts, the drawing, what it costs and who builds it so.

block_builder()                                           the shape of Llama 3.1 8B
block_builder(config, norm="LayerNorm", heads="MHA")      another, with changes
"""

from dataclasses import replace
from html import escape

import ipywidgets

from lib.model.config import ModelConfig, n_params
from lib.model.zoo import model_config
from lib.notebook.block_diagram import block_diagram
from lib.notebook.block_options import AS_GIVEN, OPTIONS, built, start_of, who_uses
from lib.notebook.block_parts import in_words
from lib.notebook.figures import picture
from lib.notebook.tables import laid_out
from lib.notebook.units import memory, quantity
from lib.notebook.widgets import Live, live
from lib.tensors.flops import model_flops
from lib.tensors.kv_cache import kv_bytes_per_token, kv_cache_bytes

LLAMA_3 = replace(  # with its full context, attention would hide all other costs
    model_config("Llama 3.1 8B"), context=8192, rope_scaling=None
)


def block_builder(base: ModelConfig = LLAMA_3, **start: str) -> Live:
    """One menu for each of OPTIONS; `start` chooses other first entries than the base has.

    Layers, widths and vocabulary stay those of `base`; only a feed-forward layer that loses its
    gate gets half as wide again, which leaves its parameters as they were.
    """

    def draw(**chosen: str) -> str:
        choices = {_spaced(name): entry for name, entry in chosen.items()}
        config = built(base, choices)
        drawing = picture(block_diagram(config), in_words(config))
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:0 1.5em;align-items:flex-start">'
            f'<div style="flex:0 1 auto">{drawing}</div>'
            f'<div style="flex:1 1 20em">{costs(base, config)}{sentences(choices)}</div></div>'
        )

    first = start_of(base) | {_spaced(name): entry for name, entry in start.items()}
    menus = {name.replace(" ", "_"): _menu(name, entry) for name, entry in first.items()}
    shown = live(draw, **menus)
    flow = ipywidgets.Layout(display="flex", flex_flow="row wrap")
    shown.children = (ipywidgets.Box(list(menus.values()), layout=flow), shown.picture)
    return shown


def _spaced(name: str) -> str:
    """The name of a menu, from that of a parameter."""
    return name.replace("_", " ")


def _menu(name: str, entry: str) -> ipywidgets.Dropdown:
    if name not in OPTIONS or entry not in (*OPTIONS[name], AS_GIVEN):
        offered = ", ".join(OPTIONS.get(name, OPTIONS))
        raise ValueError(f"{name!r} has no entry {entry!r}. There are: {offered}.")
    return ipywidgets.Dropdown(
        options=[*OPTIONS[name], *([AS_GIVEN] if entry == AS_GIVEN else [])],
        value=entry,
        description=name,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="min(100%, 19em)"),
    )


def costs(base: ModelConfig, config: ModelConfig) -> str:
    """What the model costs, and how that compares with the base, as a table."""
    now, then = _numbers(config), _numbers(base)
    written = [
        f"{now['parameters']:,.0f}",
        quantity(now["FLOPs per token, forward"], "FLOP"),
        memory(now["cache per token"]),
        memory(now["cache of a full context"]),
    ]
    rows = [
        {"cost": name, "now": says, "÷ start": now[name] / then[name]}
        for name, says in zip(now, written)
    ]
    return laid_out(rows, f"With a context of {config.context:,} tokens").html()


def _numbers(config: ModelConfig) -> dict[str, int | float]:
    """FLOPs on average over a full context; the cache of keys and values in bytes, as bfloat16."""
    return {
        "parameters": n_params(config),
        "FLOPs per token, forward": model_flops(config, 1, config.context, False) / config.context,
        "cache per token": kv_bytes_per_token(config),
        "cache of a full context": kv_cache_bytes(config, config.context),
    }


def sentences(chosen: dict[str, str]) -> str:
    """One line for each choice: which models of the table made it."""
    lines = []
    for name, entry in chosen.items():
        option = OPTIONS[name].get(entry)
        if option is None or (option.question is None and option.note is None and entry == "none"):
            continue
        said = who_uses(option)
        if option.answer is not None and option.answer not in entry:
            said = f"Counted as “{option.answer}”: {said}"
        lines.append(f"<li><b>{escape(name)}: {escape(entry)}</b>. {escape(said)}</li>")
    return f'<ul style="margin:0.4em 0;padding-left:1.2em;line-height:1.35">{"".join(lines)}</ul>'
