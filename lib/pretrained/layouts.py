"""Matrices that a checkpoint stores in another form than ours.

Letters: D width, N heads, H width of one head.
"""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from lib.model.config import ModelConfig

TURNED = ("c_attn", "c_proj", "c_fc")  # GPT-2's weights are (in, out), ours are (out, in)


def is_turned(module: str, kind: str) -> bool:
    """Whether a tensor of theirs is the transpose of ours."""
    return kind == "weight" and module.endswith(TURNED)


def to_halves(name: str, tensor: Float[Tensor, "..."], config: ModelConfig) -> Float[Tensor, "..."]:
    """Our `tensor` as it must be for coordinates i and i + H/2 to turn together, not 2i and 2i + 1.

    The products of queries and keys stay the same, as both are reordered alike.
    """
    reordered = ("query.", "key.", "query_norm.", "key_norm.")
    if config.positions != "rope" or not name.split("attention.")[-1].startswith(reordered):
        return tensor
    pairs = config.head_width // 2
    return rearrange(tensor, "(N pairs two) ... -> (N two pairs) ...", pairs=pairs, two=2)
