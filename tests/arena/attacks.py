"""All attacks, in the order in which they are graded."""

from tests.arena import (  # noqa: F401 - each file enters its cases
    attacks_answers,
    attacks_careless,
    attacks_escaping,
    attacks_judging,
    attacks_leaks,
    attacks_notebook,
    attacks_peeking,
    attacks_places,
    attacks_protocol,
    attacks_resources,
    attacks_state,
)
from tests.arena.cases import CASES

__all__ = ["CASES"]
