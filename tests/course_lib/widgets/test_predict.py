"""Predict first: an answer is kept once, shown beside the result, and never needed to go on."""

import ipywidgets
import pytest

from course_lib import store
from course_lib.figures import style
from course_lib.widgets import predict
from course_lib.widgets.predict import predict_choice, predict_curve, predict_number
from tests.widget_parts import find


def number():
    return predict_number("06_x.kept", "How many are kept?", low=0, high=50, unit="coefficients")


def choice():
    return predict_choice("06_x.which", "Which falls?", {"a": "the first", "b": "the <second>"})


def curve():
    return predict_curve("06_x.line", "How does it rise?", x=[1, 2, 4], x_label="n", y_label="nats", low=0, high=3)


def commit(box):
    find(box, ipywidgets.Button).click()


@pytest.fixture
def revealed(monkeypatch):
    def page(box, result) -> str:
        shown = []
        for module in (predict, style):
            monkeypatch.setattr(module, "display", shown.append)
        box.reveal(result)
        (one,) = shown
        return one._repr_html_()

    return page


def test_a_number_is_kept_and_shown_beside_the_result(revealed):
    box = number()
    find(box, ipywidgets.IntSlider).value = 20
    commit(box)
    page = revealed(number(), 12)  # another session: the cell is run again
    assert "You predicted <b>20 coefficients</b>. It is <b>12 coefficients</b>." in page


def test_a_choice_is_shown_in_words_and_nothing_is_kept_until_one_is_chosen(revealed):
    box = choice()
    commit(box)
    assert store.load("predictions") == {}
    find(box, ipywidgets.RadioButtons).value = "b"
    commit(box)
    assert "You predicted <b>the &lt;second&gt;</b>. It is <b>the first</b>." in revealed(box, "a")


def test_a_curve_is_drawn_with_the_result(revealed):
    box = curve()
    first = find(box, ipywidgets.FloatSlider)
    first.value = 0.6
    commit(box)
    page = revealed(box, [1, 2, 5])
    assert "The result, 1, 2, 5, beside your prediction, 0.6, 1.5, 1.5." in page


@pytest.mark.parametrize(
    ("make", "result", "said"), [(number, 3, "You did not predict."), (curve, [1, 2, 3], "The result, 1, 2, 3.")]
)
def test_who_did_not_predict_sees_the_result_alone(make, result, said, revealed):
    assert said in revealed(make(), result)


@pytest.mark.parametrize("make", [number, choice, curve])
def test_a_prediction_is_made_once(make):
    box = make()
    if radio := find(box, ipywidgets.RadioButtons):
        radio.value = "a"
    commit(box)
    again = make()
    assert find(again, ipywidgets.Button).disabled
    assert "already" in again.children[-1].value


def test_a_page_without_widgets_asks_the_question():
    assert "How many are kept?" in number()._repr_mimebundle_()["text/html"]
    assert "the &lt;second&gt;" in choice()._repr_mimebundle_()["text/html"]


def test_a_damaged_entry_counts_as_no_prediction(revealed):
    store.save("predictions", {"06_x.kept": 3})
    assert not find(number(), ipywidgets.Button).disabled
    assert "You did not predict." in revealed(number(), 12)


def test_a_slider_without_room_is_refused():
    with pytest.raises(ValueError, match="low must be below high, got 3 and 3"):
        predict_number("x.y", "?", low=3, high=3)
