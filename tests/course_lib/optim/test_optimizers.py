"""The optimisers, step by step against torch.optim: groups, decay, checkpoints and schedulers included."""

import io

import pytest
import torch
from torch import nn

from course_lib import optim

PAIRS = [
    (optim.SGD, {"lr": 0.1}, torch.optim.SGD, {}),
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.3}, torch.optim.SGD, {}),
    (optim.Momentum, {"lr": 0.05}, torch.optim.SGD, {"momentum": 0.9}),
    (optim.Momentum, {"lr": 0.05, "momentum": 0.7, "nesterov": True, "weight_decay": 0.2}, torch.optim.SGD, {}),
    (optim.Adagrad, {"lr": 0.1}, torch.optim.Adagrad, {}),
    (optim.Adagrad, {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.1}, torch.optim.Adagrad, {}),
    (optim.RMSprop, {"lr": 0.02}, torch.optim.RMSprop, {}),
    (optim.RMSprop, {"lr": 0.02, "alpha": 0.8, "eps": 1e-2, "weight_decay": 0.1}, torch.optim.RMSprop, {}),
    (optim.Adam, {"lr": 0.05}, torch.optim.Adam, {}),
    (optim.Adam, {"lr": 0.05, "betas": (0.5, 0.8), "eps": 1e-2, "weight_decay": 0.3}, torch.optim.Adam, {}),
    (optim.AdamW, {"lr": 0.05}, torch.optim.AdamW, {}),
    (optim.AdamW, {"lr": 0.05, "betas": (0.5, 0.8), "eps": 1e-2, "weight_decay": 0.3}, torch.optim.AdamW, {}),
]
every_pair = pytest.mark.parametrize("ours, settings, theirs, more", PAIRS)
every_class = pytest.mark.parametrize(
    "kind",
    [c for c in vars(optim).values() if isinstance(c, type) and c is not optim.Muon],  # which has its own tests
)


def network(dtype=torch.float64, device="cpu"):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(device, dtype)


