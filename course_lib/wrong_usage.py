"""The error of those who ask for what cannot be: every command ends with exit code 2 and prints its sentence."""


class WrongUsage(ValueError):
    """What was asked for makes no sense, or is not there; the message says what, and what to do instead."""
