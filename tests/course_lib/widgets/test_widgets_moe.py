"""The widgets of the mixture of experts redraw, and watching the loads changes nothing about the training."""

import ipywidgets
import pytest
import torch

from course_lib.moe import MoE, auxiliary_loss
from course_lib.train import Trainer
from course_lib.widgets.moe import capacity_explorer, expert_reader, router_explorer, watch_loads
from tests.widget_parts import controls, require_redraws

TOKENS = ["the", "mouse", "sleeps"]


def test_the_router_explorer_follows_another_token_and_another_number_of_experts():
    widget = router_explorer(TOKENS, torch.randn(3, 4, generator=torch.Generator().manual_seed(0)))
    require_redraws(widget, {"token": 2, "experts per token": 1})
    assert "“the”" in widget._repr_mimebundle_()["text/html"]
    with pytest.raises(ValueError, match=r"\(3, experts\), got \(2, 4\)"):
        router_explorer(TOKENS, torch.zeros(2, 4))


def test_the_capacity_explorer_redraws_for_every_control():
    widget = capacity_explorer()
    require_redraws(widget, {"imbalance": 3.0, "experts per token": 1, "capacity factor": 2.0})


def test_the_reader_shows_the_expert_of_every_word_in_the_chosen_layer():
    widget = expert_reader([TOKENS], [torch.tensor([[0, 1, 2], [3, 3, 3]])])
    page = next(child for child in widget.children if isinstance(child, ipywidgets.HTML))
    assert ">2<" in page.value and ">3<" not in page.value
    controls(widget)["layer"].value = 2
    assert ">3<" in page.value and ">2<" not in page.value


def trainer():
    torch.manual_seed(0)
    model = MoE(4, 4, 3, 1)
    return Trainer(
        model,
        lambda generator: torch.randn(2, 8, 4, generator=generator),
        lambda moe, x: (moe(x) - x).square().mean() + auxiliary_loss(moe),
        steps=12,
    )


def test_watching_the_loads_passes_every_step_on_with_shares_that_sum_to_one(capsys):
    watched, alone = trainer(), trainer()
    seen = list(watch_loads(watched, watched.model, "toy"))
    assert [step.loss for step, _ in seen] == [step.loss for step in alone]
    assert all(loads.sum().item() == pytest.approx(1.0) for _, loads in seen)
    assert "[figure: Bands of each expert's share" in capsys.readouterr().out
