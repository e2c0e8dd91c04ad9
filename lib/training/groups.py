"""Which parameters get which treatment from the optimizer.

Vectors (scales of norms, biases) are not decayed: pulling a norm's scale to zero does not make the
model simpler. Muon takes the matrices between hidden vectors; embedding and output, whose rows
stand for tokens and are touched unequally often, go to AdamW with the vectors.
"""

from typing import Any

from torch import nn

from lib.model.embedding import Embedding

Groups = list[dict[str, Any]]

NOT_HIDDEN = ("output.weight",)  # of a Transformer; its embeddings are known by their class


def decay_groups(model: nn.Module, weight_decay: float) -> Groups:
    """Two groups for any optimizer: matrices and tables, decayed, and vectors, left alone."""
    params = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in params if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def hidden_matrices(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """What Muon takes and what it leaves: MuonAdamW(*hidden_matrices(model)).

    Left are embeddings (ours and PyTorch's), a matrix named "output.weight", all that is no matrix.
    """
    tables = {
        id(part.weight) for part in model.modules() if isinstance(part, Embedding | nn.Embedding)
    }
    matrices, rest = [], []
    for name, p in model.named_parameters():
        hidden = p.ndim == 2 and id(p) not in tables and not name.endswith(NOT_HIDDEN)
        if p.requires_grad:
            (matrices if hidden else rest).append(p)
    return matrices, rest
