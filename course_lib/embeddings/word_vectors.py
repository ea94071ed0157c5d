"""Words and their vectors together: ask with words, and read and write word2vec's text format."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from course_lib.embeddings.neighbours import analogy, cosine_similarities, nearest_neighbours


class WordVectors:
    """One vector for each word.

    words    V different words
    vectors  (V, D)

    `wv["cheese"]` is a vector (D,), `"cheese" in wv` tells whether there is one. Methods raise KeyError for a word that
    has none. Raises ValueError when a word comes twice, or vectors are not one for each word.

    >>> wv = WordVectors(["cat", "kitten", "eiffel"], torch.tensor([[2.0, 1.0], [2.0, 0.8], [-1.0, 3.0]]))
    >>> wv.nearest_neighbours("cat", k=1)
    [('kitten', 0.9965457916259766)]
    """

    def __init__(self, words: Sequence[str], vectors: Tensor) -> None:
        if vectors.dim() != 2 or len(vectors) != len(words):
            raise ValueError(f"vectors must have the shape ({len(words)}, D), got {tuple(vectors.shape)}")
        self.words, self.vectors = list(words), vectors
        self.ids = {word: i for i, word in enumerate(self.words)}
        if len(self.ids) < len(self.words):
            raise ValueError(f"words must be different from each other, got {len(words)} of which {len(self.ids)} are")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.ids

    def __getitem__(self, word: str) -> Tensor:
        return self.vectors[self._id(word)]

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine between the vectors of two words."""
        return cosine_similarities(self[a][None], self[b]).item()

    def nearest_neighbours(self, query: str | Tensor, k: int = 10) -> list[tuple[str, float]]:
        """Return the k words nearest to a word (without itself) or to a vector (D,), with their cosines."""
        if isinstance(query, str):
            return self._named(nearest_neighbours(self.vectors, self[query], k, [self._id(query)]))
        return self._named(nearest_neighbours(self.vectors, query, k))

    def analogy(self, a: str, b: str, c: str, k: int = 1, multiply: bool = False) -> list[tuple[str, float]]:
        """Return the k best answers to “a is to b as c is to …”, with their scores; see `neighbours.analogy`."""
        return self._named(analogy(self.vectors, self._id(a), self._id(b), self._id(c), k, multiply))

    def save(self, path: str | Path) -> None:
        """Write word2vec's text format: a line “V D”, then for each word a line with it and its D numbers.

        Numbers are written so that float32 is read back exactly. Raises ValueError for a word with white space in it.
        """
        for word in self.words:
            if len(word.split()) != 1 or word.strip() != word:
                raise ValueError(f"words must have no white space in them, got {word!r}")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(self)} {self.vectors.size(1)}\n")
            for word, vector in zip(self.words, self.vectors.tolist()):
                file.write(f"{word} {' '.join(f'{number:.9g}' for number in vector)}\n")

    @classmethod
    def load(cls, path: str | Path) -> "WordVectors":
        """Read word2vec's text format, from `save` or any other program, as float32 on the CPU.

        Raises ValueError for a file that is not what its first line says.
        """
        with open(path, encoding="utf-8", newline="\n") as file:
            head = file.readline().split()
            if len(head) != 2 or not all(number.isdigit() for number in head):
                raise ValueError(f"{path} must begin with a line of two numbers, words and dimensions, got {head}")
            n_words, d_model = map(int, head)
            words, vectors = [], torch.empty(n_words, d_model)
            for i in range(n_words):
                # other programs may leave a blank at the end of a line
                word, *numbers = file.readline().rstrip().split(" ")
                if len(numbers) != d_model:
                    raise ValueError(f"{path}, line {i + 2}: expected a word and {d_model} numbers, got {len(numbers)}")
                words.append(word)
                vectors[i] = torch.tensor([float(number) for number in numbers])
        return cls(words, vectors)

    def _id(self, word: str) -> int:
        if word not in self.ids:
            raise KeyError(f"there is no vector for {word!r}")
        return self.ids[word]

    def _named(self, found: tuple[Tensor, Tensor]) -> list[tuple[str, float]]:
        return [(self.words[i], score) for score, i in zip(*(part.tolist() for part in found))]
