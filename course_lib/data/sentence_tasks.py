"""Three questions about sentences of the mouse-and-cheese world, to be answered by a classifier.

- `person_or_animal`: who is the subject, judged by two numbers that say nothing about words. Classes overlap.
- `hidden_animals`: which animal was struck out, judged by the other words. The exact answer of the language is known.
- `agreement`: does the verb fit its subject? It depends on two words together and on no word alone.
"""

import torch
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.data.mouse_and_cheese import ANIMALS, TRADES, MouseAndCheese

_ANIMALS = [line.split()[:2] for line in ANIMALS.strip().splitlines()]
_TRADES = [line.split()[:2] for line in TRADES.strip().splitlines()]
_KIND = {noun: kind for kind, pairs in enumerate((_ANIMALS, _TRADES)) for pair in pairs for noun in pair}
_OTHER = {a: b for pair in _ANIMALS + _TRADES for a, b in (pair, pair[::-1])}
_SINGULAR = {pair[0] for pair in _ANIMALS + _TRADES}
ANIMAL_NAMES = tuple(pair[0] for pair in _ANIMALS)


def _stories(language: MouseAndCheese, generator: torch.Generator) -> list[tuple[list[str], int]]:
    """Return a few sentences that begin with “the”, an adjective or none, and a noun; and the noun's place."""
    found = []
    for ids in language.sample(1000, generator):
        words = language.decode(ids[:-1]).split()
        place = next((t for t, word in enumerate(words[:3]) if word in _KIND), None)
        if words[0] == "the" and place is not None:
            found.append((words, place))
    return found


def person_or_animal(n: int, generator: torch.Generator) -> tuple[list[str], Tensor, Tensor]:
    """Return n sentences, two features of each and what their subject is.

    returns  the sentences; features (n, 2), standardised over them: letters per word, words; labels (n,), 1.0 where the
             subject is a person, 0.0 where it is an animal

    Raises ValueError for fewer than 2 sentences, which have no standard deviation.
    """
    require_counts(2, n=n)
    language, stories = MouseAndCheese(), list[tuple[list[str], int]]()
    while len(stories) < n:
        stories += _stories(language, generator)
    stories = stories[:n]
    x = torch.tensor([[sum(map(len, words)) / len(words), len(words)] for words, _ in stories])
    labels = torch.tensor([float(_KIND[words[place]]) for words, place in stories])
    return [" ".join(words) for words, _ in stories], (x - x.mean(0)) / x.std(0), labels


def hidden_animals(n: int, generator: torch.Generator) -> tuple[list[str], Tensor, Tensor]:
    """Return n sentences whose subject, an animal, is written “???”, which animal it was, and what the language knows.

    returns  the sentences; targets (n,), an index into ANIMAL_NAMES; the exact probabilities of each animal given the
             other words, (n, 15) float64

    Raises ValueError for n below 1.
    """
    require_counts(n=n)
    language = MouseAndCheese()
    texts: list[str] = []
    targets: list[int] = []
    exact: list[Tensor] = []
    while len(texts) < n:
        for words, place in _stories(language, generator):
            if _KIND[words[place]] or len(texts) == n:
                continue
            before, after = language.encode(" ".join(words[:place])), language.encode(" ".join(words[place + 1 :]))
            log_probs = [
                [language.log_prob([*before, *language.encode(noun), *after, 0]) for noun in pair] for pair in _ANIMALS
            ]
            exact.append(torch.tensor(log_probs, dtype=torch.float64).logsumexp(1).softmax(0))
            targets.append(next(i for i, pair in enumerate(_ANIMALS) if words[place] in pair))
            texts.append(" ".join([*words[:place], "???", *words[place + 1 :]]))
    return texts, torch.tensor(targets), torch.stack(exact)


def agreement(n: int, generator: torch.Generator) -> tuple[list[str], Tensor]:
    """Return n sentences, half of them with a subject of the wrong number, and which are right.

    n        a multiple of 4: pairs that differ in the subject alone, half of them written about one, half about many
    returns  the sentences, in pairs; labels (n,): 1 where the verb fits its subject, else 0

    Each sentence that is right comes from the language, in the present tense; its twin, in which “mouse” has become
    “mice” or the other way round, has probability 0. Raises ValueError when n is no multiple of 4, or below it.
    """
    require_counts(4, n=n)
    if n % 4:
        raise ValueError(f"n must be a multiple of 4, got {n}")
    language = MouseAndCheese()
    pairs: tuple[list[list[str]], list[list[str]]] = ([], [])
    while min(map(len, pairs)) < n // 4:
        for words, place in _stories(language, generator):
            twin = [*words[:place], _OTHER[words[place]], *words[place + 1 :]]
            if language.log_prob(language.encode(" ".join([*twin, "<eos>"]))) == float("-inf"):
                pairs[words[place] in _SINGULAR].append([" ".join(words), " ".join(twin)])
    texts = [text for many, one in zip(*(some[: n // 4] for some in pairs)) for text in (*one, *many)]
    return texts, torch.tensor([1, 0] * (n // 2))


def padded(texts: list[str], vocabulary: dict[str, int], pad_id: int = 0) -> Tensor:
    """Return the ids of words separated by spaces, (n, T): short sentences are filled up with pad_id at their end."""
    rows = [[vocabulary[word] for word in text.split()] for text in texts]
    longest = max(map(len, rows))
    return torch.tensor([row + [pad_id] * (longest - len(row)) for row in rows])
