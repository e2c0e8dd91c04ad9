"""What torch.compile gets to see."""

from collections.abc import Callable
from typing import Any

from lib.grading.feedback import todo


def graphs(function: Callable[..., Any], *calls: tuple) -> tuple[list[int], list[Any]]:
    """Compile the function, call it with each tuple of arguments in turn, and look at the graphs.

    A backend is what turns a graph into code: a function that takes a GraphModule and example
    inputs, and returns something to be called. Yours counts, and returns the graph's own
    `forward`: so no compiler is needed.

    Returns, for each graph in the order in which they were made, its number of operations: the
    nodes with op "call_function", "call_method" or "call_module", not arguments and outputs; and
    the results of the calls. What was compiled before is forgotten first (torch.compiler.reset()),
    and graphs are made for exactly the shapes that come (dynamic=False).

    graphs(lambda x: (2 * x).exp(), (x,), (x,))  ->  [2] and two results: one graph, used twice
    """
    return todo(
        "2.6", "torch.compile(function, backend=yours, dynamic=False), and a list for counts."
    )
