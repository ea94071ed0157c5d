"""Trying the mutants of a lesson: only of what changed since it was recorded as clean."""

from pathlib import Path

from autograder.authoring.lesson import read_lesson
from autograder.authoring.mutants.recorded import Row, content_of, deciding, mistakes_of, read_record, write_record
from autograder.authoring.mutants.slips import pairs_of, slips_of
from autograder.authoring.mutants.trial import Mutation, mutation
from autograder.authoring.reference import Reference


def mutations(path: Path, again: bool = False) -> list[Mutation]:
    """Return what became of the mutants of each function and class of a lesson, and record it.

    again  try those, too, that the record knows as clean

    Raises AuthoringError when the lesson cannot be read or its references do not run.
    """
    lesson, known, by = read_lesson(path), read_record(path), deciding()
    results, rows, reference = [], {}, None
    for exercise in lesson.exercises.values():
        if exercise.check.kind != "function":
            continue
        id, content = exercise.check.id, content_of(lesson, exercise)
        row, mistakes = known.get(id), mistakes_of(exercise)
        if row and row.content == content and row.by == by and not again:
            one, slips = Mutation(id, row.mutants, row.equivalent), row.slips
            if row.mistakes == mistakes:
                rows[id] = row
                results.append(one)
                continue
        else:
            reference = reference or Reference(lesson)
            one, slips = mutation(reference, exercise), slips_of(reference, exercise)
        reference = reference or Reference(lesson)
        pairs = pairs_of(reference, exercise, slips)
        rows[id] = Row(content, by if one.clean else "", one.total, one.equivalent, slips, mistakes, pairs)
        results.append(one)
    write_record(path, rows)
    return results
