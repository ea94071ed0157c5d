"""How much training a lesson may spend: the full length, or a short one that still runs every line.

The test suite sets COURSE_BUDGET=short; anything else, or nothing, means full.
"""

import os


def budget(full: int, short: int) -> int:
    """Return the number of steps (or samples, or seconds) to spend: `full`, or `short` when COURSE_BUDGET=short."""
    return short if os.environ.get("COURSE_BUDGET") == "short" else full
