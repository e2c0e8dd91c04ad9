"""Which ipywidget lets a reader choose a value: the rules of `live`, see widgets.py.

Menus, text fields and check boxes carry their names for screen readers. The handle of an ipywidgets
slider does not (it is named only by the text beside it): where that matters, pass a labelled
`ipywidgets.BoundedIntText`.
"""

from typing import Any

import ipywidgets

NOWHERE: Any = object()


def control(name: str, choice: object, start: object = NOWHERE) -> ipywidgets.Widget:
    """A labelled widget for one parameter; `start` is the value it shows first."""
    look = {
        "description": name.replace("_", " "),
        "style": {"description_width": "initial"},
        "layout": ipywidgets.Layout(width="min(100%, 36em)"),
    }
    match choice:
        case ipywidgets.Widget():
            return choice
        case bool():
            return ipywidgets.Checkbox(choice if start is NOWHERE else start, indent=False, **look)
        case str():
            return ipywidgets.Text(choice, **look)
        case tuple():
            return number_slider(name, choice, start, look)
        case list() | dict() if choice:
            return choice_of(name, choice, start, look)
    raise TypeError(
        f"{name}={choice!r} is no control: give (low, high) of whole numbers, a list, a dict, "
        "a str, a bool or an ipywidget."
    )


def number_slider(
    name: str, bounds: tuple[object, ...], start: object, look: dict[str, Any]
) -> ipywidgets.IntSlider:
    """A slider over (low, high) or (low, high, step) of whole numbers.

    Whole, because a slider for floats sends 0.30000000000000004 back where 0.3 was meant.
    """
    if len(bounds) not in (2, 3) or not all(type(bound) is int for bound in bounds):
        raise TypeError(
            f"{name}={bounds!r}: a range is (low, high) or (low, high, step) of whole numbers. "
            f"For anything else list the values: {name}=[0.1, 0.2, 0.5]."
        )
    low, high, step = (*bounds, 1)[:3]
    if low >= high or step < 1:
        raise ValueError(f"{name}={bounds!r}: a range needs low < high and a step of 1 or more.")
    steps = range(low, high + 1, step)
    if start is NOWHERE:
        start = steps[len(steps) // 2]
    if start not in steps:
        raise ValueError(f"{name} starts at {start!r}, which is not one of {list(steps)[:20]}.")
    return ipywidgets.IntSlider(start, min=low, max=high, step=step, **look)


def choice_of(
    name: str, choice: list[Any] | dict[str, Any], start: object, look: dict[str, Any]
) -> ipywidgets.Widget:
    """A slider over listed numbers; a menu for everything else."""
    values = list(choice.values()) if isinstance(choice, dict) else choice
    if start is NOWHERE:
        start = values[0]
    if start not in values:
        raise ValueError(f"{name} starts at {start!r}, which is not among {values}.")
    of_numbers = isinstance(choice, list) and all(type(value) in (int, float) for value in values)
    kind = ipywidgets.SelectionSlider if of_numbers else ipywidgets.Dropdown
    options = list(choice.items()) if isinstance(choice, dict) else choice
    return kind(options=options, value=start, **look)
