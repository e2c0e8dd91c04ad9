"""Any objects, sent as bytes. For what is small or rare: state to be saved, not gradients."""

from typing import Any

import numpy as np
import torch

from lib.parallel.by_value import pack_result, unpack_result
from lib.parallel.comm import Comm


def all_gather_objects(comm: Comm, mine: Any) -> list[Any]:
    """What every rank gives, by rank: on all ranks."""
    data = torch.from_numpy(np.frombuffer(bytearray(pack_result(mine)), dtype=np.uint8))
    device = getattr(comm, "device", "cpu")
    sizes = comm.all_gather(torch.tensor([len(data)], device=device)).tolist()
    padded = torch.zeros(max(sizes), dtype=torch.uint8, device=device)
    padded[: len(data)] = data
    rows = comm.all_gather(padded[None]).cpu()
    return [unpack_result(row[:size].numpy().tobytes()) for row, size in zip(rows, sizes)]
