"""What answers a lesson refuses while a check probes, however it is reached, and is whole afterwards."""

import dataclasses
import importlib

import pytest
import torch

import course_lib.attention
from course_lib import estimators, gpt, information, moe
from course_lib.attention import MultiHeadAttention
from course_lib.decoding.beam import Hypothesis
from course_lib.decoding.generation import stream
from course_lib.information import entropy
from course_lib.judging.absent import absent_names, leans_on, refusing
from course_lib.judging.exercise import Exercise, ExerciseId, of_one_lesson
from course_lib.judging.forbidden import ForbiddenCall

COIN = torch.tensor([0.5, 0.5])


def exercise(name, withheld, **options):
    return Exercise(ExerciseId(f"lesson.{name}"), "function", 1.0, "", withheld=withheld, **options)


@pytest.mark.parametrize(
    "call",
    [
        lambda: information.entropy(COIN),
        lambda: entropy(COIN),
        lambda: entropy(),
        lambda: importlib.import_module("course_lib.information").entropy(p=COIN),
        lambda: estimators.miller_madow_entropy(torch.tensor([1, 1])),
        lambda: stream(None, None),
        lambda: gpt.init_weights(None, 1),
        lambda: MultiHeadAttention(4, 2),
        lambda: course_lib.attention.MultiHeadAttention(),
        lambda: type("Mine", (MultiHeadAttention,), {})(4, 2),
        lambda: Hypothesis((), 0.0),
    ],
)
def test_a_name_refuses_by_any_road_while_it_is_absent(call):
    names = [
        "course_lib.information.entropy",
        "course_lib.attention.MultiHeadAttention",
        "course_lib.decoding.generation.stream",
        "course_lib.decoding.beam.Hypothesis",
        "course_lib.gpt.init_weights",
    ]
    with refusing(names), pytest.raises(ForbiddenCall):
        call()


def test_a_class_keeps_none_of_its_methods_while_it_is_absent():
    with refusing(["course_lib.attention.MultiHeadAttention"]):
        assert "from_torch" not in vars(MultiHeadAttention) and MultiHeadAttention.forward is torch.nn.Module.forward


def test_all_is_back_afterwards_even_after_an_error():
    attributes = {kind: dict(vars(kind)) for kind in (MultiHeadAttention, Hypothesis, moe.MoE)}
    names = ["course_lib.information.entropy", "course_lib.decoding.beam.Hypothesis", "course_lib.moe.MoE"]
    with pytest.raises(ZeroDivisionError), refusing([*names, "course_lib.attention.MultiHeadAttention"]):
        raise ZeroDivisionError
    assert entropy(COIN) > 0.69
    assert {kind: dict(vars(kind)) for kind in attributes} == attributes
    assert dataclasses.fields(Hypothesis)


def test_a_name_that_the_library_lacks_is_an_error_and_leaves_the_others_whole():
    names = ["course_lib.information.entropy", "course_lib.information.marzipan"]
    with pytest.raises(LookupError, match="marzipan"), refusing(names):
        pass
    assert entropy(COIN) > 0.69


def test_of_a_lesson_the_library_lacks_what_answers_any_of_its_exercises():
    one = exercise("one", ("course_lib.information.entropy", "torch.special.entr"))
    other = exercise("other", ("course_lib.information.perplexity",), needs=("one",))
    one, other = of_one_lesson([one, other])
    both = {"course_lib.information.entropy", "course_lib.information.perplexity"}
    assert absent_names(one) == absent_names(other) == both


def test_tested_versions_that_help_are_there_with_what_they_lean_on_and_never_the_answer_itself():
    needed = exercise("needed", ("course_lib.information.perplexity",))
    own = exercise("own", ("course_lib.information.entropy",))
    _, own = of_one_lesson([needed, own])
    assert leans_on("course_lib.information.perplexity") > {"course_lib.information.perplexity"}
    assert absent_names(own, ["course_lib.information.perplexity"]) == {"course_lib.information.entropy"}
