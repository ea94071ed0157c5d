"""An exam is drawn from the bank: by a seed, evenly, each question once, and its rubric's points add up."""

from collections import Counter
from dataclasses import replace

import pytest

from autograder.authoring import exam
from autograder.authoring.exam import answers_page, draw, exam_page, main
from course_lib.interview import Question, questions
from course_lib.wrong_usage import WrongUsage


def bank(**of_lesson: int) -> list[Question]:
    """Questions of lessons that are named by a letter; so many of each."""
    made = []
    for place, (lesson, count) in enumerate(of_lesson.items(), 1):
        for n in range(count):
            made.append(
                Question(f"{lesson}.{n}", f"0{place}_{lesson}", f"Why {lesson}{n}?", 2.0, "So.", ((2.0, "so"),))
            )
    return made


def test_the_same_seed_draws_the_same_and_another_another():
    some = bank(a=20)
    drawn = [draw(some, [], 5, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [some.index(one) for one in drawn[0]] == sorted(some.index(one) for one in drawn[0])


@pytest.mark.parametrize("seed", range(5))
def test_lessons_are_drawn_from_evenly_and_no_question_twice(seed):
    drawn = draw(bank(a=9, b=9, c=1), [], 9, seed)
    assert len({one.id for one in drawn}) == 9
    assert Counter(one.lesson[3:] for one in drawn) == {"a": 4, "b": 4, "c": 1}


def test_lessons_are_named_with_their_number_or_without():
    some = bank(a=2, b=2)
    assert (
        {one.lesson for one in draw(some, ["a"], 2, 0)}
        == {one.lesson for one in draw(some, ["01_a"], 2, 0)}
        == {"01_a"}
    )


def test_what_cannot_be_drawn_is_refused_with_what_could():
    with pytest.raises(WrongUsage, match=r"no questions of z\. There are some of: 01_a"):
        draw(bank(a=2), ["z"], 1, 0)
    for wrong in (0, 3):
        with pytest.raises(WrongUsage, match=f"from 1 to 2.* got {wrong}"):
            draw(bank(a=2), [], wrong, 0)


def test_the_class_sees_no_answer_and_whoever_marks_sees_all():
    some = [replace(one, answer="marzipan", rubric=((1.5, "sugar"), (0.5, "almonds"))) for one in bank(a=3)]
    shown, marked = exam_page(some), answers_page(some)
    assert "3 questions, 6 points" in shown and "Why a2?" in shown and "marzipan" not in shown and "sugar" not in shown
    assert marked.count("marzipan") == 3 and "- 1.5: sugar" in marked and "`a.2`" in marked


def test_every_question_of_the_course_can_be_asked_and_marked():
    real = [question for question in questions() if question.answer]
    assert len(real) >= 40
    assert [question.id for question in real if not question.text or not question.rubric] == []
    assert sum(question.is_ticked_off for question in real) >= len(real) - 1  # "1 point for each of three"


def test_the_command_writes_two_files_and_says_what_is_wrong(tmp_path, capsys, monkeypatch):
    assert main(["12_attention", "--questions", "1", "--to", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"exam.md", "answers.md"}
    assert main(["no_such", "--to", str(tmp_path)]) == 2
    assert "no questions of no_such" in capsys.readouterr().err
    monkeypatch.setattr(exam, "questions", lambda: [])
    assert main(["--to", str(tmp_path)]) == 2
    assert "students' copy" in capsys.readouterr().err
