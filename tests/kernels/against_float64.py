"""Compare a kernel with the same computation in float64: the only judge that both sides accept.

What a kernel may be off by depends on the type it stores. `within` counts in units of that type's
precision (eps: the distance from 1 to the next number), times the largest number in the reference,
since sums round in proportion to what they add up.
"""

import torch
from torch import Tensor


def assert_close(actual: Tensor, reference: Tensor, within: float = 2.0, name: str = "") -> None:
    """`actual` in one of the three short types, `reference` in float64; `within` as said above."""
    assert reference.dtype == torch.float64, "the reference must be computed in float64"
    assert actual.shape == reference.shape, f"{name}: {actual.shape} is not {reference.shape}"
    assert actual.isfinite().all() or not reference.isfinite().all(), f"{name}: not finite"
    difference = (actual.double().cpu() - reference.cpu()).abs().max().item()
    allowed = within * torch.finfo(actual.dtype).eps * max(1e-3, reference.abs().max().item())
    assert difference <= allowed, f"{name}: off by {difference:.3g}, allowed {allowed:.3g}"


def draw(
    *shape: int, dtype: torch.dtype, device: object, seed: int = 0, scale: float = 1.0
) -> Tensor:
    """Normal numbers, the same on every device."""
    g = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, generator=g)).to(device=device, dtype=dtype)
