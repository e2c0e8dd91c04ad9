"""Wrong answers to part 2, AdamW and clipping: each with the test that must see it."""

import math
from itertools import count

import torch
from reference import model as right
from wrong_answers import wrong


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_adamw = planted("model.adamw", "test_optimizer.py")
wrong_clip_gradients = planted("model.clip_gradients", "test_optimizer.py")


# Optimizer


class Adam(torch.optim.Optimizer):
    """AdamW written out, so that one line can be wrong."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)
        self.first = settings

    def settings(self, group):
        return group

    def state_of(self, p):
        return self.state[p]

    def corrections(self, t, beta1, beta2):
        return 1 - beta1 ** (t + 1), 1 - beta2 ** (t + 1)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, p.grad, self.state_of(p), self.settings(group))

    def update(self, p, g, state, group):
        p.mul_(1 - group["lr"] * group["weight_decay"])
        self.adam(p, g, state, group)

    def adam(self, p, g, state, group):
        t, m, v = state.get("t", 0), state.get("m", 0 * p), state.get("v", 0 * p)
        beta1, beta2 = group["betas"]
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        state.update(t=t + 1, m=m, v=v)
        of_m, of_v = self.corrections(t, beta1, beta2)
        p.sub_(group["lr"] * (m / of_m) / ((v / of_v) ** 0.5 + group["eps"]))


@wrong_adamw("test_decay_is_not_divided_by_the_size_of_the_gradient")
class DecayInTheGradient(Adam):
    def update(self, p, g, state, group):
        self.adam(p, g + group["weight_decay"] * p, state, group)


@wrong_adamw("test_the_first_step_by_hand")
class StepsFromZero(Adam):
    def corrections(self, t, beta1, beta2):
        return 1 - beta1**t, 1 - beta2**t


@wrong_adamw("test_the_first_step_by_hand")
class NoCorrections(Adam):
    def corrections(self, t, beta1, beta2):
        return 1.0, 1.0


@wrong_adamw("test_many_steps_are_pytorchs")
class OneCounterForAll(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.counter = count()

    def corrections(self, t, beta1, beta2):
        return super().corrections(next(self.counter), beta1, beta2)


@wrong_adamw("test_parameters_without_a_gradient_are_left_alone_and_counted_on_their_own")
class OneCounterForEachStep(Adam):
    taken = -1

    def step(self, closure=None):
        self.taken += 1
        super().step(closure)

    def corrections(self, t, beta1, beta2):
        return super().corrections(self.taken, beta1, beta2)


@wrong_adamw("test_many_steps_are_pytorchs")
class MomentsOfOneSizeForAll(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.shared = {}

    def state_of(self, p):
        state = self.shared
        for name in ("m", "v"):  # what fits no shape is averaged
            if name in state:
                state[name] = state[name].mean().expand(p.shape)
        return state


@wrong_adamw("test_a_saved_optimizer_goes_on_as_if_nothing_had_happened")
class StateOfItsOwn(Adam):
    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.mine = {}

    def state_of(self, p):
        return self.mine.setdefault(p, {})


@wrong_adamw("test_a_schedule_may_change_the_settings_between_steps")
class SettingsOfTheBeginning(Adam):
    def settings(self, group):
        return self.first


@wrong_adamw("test_groups_have_settings_of_their_own")
class FirstGroupForAll(Adam):
    def settings(self, group):
        return self.param_groups[0]


@wrong_adamw("test_many_steps_are_pytorchs")
class EpsBeforeTheCorrection(Adam):
    def adam(self, p, g, state, group):
        _, beta2 = group["betas"]
        larger = group["eps"] / (1 - beta2 ** (state.get("t", 0) + 1)) ** 0.5
        super().adam(p, g, state, {**group, "eps": larger})


# Clipping


def gradients(params):
    return [p.grad for p in params if p.grad is not None]


@wrong_clip_gradients("test_short_gradients_are_not_touched")
def always_scaled(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for gradient in gradients(params):
        gradient.mul_(max_norm / (norm + 1e-6))
    return norm


@wrong_clip_gradients("test_long_gradients_are_shortened_together")
def scaled_when_short(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    if norm < max_norm:
        for gradient in gradients(params):
            gradient.mul_(max_norm / (norm + 1e-6))
    return norm


@wrong_clip_gradients("test_long_gradients_are_shortened_together")
def each_by_itself(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for p in params:
        right.clip_gradients([p], max_norm)
    return norm


@wrong_clip_gradients("test_long_gradients_are_shortened_together")
def every_number_cut(params, max_norm):
    params = list(params)
    norm = right.clip_gradients(params, math.inf)
    for gradient in gradients(params):
        gradient.clamp_(-max_norm, max_norm)
    return norm


@wrong_clip_gradients("test_parameters_without_a_gradient_are_skipped")
def gradients_taken_for_granted(params, max_norm):
    params = list(params)
    torch.stack([p.grad.norm() for p in params])
    return right.clip_gradients(params, max_norm)


@wrong_clip_gradients("test_parameters_may_come_from_a_generator")
def walked_through_twice(params, max_norm):
    norm = torch.stack([g.norm() for g in gradients(params)]).norm()
    for gradient in gradients(params):
        gradient.mul_(min(1.0, max_norm / (norm + 1e-6)))
    return norm


@wrong_clip_gradients("test_the_gradients_are_changed_in_place")
def new_gradients(params, max_norm):
    params = list(params)
    for p in params:
        p.grad = None if p.grad is None else p.grad.clone()
    return right.clip_gradients(params, max_norm)


@wrong_clip_gradients("test_the_norm_from_before_is_returned")
def norm_from_after(params, max_norm):
    params = list(params)
    right.clip_gradients(params, max_norm)
    return right.clip_gradients(params, math.inf)