def groups(model, settings):
    """Two groups: the matrices with the settings, the vectors with a larger rate and no decay."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.dim() == 2]},
        {"params": [p for p in parameters if p.dim() < 2], "lr": 2 * settings["lr"], "weight_decay": 0.0},
    ]


def backward(model, step):
    """Give the model the gradient of its own batch of this step; every third one leaves the last bias out."""
    generator = torch.Generator().manual_seed(step)
    x, y = torch.randn(6, 4, generator=generator), torch.randn(6, 3, generator=generator)
    weight = next(model.parameters())
    model.zero_grad()
    (model(x.to(weight)) - y.to(weight)).square().mean().backward()
    if step % 3 == 2:
        model[-1].bias.grad = None


def weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@every_pair
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-13), (torch.float32, 2e-6)])
def test_sixty_steps_equal_torchs(ours, settings, theirs, more, dtype, tolerance):
    one, two = network(dtype), network(dtype)
    mine = ours(groups(one, settings), **settings)
    torchs = theirs(groups(two, settings), **settings, **more)
    start = weights(one)
    for step in range(60):
        for model, optimizer in ((one, mine), (two, torchs)):
            backward(model, step)
            optimizer.step()
        torch.testing.assert_close(weights(one), weights(two), atol=tolerance, rtol=tolerance)
    assert (weights(one) - start).abs().max() > 0.1


@every_class
def test_the_defaults_are_torchs(kind):
    theirs = getattr(torch.optim, kind.__name__, torch.optim.SGD)([torch.zeros(1)]).defaults
    mine = kind([torch.zeros(1)]).defaults
    if kind is optim.Momentum:  # torch has one class for both, where momentum is 0 unless given
        assert mine.pop("momentum") == 0.9
    assert mine == {name: theirs[name] for name in mine}


@every_pair
def test_a_run_that_was_saved_and_loaded_goes_on_bit_for_bit(ours, settings, theirs, more):
    whole, part = network(), network()
    optimizer, first = ours(groups(whole, settings), **settings), ours(groups(part, settings), **settings)
    for step in range(20):
        backward(whole, step)
        optimizer.step()
    for step in range(7):
        backward(part, step)
        first.step()
    file = io.BytesIO()
    torch.save([part.state_dict(), first.state_dict()], file)
    file.seek(0)
    model_state, state = torch.load(file, weights_only=True)
    part = network()
    part.load_state_dict(model_state)
    second = ours(groups(part, {"lr": 1.0}), lr=1.0)  # settings come out of the file
    second.load_state_dict(state)
    for step in range(7, 20):
        backward(part, step)
        second.step()
    assert torch.equal(weights(part), weights(whole))


@every_pair
def test_a_run_of_torchs_is_continued_from_its_checkpoint(ours, settings, theirs, more):
    whole, part = network(), network()
    torchs, optimizer = (theirs(groups(model, settings), **settings, **more) for model in (whole, part))
    for step in range(20):
        if step == 10:
            state = optimizer.state_dict()
            optimizer = ours(groups(part, {"lr": 1.0}), lr=1.0)
            optimizer.load_state_dict(state)
        backward(whole, step)
        torchs.step()
        backward(part, step)
        optimizer.step()
    torch.testing.assert_close(weights(part), weights(whole), atol=1e-12, rtol=1e-12)


@every_class
def test_torchs_schedulers_drive_them(kind):
    model = network()
    optimizer = kind(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.0)
    backward(model, 0)
    optimizer.step()
    scheduler.step()
    moved = weights(model)
    backward(model, 1)
    optimizer.step()
    assert not torch.equal(moved, weights(network())) and torch.equal(moved, weights(model))


@every_class
def test_a_closure_is_run_with_gradients_and_its_loss_returned(kind):
    w = torch.tensor([3.0], requires_grad=True)

    def closure():
        loss = w.square().sum()
        loss.backward()
        return loss

    assert kind([w], lr=0.1).step(closure).item() == 9.0
    assert 0 < w.item() < 3.0


@every_class
def test_parameters_without_a_gradient_stay_and_get_no_state(kind):
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = kind([used, unused], lr=0.1, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    assert unused.eq(1).all() and unused not in optimizer.state
    assert used.ne(1).all()


def test_decay_stands_before_the_step_of_adamw_and_not_after():
    for kind in (optim.AdamW, torch.optim.AdamW):
        w = torch.ones(1, dtype=torch.float64, requires_grad=True)
        w.grad = torch.ones_like(w)
        kind([w], lr=0.1, weight_decay=0.5).step()
        assert w.item() == pytest.approx(0.85, abs=1e-7)  # 0.855 if the step were decayed as well


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: optim.SGD(p, lr=-0.1), "lr must be at least 0, got -0.1"),
        (lambda p: optim.Momentum(p, momentum=1.0), "momentum must be at least 0 and less than 1, got 1.0"),
        (lambda p: optim.Adagrad(p, eps=-1.0), "eps must be at least 0, got -1.0"),
        (lambda p: optim.RMSprop(p, alpha=1.5), "alpha must be .* got 1.5"),
        (lambda p: optim.Adam(p, betas=(0.9, -0.1)), r"betas\[1\] must be .* got -0.1"),
        (lambda p: optim.AdamW(p, weight_decay=float("nan")), "weight_decay must be at least 0, got nan"),
        (lambda p: optim.SGD([{"params": p, "lr": -1.0}]), "lr must be at least 0, got -1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make([torch.zeros(1)])


@pytest.mark.gpu
@every_class
def test_on_a_gpu_the_steps_are_those_of_the_cpu(kind):
    models = [network(), network(device="cuda")]
    for model in models:
        optimizer = kind(model.parameters(), lr=0.05, weight_decay=0.1)
        for step in range(20):
            backward(model, step)
            optimizer.step()
    torch.testing.assert_close(weights(models[0]), weights(models[1]).cpu(), atol=1e-9, rtol=1e-9)
