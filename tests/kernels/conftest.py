"""Where the kernels are tested: on a GPU where there is one, else in Triton's interpreter.

The same tests serve both. `pytest -m gpu tests/kernels` runs those that launch kernels, on a GPU;
without the marker they run wherever they are, so that a machine without a GPU tests them too.
"""

import sys
from collections.abc import Iterator

import pytest
import torch

from lib.kernels.backend import backend
from lib.kernels.language import has_triton, interprets

ON_GPU = torch.cuda.is_available() and has_triton() and not interprets()


@pytest.fixture
def place() -> Iterator[torch.device]:
    """The device of a test's tensors; inside the test every op launches its kernel."""
    if not has_triton():
        pytest.skip("Triton has no wheels for this system")
    with backend("kernel"):
        yield torch.device("cuda" if ON_GPU else "cpu")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "place" in getattr(item, "fixturenames", ()) and ON_GPU:
            item.add_marker(pytest.mark.gpu)


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("markexpr", "") != "gpu" or ON_GPU:
        return None
    why = "the interpreter was asked for" if interprets() else "no GPU was found"
    print(
        f"-m gpu selects nothing: {why}. Leave it out to test in the interpreter.", file=sys.stderr
    )
    return f"kernels: {why}"
