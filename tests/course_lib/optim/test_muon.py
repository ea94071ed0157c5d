"""Muon against torch.optim.Muon where torch has it, and Newton–Schulz against the SVD."""

import io

import pytest
import torch
from torch import nn

from course_lib.optim import Muon, muon_step, newton_schulz

needs_torchs = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
SHAPES = [(8, 8), (4, 12), (12, 4), (2, 3, 5, 7)]


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def polar(matrix):
    """U Vᵀ by the SVD."""
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    return u @ vt


@pytest.mark.parametrize("shape", SHAPES)
def test_the_cubic_iteration_converges_to_u_v_transposed(shape):
    matrix = random(*shape)
    torch.testing.assert_close(newton_schulz(matrix, 60, (1.5, -0.5, 0.0)), polar(matrix), atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_five_rounds_keep_the_vectors_and_bring_the_values_near_one(shape, scale):
    matrix = scale * random(*shape)
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    middle = u.mT @ newton_schulz(matrix) @ vt.mT
    values = middle.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(middle, torch.diag_embed(values), atol=1e-10, rtol=0)
    share = s / torch.linalg.matrix_norm(matrix)[..., None]
    assert values[share > 0.01].min() > 0.681 and values.max() < 1.135


def test_zeros_stay_zeros_and_nothing_is_changed():
    matrix = random(3, 5)
    copy = matrix.clone()
    newton_schulz(matrix)
    assert torch.equal(matrix, copy)
    assert torch.equal(newton_schulz(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match=r"at least two dimensions, got the shape \(3,\)"):
        newton_schulz(torch.ones(3))


@needs_torchs
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", [(6, 6), (4, 10), (10, 4)])
def test_ten_steps_equal_torchs_up_to_its_bfloat16(shape, nesterov):
    settings = {"lr": 0.1, "momentum": 0.8, "nesterov": nesterov, "weight_decay": 0.3}
    one, two = random(*shape).requires_grad_(), random(*shape).requires_grad_()
    mine, torchs = Muon([one], **settings), torch.optim.Muon([two], **settings)
    for step in range(10):
        one.grad = random(*shape, seed=step + 1)
        two.grad = one.grad.clone()
        mine.step()
        torchs.step()
    moved = (one - random(*shape)).norm()
    assert (one - two).norm() < 0.02 * moved
    torch.testing.assert_close(
        mine.state[one]["momentum_buffer"], torchs.state[two]["momentum_buffer"], atol=1e-12, rtol=1e-12
    )


@needs_torchs
def test_the_defaults_are_torchs_and_its_checkpoint_is_continued():
    w = random(4, 6).requires_grad_()
    torchs, mine = torch.optim.Muon([w]), Muon([w], lr=1.0)
    assert Muon([w]).defaults == {name: torchs.defaults[name] for name in Muon([w]).defaults}
    w.grad = random(4, 6, seed=1)
    torchs.step()
    mine.load_state_dict(torchs.state_dict())
    assert mine.param_groups[0]["lr"] == 1e-3
    mine.step()
    torch.testing.assert_close(mine.state[w]["momentum_buffer"], (1 - 0.95**2) * w.grad)


def test_a_run_that_was_saved_and_loaded_goes_on_bit_for_bit():
    def run(w, optimizer, steps):
        for step in steps:
            w.grad = random(4, 6, seed=step)
            optimizer.step()

    whole, part = random(4, 6).requires_grad_(), random(4, 6).requires_grad_()
    run(whole, Muon([whole], lr=0.1), range(9))
    first, file = Muon([part], lr=0.1), io.BytesIO()
    run(part, first, range(4))
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = Muon([part], lr=1.0)
    second.load_state_dict(torch.load(file, weights_only=True))
    run(part, second, range(4, 9))
    assert torch.equal(whole, part)


def test_the_length_of_the_gradient_does_not_matter_and_taller_matrices_step_farther():
    w = torch.zeros(8, 2, dtype=torch.float64)
    short, _ = muon_step(w, random(8, 2), w, lr=0.1)
    long, _ = muon_step(w, 1000 * random(8, 2), w, lr=0.1)
    torch.testing.assert_close(short, long, atol=1e-9, rtol=0)
    wide, _ = muon_step(w.T, random(8, 2).T, w.T, lr=0.1)
    torch.testing.assert_close(short, 2 * wide.T)


def test_a_network_learns_with_muon_inside_and_adamw_around_it():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    inner = [net[2].weight]
    rest = [p for p in net.parameters() if p is not inner[0]]
    both = [Muon(inner, lr=0.02), torch.optim.AdamW(rest, lr=0.01)]
    x = random(64, 4, dtype=torch.float32)
    y, losses = (x[:, :1] * x[:, 1:2]), []
    for _ in range(200):
        loss = (net(x) - y).square().mean()
        net.zero_grad()
        loss.backward()
        for optimizer in both:
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("wrong", [torch.zeros(3), torch.zeros(2, 3, 4)])
def test_what_is_no_matrix_is_refused(wrong):
    with pytest.raises(ValueError, match="Muon is for matrices"):
        Muon([wrong])
    with pytest.raises(ValueError, match="Muon is for matrices"):
        muon_step(wrong, wrong, wrong)


def test_settings_and_shapes_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="momentum must be at least 0 and less than 1"):
        Muon([torch.zeros(2, 2)], momentum=1.0)
    with pytest.raises(ValueError, match=r"must have the shape of param, \(2, 2\), got \(2, 3\) and \(2, 2\)"):
        muon_step(torch.zeros(2, 2), torch.zeros(2, 3), torch.zeros(2, 2))
