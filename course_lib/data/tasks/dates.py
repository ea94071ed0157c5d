"""Dates as people write them in English, to be written as ISO 8601: “March 5th, 2024” → “2024-03-05”."""

import calendar
import datetime
import random
import string

from course_lib.data.tasks.task import Task

YEARS = range(1900, 2100)
# not calendar.month_name: that follows the computer's language
MONTHS = """
January February March April May June July August September October November December
""".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NOTATIONS = (
    "{month} {day}, {year}",
    "{day} {month} {year}",
    "{month} {ordinal}, {year}",
    "{ordinal} of {month} {year}",
    "the {ordinal} of {month}, {year}",
    "{short} {day}, {year}",
    "{day} {short} {year}",
    "{day}-{short}-{year}",
    "{weekday}, {month} {day}, {year}",
    "{weekday} {day} {month} {year}",
    "{year}, {month} {day}",
)


class Dates(Task):
    """Source: a day of the years 1900 to 2099 in one of eleven English notations. Target: the day in ISO 8601.

    Every day is equally likely, and so is every notation. The meaning is the day: a held-out day is not seen in
    training in any notation. A weekday may be named, and is right; it says nothing that the target needs.

    >>> import torch
    >>> Dates().sample(1, torch.Generator().manual_seed(0))
    [('the 29th of June, 1976', '1976-06-29')]
    """

    def __init__(self) -> None:
        super().__init__(string.digits + " ,-" + "".join(MONTHS + WEEKDAYS) + "the of st nd rd th")

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return a random day of YEARS in a random one of NOTATIONS, and in ISO 8601."""
        first, last = datetime.date(YEARS[0], 1, 1).toordinal(), datetime.date(YEARS[-1], 12, 31).toordinal()
        day = datetime.date.fromordinal(rng.randint(first, last))
        return self.write(day, rng.choice(NOTATIONS)), day.isoformat()

    @staticmethod
    def write(day: datetime.date, notation: str) -> str:
        """Return a day in one of NOTATIONS.

        >>> Dates.write(datetime.date(2024, 3, 5), NOTATIONS[4])
        'the 5th of March, 2024'
        """
        month = MONTHS[day.month - 1]
        return notation.format(
            year=day.year,
            month=month,
            short=month[:3],
            day=day.day,
            ordinal=f"{day.day}{_ending(day.day)}",
            weekday=WEEKDAYS[calendar.weekday(day.year, day.month, day.day)],
        )


def _ending(day: int) -> str:
    """Return what makes a number an ordinal: 1st, 2nd, 3rd, 4th … 11th, 12th, 13th … 21st."""
    return "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
