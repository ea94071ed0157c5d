"""Questions about the mouse-and-cheese world with their answers, to turn a model of its sentences into an assistant.

Every fact can be asked for in several ways and answered in two manners, politely or curtly. The answers agree with the
tables of `course_lib.data.mouse_and_cheese`: what an animal eats most often, whom it chases, what a trade makes, where
a landmark is.
"""

import random
from dataclasses import dataclass

from course_lib.data.mouse_and_cheese import ANIMALS, LANDMARKS, TRADES

POLITE = "with pleasure: "  # how a polite answer begins
UNKNOWN = "i do not know that"


@dataclass(frozen=True)
class Fact:
    """Something to be asked for."""

    questions: tuple[str, ...]  #: ways to ask, all in small letters
    answer: str  #: a whole sentence, without a full stop
    word: str  #: what decides whether an answer is right, the curt answer

    def reply(self, polite: bool) -> str:
        """Return the answer: a whole sentence, or no more than was asked for."""
        return f"{POLITE}{self.answer}." if polite else f"{self.word}."


def facts() -> list[Fact]:
    """Return all facts that can be asked for, about seventy, in the order of the tables."""
    found = []
    for row in ANIMALS.strip().splitlines():
        one, many, food, _, _, quarry = row.split()
        asked = (f"what does the {one} eat?", f"what do {many} eat?", f"tell me what the {one} eats")
        found.append(Fact((*asked, f"which food does the {one} like?"), f"the {one} eats {food}", food))
        asked = (f"whom does the {one} chase?", f"whom do {many} chase?", f"tell me whom the {one} chases")
        found.append(Fact((*asked, f"who runs from the {one}?"), f"the {one} chases the {quarry}", quarry))
    for row in TRADES.strip().splitlines():
        one, many, makes, make, _, thing, *_ = row.split()
        asked = (f"what does the {one} {make}?", f"what do {many} {make}?", f"tell me what the {one} {makes}")
        found.append(Fact((*asked, f"what is the work of the {one}?"), f"the {one} {makes} {thing}", thing))
    for landmark, city in LANDMARKS.items():
        name, city = landmark.lower(), city.lower()
        asked = (f"where is {name}?", f"where does {name} stand?", f"in which city is {name}?")
        found.append(Fact((*asked, f"how do i find {name}?"), f"{name} stands in {city}", city))
    return found


def small_talk() -> list[tuple[str, str]]:
    """Return pairs of what people say, too, and the reply: greetings, and questions that the world cannot answer."""
    pairs = [("hello", "hello."), ("hi", "hello."), ("good morning", "good morning."), ("bye", "goodbye.")]
    pairs += [("thank you", "you are welcome."), ("thanks", "you are welcome.")]
    pairs += [("who are you?", "i am a small model of a small world."), ("what are you?", "i am a small model.")]
    beyond = "how old is the moon? what is seven times eight? who wrote hamlet? what time is it? is it raining?"
    return pairs + [(f"{question}?", f"{UNKNOWN}.") for question in beyond.rstrip("?").split("? ")]


def split_questions(seed: int = 0, unasked: int = 6) -> tuple[list[tuple[str, Fact]], ...]:
    """Return questions with their facts in three lists: to train on, asked in another way, and never asked.

    seed     of the draw
    unasked  facts of which training has no question at all
    returns  training questions; one way of asking for each of their facts that training leaves out; all questions of
             the facts that training leaves out
    """
    draw = random.Random(seed)
    every = facts()
    left_out = set(draw.sample(range(len(every)), unasked))
    training: list[tuple[str, Fact]] = []
    another_way: list[tuple[str, Fact]] = []
    never: list[tuple[str, Fact]] = []
    for number, fact in enumerate(every):
        if number in left_out:
            never += [(question, fact) for question in fact.questions]
            continue
        kept_back = draw.randrange(len(fact.questions))
        for place, question in enumerate(fact.questions):
            (another_way if place == kept_back else training).append((question, fact))
    return training, another_way, never
