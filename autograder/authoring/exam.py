"""`python -m autograder.authoring.exam LESSON …`: an exam drawn from the questions of lessons, and how to mark it.

The bank is every question that is answered in one's own words, with its model answer and rubric. As many are drawn from
each lesson as from every other, as far as that goes, so that no lesson is an accident of the draw.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.course_folder import CourseFolder, find_course
from course_lib.interview import Question, questions
from course_lib.wrong_usage import WrongUsage


def draw(bank: Sequence[Question], lessons: Sequence[str], n_questions: int, seed: int) -> list[Question]:
    """Return questions of some lessons, in the order of the course; the same seed draws the same ones.

    lessons      names, "12_attention" or "attention"; all lessons if there are none
    n_questions  how many

    Raises WrongUsage for a lesson without questions, and when there are fewer than are wanted.
    """
    known = {question.lesson for question in bank}
    named = {name if name in known else next((one for one in known if one[3:] == name), "") for name in lessons}
    if "" in named:
        wrong = ", ".join(name for name in lessons if name not in known and all(one[3:] != name for one in known))
        raise WrongUsage(f"There are no questions of {wrong}. There are some of: {', '.join(sorted(known))}.")
    of_lesson = {lesson: [one for one in bank if one.lesson == lesson] for lesson in sorted(named or known)}
    there = sum(map(len, of_lesson.values()))
    if not 1 <= n_questions <= there:
        raise WrongUsage(f"--questions must be from 1 to {there}, as many as these lessons have; got {n_questions}.")
    chance = random.Random(seed)
    drawn: list[Question] = []
    for some in of_lesson.values():
        chance.shuffle(some)
    while len(drawn) < n_questions:  # a round takes one of each lesson that has any left
        round_ = [lesson for lesson, some in of_lesson.items() if some]
        for lesson in chance.sample(round_, min(len(round_), n_questions - len(drawn))):
            drawn.append(of_lesson[lesson].pop())
    return [question for question in bank if question in drawn]


def exam_page(drawn: Sequence[Question]) -> str:
    """Return the exam as Markdown: the questions with their points."""
    total = sum(question.points for question in drawn)
    parts = [
        f"# Exam\n\n{len(drawn)} questions, {total:g} points. Answer in your own words; formulas count as words.\n"
    ]
    parts += [f"## {n} · {q.points:g} points\n\n{q.text}\n" for n, q in enumerate(drawn, 1)]
    return "\n".join(parts)


def answers_page(drawn: Sequence[Question]) -> str:
    """Return what whoever marks the exam needs, as Markdown: model answers and rubrics."""
    parts = ["# How to mark the exam\n"]
    for number, question in enumerate(drawn, 1):
        rubric = [f"- {f'{points:g}: ' if points else ''}{what}" for points, what in question.rubric]
        parts.append(f"## {number} · {question.points:g} points · {question.lesson}, `{question.id}`\n")
        parts += [question.answer + "\n", "\n".join(rubric) + "\n"]
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write an exam and its answers; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder.authoring.exam", description="An exam from the bank.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="for instance 12_attention; all if none is named")
    parser.add_argument("--questions", type=int, default=6, metavar="N", help="how many (default 6)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which draw (default 0)")
    parser.add_argument("--to", type=Path, metavar="DIR", help="folder to write to (default: build/exam)")
    options = parser.parse_args(arguments)
    try:
        course = find_course()
        drawn = draw(_with_answers(course), options.lessons, options.questions, options.seed)
    except WrongUsage as problem:
        print(f"exam: {problem}", file=sys.stderr)
        return 2
    to = options.to or course.root / "build" / "exam"
    to.mkdir(parents=True, exist_ok=True)
    for name, text in (("exam.md", exam_page(drawn)), ("answers.md", answers_page(drawn))):
        (to / name).write_text(text, encoding="utf-8")
        print(to / name)
    return 0


def _with_answers(course: CourseFolder) -> list[Question]:
    """Return the course's questions. Raises WrongUsage when this copy has no answers: students' copies have none."""
    bank = [question for question in questions() if question.answer]
    if not bank:
        raise WrongUsage(f"There are no model answers in {course.answers}: this is a students' copy of the course.")
    return bank


if __name__ == "__main__":
    sys.exit(main())
