import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer


def test_forward():
    config = ModelConfig(37, 11, 2, 24, 4, n_kv_heads=2)
    model = Transformer(config, torch.Generator().manual_seed(0))
    assert model(torch.randint(0, 37, (3, 7))).shape == (3, 7, 37)
    model(torch.randint(0, 37, (3, 7)), torch.arange(7) + 3)
    model(torch.randint(0, 37, (3, 7)), (torch.arange(7) + 3).expand(3, 7))
