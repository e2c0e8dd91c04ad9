import pytest
import torch

from lib.training.accumulation import accumulate
from lib.training.losses import cross_entropy


def model_and_data():
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 7).double()
    x = torch.randn(10, 4, dtype=torch.float64)
    return model, x, torch.randint(7, (10,)), torch.tensor([1, 1, 1, 0, 0, 0, 0, 1, 0, 1]).bool()


def gradients(model):
    return [p.grad.clone() for p in model.parameters()]


def test_equal_parts_give_the_gradient_of_the_whole():
    model, x, targets, _ = model_and_data()
    whole = cross_entropy(model(x), targets)
    whole.backward()
    expected = gradients(model)
    model.zero_grad()
    parts = list(zip(x.chunk(5), targets.chunk(5), strict=True))
    loss = accumulate(lambda part: cross_entropy(model(part[0]), part[1]), parts)
    torch.testing.assert_close(loss, whole.detach())
    torch.testing.assert_close(gradients(model), expected)


def test_unequal_and_masked_parts_too_with_weights():
    model, x, targets, mask = model_and_data()
    whole = cross_entropy(model(x), targets, mask)
    whole.backward()
    expected = gradients(model)
    cuts = [slice(0, 3), slice(3, 7), slice(7, 10)]  # 3, 0 and 2 positions count
    weights = [int(mask[cut].sum()) for cut in cuts]
    assert weights == [3, 0, 2]

    def loss_of(cut):
        return cross_entropy(model(x[cut]), targets[cut], mask[cut])

    model.zero_grad()
    loss = accumulate(loss_of, cuts, weights)
    torch.testing.assert_close(loss, whole.detach())
    torch.testing.assert_close(gradients(model), expected)
    model.zero_grad()
    accumulate(loss_of, cuts[::2])  # unweighted, it is another mean
    assert not torch.allclose(gradients(model)[0], expected[0])


def test_gradients_are_added_to_what_is_there():
    model, x, targets, _ = model_and_data()
    parts = [(x, targets)]
    for times in (1, 2):
        accumulate(lambda part: cross_entropy(model(part[0]), part[1]), parts)
        if times == 1:
            once = gradients(model)
    torch.testing.assert_close(gradients(model), [2 * g for g in once])


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ([1], "2 parts need as many weights, but there are 1"),
        ([0, 0], "no mean can be taken"),
        ([2, -1], "no mean can be taken"),
    ],
)
def test_impossible_weights_are_explained(weights, complaint):
    with pytest.raises(ValueError, match=complaint):
        accumulate(lambda part: part, [torch.ones(()), torch.ones(())], weights)
    with pytest.raises(ValueError, match="no mean can be taken"):
        accumulate(lambda part: part, [])
