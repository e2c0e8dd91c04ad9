import torch

from lib.training.lion import Lion


def test_by_hand():
    p = torch.nn.Parameter(torch.tensor([10.0, 10.0, 10.0], dtype=torch.float64))
    optimizer = Lion([p], lr=0.5, betas=(0.5, 0.75), weight_decay=0.2)
    p.grad = torch.tensor([8.0, -8.0, 0.0], dtype=torch.float64)
    optimizer.step()  # the decay takes a tenth, then each moves by lr against its sign
    torch.testing.assert_close(p.tolist(), [8.5, 9.5, 9.0])
    torch.testing.assert_close(optimizer.state[p]["mean"].tolist(), [2.0, -2.0, 0.0])
    p.grad = torch.tensor([-1.0, 3.0, 1.0], dtype=torch.float64)
    optimizer.step()
    # (2 - 1) / 2 > 0: still down, though the gradient turned; (-2 + 3) / 2 > 0: it turned by more
    torch.testing.assert_close(p.tolist(), [7.15, 8.05, 7.6])
    torch.testing.assert_close(optimizer.state[p]["mean"].tolist(), [1.25, -0.75, 0.25])


def test_the_scale_of_the_gradients_does_not_matter():
    runs = []
    for scale in (1.0, 1e-6):
        p = torch.nn.Parameter(torch.zeros(7, 2))
        optimizer = Lion([p], lr=0.25)  # steps without rounding
        for step in range(6):
            p.grad = scale * (p.detach() + step).cos()
            optimizer.step()
        runs.append(p.detach())
    assert torch.equal(*runs)
    assert runs[0].abs().max() > 0
