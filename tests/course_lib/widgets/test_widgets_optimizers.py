"""The ravine of lesson 05 redraws when a control moves and shows a picture where there is no kernel."""

from course_lib import optim
from course_lib.widgets.optimizers import ravine_explorer
from tests.widget_parts import require_redraws

RULES = {
    "SGD": (lambda w, g, t, lr: (optim.sgd_step(w, g, lr),), 0),
    "momentum": (lambda w, g, v, t, lr: optim.momentum_step(w, g, v, lr), 1),
    "Adam": (lambda w, g, m, v, t, lr: optim.adam_step(w, g, m, v, t, lr), 2),
}


def test_every_control_changes_the_picture():
    moves = {"first": "momentum", "second": "Adam", "log₁₀ of the rate": -1.6, "start, first weight": 2.0}
    moves |= {"start, second weight": -1.0, "curvature across": 50.0, "turned by (degrees)": 30.0}
    require_redraws(ravine_explorer(RULES, steps=20), moves)


def test_a_walk_that_leaves_the_picture_is_drawn_too():
    widget = ravine_explorer(RULES, steps=60)
    controls = {child.description: child for child in widget.children[0].children}
    controls["log₁₀ of the rate"].value = 0.5
    assert widget.children[2].value == ""  # no problem is reported
