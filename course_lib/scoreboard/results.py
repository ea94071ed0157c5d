"""What the lessons measured on this computer, kept between sessions through `course_lib.store`."""

import math
import warnings
from typing import TypedDict, cast

from course_lib import store
from course_lib.scoreboard.texts import entropy_rate, known
from course_lib.train import interrupted

#: what the course will put on the board, and the lesson that does it
LADDER = {
    "uniform": "01_information",
    "unigram": "01_information",
    "bigram": "03_ngrams",
    "Kneser–Ney": "03_ngrams",
    "feed-forward": "08_neural_ngrams",
    "RNN": "09_rnn",
    "LSTM": "10_lstm",
    "attention": "12_attention",
    "Transformer": "15_gpt",
    "mixture of experts": "17_moe",
}
_LUCK = 0.1  # nats by which a held-out sample may be easier than the language: about 20 standard errors


class Place(TypedDict):
    """A line of the board: the model, and the lesson that measures it."""

    model: str
    lesson: str


class Entry(Place):
    """A line with its result."""

    nats_per_token: float
    parameters: int
    seconds: float


def record(
    model: str, nats_per_token: float, parameters: int, seconds: float, lesson: str, corpus: str = "mouse"
) -> None:
    """Put a result on the board, in place of an earlier one of the same model.

    model           its name; the names in LADDER fill the places that wait for them
    nats_per_token  cross-entropy on `held_out(corpus)`, natural logarithm
    parameters      how many numbers were learned (for a table of counts: its entries)
    seconds         how long the training took
    lesson          the file name of the lesson, as "12_attention"
    corpus          what it was measured on, "mouse" or "english"; each has a board of its own

    A result of a training that was interrupted, and did not go on since, is not put there; a warning says so.

    Raises ValueError for a result that cannot be: not finite, not above 0, clearly below the language's entropy rate.
    """
    nats_per_token, floor = float(nats_per_token), entropy_rate(corpus)
    if not (math.isfinite(nats_per_token) and nats_per_token > 0):
        raise ValueError(f"nats_per_token must be a finite number above 0, got {nats_per_token}")
    if floor is not None and nats_per_token < floor - _LUCK:
        raise ValueError(
            f"{nats_per_token:.3f} nats per token is below the entropy rate of the language, {floor:.3f}: the model "
            "must have seen the token it predicts, or the mean counts tokens that are not in the sample"
        )
    if far := interrupted(parameters):
        warnings.warn(
            f"{model} is not put on the board: its training was interrupted {far}. Run the cell that trains it again.",
            stacklevel=2,
        )
        return
    with store.changing(_file(corpus)) as board:
        board[model] = {
            "nats_per_token": nats_per_token,
            "parameters": int(parameters),
            "seconds": float(seconds),
            "lesson": lesson,
        }


def rows(corpus: str = "mouse") -> list[Entry]:
    """Return the results on the board, those of LADDER first and in its order."""
    board = store.load(_file(corpus))
    order = [name for name in LADDER if name in board] + sorted(set(board) - set(LADDER))
    return [cast(Entry, {"model": name, **board[name]}) for name in order]


def waiting() -> list[Place]:
    """Return the places on the toy language's board that no result fills yet, in the order of the course."""
    board = store.load(_file("mouse"))
    return [{"model": name, "lesson": lesson} for name, lesson in LADDER.items() if name not in board]


def _file(corpus: str) -> str:
    return "scoreboard" if known(corpus) == "mouse" else f"scoreboard-{corpus}"
