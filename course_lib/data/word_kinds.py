"""What kind of word each word of the mouse-and-cheese language is: the truth that word vectors are asked to recover."""

from collections import defaultdict

from course_lib.data.mouse_and_cheese import (
    ADJECTIVES,
    ADVERBS,
    ANIMALS,
    DAYS,
    LANDMARKS,
    MEN,
    NEAR,
    PLACES,
    TRADES,
    VERBS,
    WOMEN,
)  # fmt: skip


def word_kinds() -> dict[str, str]:
    """Return word → kind, in the order of the grammar; kinds of verbs say form and use, such as “verb sg eat”.

    Words that the grammar uses in two kinds (*fish* is eaten and cooked) are left out, and so are the words that are
    alone in their kind (*the*, *that*, *to*).

    >>> kinds = word_kinds()
    >>> kinds["mouse"], kinds["mice"], kinds["eats"], "fish" in kinds
    ('animal', 'animals', 'verb sg eat', False)
    """
    found: dict[str, set[str]] = defaultdict(set)

    def add(kind: str, *words: str) -> None:
        for word in words:
            found[word].add(kind)

    for one, many, *diet, _ in _rows(ANIMALS):
        add("animal", one)
        add("animals", many)
        add("food", *diet)
    for one, many, verb_one, verb_many, past, *works in _rows(TRADES):
        add("trade", one)
        add("trades", many)
        add("work", *works)
        add("verb sg trade", verb_one)
        add("verb pl trade", verb_many)
        add("verb past trade", past)
    for use, verbs in VERBS.items():
        for verb in verbs.split(","):
            for form, word in zip(("sg", "pl", "past"), verb.split()):
                add(f"verb {form} {use}", word)
    for pair in PLACES.split(","):
        for kind, word in zip(("place", "places"), pair.split()):
            add(kind, word)
    add("adjective", *ADJECTIVES)
    add("adverb", *ADVERBS)
    add("day", *DAYS)
    add("preposition", *NEAR)
    add("name", *WOMEN, *MEN)
    add("city", *LANDMARKS.values())
    return {word: next(iter(kinds)) for word, kinds in found.items() if len(kinds) == 1}


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]
