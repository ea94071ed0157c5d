"""What is said of code that does not come to an end, by the grader and by the check in a notebook alike."""


def computed_too_long(seconds: float) -> str:
    """Return the sentence about code that computed for more than so many seconds."""
    return f"It computed for more than {seconds:.3g} seconds. Is there a loop that never ends?"


def did_nothing(seconds: float) -> str:
    """Return the sentence about code that sat there for so many seconds."""
    return f"It did nothing for {seconds:.3g} seconds. Does it sleep, or wait for something that never comes?"
