"""What is taken of a place: the notebook's bytes, read once, or the reason why there is nothing to grade."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from autograder.classroom.places import Place
from autograder.classroom.timestamps import submission_time
from autograder.grading.refusal import NotGradable
from autograder.grading.submitted_file import take_notebook


@dataclass(frozen=True)
class Taken:
    """What was found of a submission.

    notes    on where it was, when it came, and what was repaired in finding it
    time     when it came, in UTC without a zone, or None
    refusal  why there is nothing to grade, or None
    """

    data: bytes
    notes: tuple[str, ...]
    time: datetime | None
    refusal: NotGradable | None = None

    @classmethod
    def of(cls, place: Place) -> Self:
        """Read the notebook of a submission, once."""
        time, _ = submission_time(place.folder)
        notes = notes_on(place)
        try:
            if place.problem:
                raise NotGradable(place.problem)
            data, more = take_notebook(place.folder, place.lesson)
            return cls(data, (*notes, *more), time)
        except NotGradable as refusal:
            return cls(b"", notes, time, refusal)


def notes_on(place: Place) -> tuple[str, ...]:
    """Return what there is to say about where a submission was and when it came."""
    _, note = submission_time(place.folder)
    return (*place.notes, note) if note else place.notes
