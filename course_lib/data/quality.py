"""Rules that tell prose from what else is found on web pages, after those of Gopher (Rae et al. 2021, appendix A)."""

STOP_WORDS = frozenset("the be to of and that have with".split())


def failed_rules(text: str) -> list[str]:
    """Return the names of the rules that a text breaks, in this order; none: it would be kept.

    text     words are what stands between spaces

    - `length`: at least 50 words (Gopher also has 100,000 at most)
    - `word length`: 3 to 10 characters a word, on average
    - `symbols`: at most one # for ten words, and at most one ellipsis (... or …) for ten words
    - `letters`: at least 80 % of the words have a letter
    - `stop words`: at least two of the, be, to, of, and, that, have, with are words of the text, in any capitals

    Raises ValueError for a text without words. Gopher's rules for lines (bullets, ellipses) are not here.

    >>> failed_rules("1 2 3 4 5")
    ['length', 'word length', 'letters', 'stop words']
    """
    words = text.split()
    if not words:
        raise ValueError("text must have at least one word, got none")
    symbols = max(text.count("#"), text.count("...") + text.count("…"))
    holds = {
        "length": len(words) >= 50,
        "word length": 3 <= sum(map(len, words)) / len(words) <= 10,
        "symbols": symbols / len(words) <= 0.1,
        "letters": sum(any(map(str.isalpha, word)) for word in words) / len(words) >= 0.8,
        "stop words": len(STOP_WORDS.intersection(word.lower() for word in words)) >= 2,
    }
    return [rule for rule, kept in holds.items() if not kept]
