# ---
# jupyter:
#   course:
#     title: What is a token?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What is a token?

A language model never sees text. It sees a list of numbers, and somebody has decided which pieces of text they number: letters, words, or something between. Move the slider: the same {{five lines : len(lines.splitlines()) == 5}}, cut by the
same method, with a vocabulary of {{256 = sizes[0]}} pieces, of {{300 = sizes[1]}}, of {{4,096 = sizes[-1]}}. Where would *you* cut?
"""

# %% setup=true
import math
import re
from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor

from course_lib.checks import check, show_answer, yours
from course_lib.tokenization import gpt2_words

torch.set_printoptions(precision=3)

# %%
from course_lib import tokenization
from course_lib.budget import budget
from course_lib.data.corpora import english, python_sources
from course_lib.figures import tokenization as figures
from course_lib.figures.style import show
from course_lib.tokenization import bert_words, steps
from course_lib.widgets.tokenization import (
    compression_explorer,
    merge_explorer,
    token_texts,
    vocabulary_explorer,
)

sizes = [256, 300, 400, 600, 1000, 2000, 4096]
n_chars = budget(full=400_000, short=150_000)
both = tokenization.train_bpe([english(n_chars), python_sources(n_chars)], vocab_size=4096)
lines = """The mouse's cheese stood near the Eiffel Tower in Paris.
Le café était très bon. 老鼠吃了奶酪 🐭
for mouse in sorted(mice):
    print(mouse.name, end="")
unbelievable mouseholes, 1889 metres"""
vocabulary_explorer(both, lines, sizes, at=4)

# %% [markdown]
r"""
A coloured box is a ***token***; · is a space, ⏎ a new line, and ‹c3› a single byte that is no character by itself.
"""

# %% [markdown]
r"""
## What you will be able to do

- say what is lost with characters, with words and with bytes, and measure the share of unknown words;
- train, encode and decode byte-pair encoding, with ties, repeated letters and broken UTF-8 handled, and say why encoding follows the *ranks* and not the longest match;
- encode with WordPiece, compute its score, and say what is wrong with the score;
- find the most probable cut of a word with dynamic programming, as the Unigram tokenizer does;
- tell algorithms (BPE, WordPiece, Unigram) from libraries (SentencePiece, tokenizers, tiktoken);
- compare language models whose tokens differ, in nats per byte, and not fall for nats per token;
- put a tokenizer of your own together that gives every text back, and whose ids are the library's;
- find near-duplicates in a text without comparing everything with everything, and say what a quality filter gets wrong.

**Time** about 90 minutes, best in two sittings (sections 1 to 4, and the rest); another 120 for what is marked optional. **Builds on** [00 Start here](00_start_here.ipynb) and [01 Information](01_information.ipynb) (surprise, cross-entropy).
**Sizes** $V$ tokens in the vocabulary, $T$ tokens in a text.
"""

# %% [markdown]
r"""
## 1. Three first ideas, and what is wrong with each

A ***tokenizer*** is a pair of functions. `encode` turns a text into ids, whole numbers from $0$ to $V - 1$; `decode` turns ids into a text. The ***vocabulary*** says which piece of text has which id. It is made once, before the model is trained, and then never changed:
the model has a row of numbers for each id, and knows nothing else about the piece.

Early language models took **words** or **characters**. A third idea is **bytes**: computers store text as bytes anyway.
"""

# %%
story = "The mouse ate the cheese. The cat ate the mouse. Nobody ate the bird before."
first_ideas = {
    "words": tokenization.train_words(story, 100),
    "characters": tokenization.train_characters(story),
    "bytes": tokenization.Bytes(),
}
new, n_tokens = "The rat ate the café.", {}
for name, tokenizer in first_ideas.items():
    ids = tokenizer.encode(new)
    n_tokens[name] = len(ids)
    print(f"{name:10} V = {tokenizer.vocab_size:3}, {len(ids):2} tokens: {ids}")
    print(f"{'':10} back: {tokenizer.decode(ids)}")

# %% [markdown]
r"""
- **Words** make short sequences. But *rat* and *café* were not in the training text, so both became {{the same id : first_ideas["words"].encode(new).count(0) == 2}}, `<unk>` (*unknown*), and what they said is gone. Such words are called ***out-of-vocabulary***. The
{{space before the full stop : first_ideas["words"].decode(first_ideas["words"].encode(new)).endswith(" .")}} was not there either: where the spaces were is forgotten.
- **Characters** forget little: {{only *é* is unknown : {c for c in new if c not in story} == {"é"}}}. The sequence is
{{several times as long : n_tokens["characters"] > 3 * n_tokens["words"]}}.
- **Bytes** forget nothing: every text there is, in every language, is a sequence of {{256 = first_ideas["bytes"].vocab_size}} values. The sequence is
{{the longest : n_tokens["bytes"] == max(n_tokens.values()) > n_tokens["characters"]}}.

In UTF-8, the letters a–z, digits and common punctuation (ASCII) take {{one byte : {len(c.encode()) for c in "az09 .("} == {1}}}, *é* {{two : len("é".encode()) == 2}},
*老* {{three : len("老".encode()) == 3}}, and 🐭 {{four : len("🐭".encode()) == 4}}.

### Question · bytes_of_a_text

How many tokens does a byte tokenizer make of `très café` ({{nine characters : len("très café") == 9}}, one space among them)?
"""

# %% exercise="bytes_of_a_text" points=1 kind="number"
### BEGIN SOLUTION
bytes_of_a_text = len("très café".encode())  # 11
### END SOLUTION


# %% judge="bytes_of_a_text" active="py"
def judge(case, expected, got):
    return compare(expected, got)  # an integer is exact, and not right to 1 %


# %% mistake="bytes_of_a_text" name="characters" hint="That counts characters. The two accented letters take two bytes each in UTF-8." active="py"
bytes_of_a_text = 9

# %% mistake="bytes_of_a_text" name="without_space" hint="The space is a byte too." active="py"
bytes_of_a_text = 10

# %% mistake="bytes_of_a_text" name="all_double" hint="Only è and é take two bytes; plain letters and the space take one." active="py"
bytes_of_a_text = 18

# %% [markdown]
r"""
### The words that are not there

How serious is `<unk>`? A vocabulary of words is a list of the most frequent ones. Count which share of the running words of a *new* text is not on it. (Of the words as they come, each as often as it comes: the reader stumbles every time.)

By hand: the text *the mouse the cat* and the vocabulary {the, mouse}: {{one of four : unknown_share("the mouse the cat".split(), ["the", "mouse"]) == 1 / 4}} running words is unknown, $\tfrac14$. (Of the three *different* words,
one of three; that is another number.)

### Exercise · unknown_share · optional
"""


# %% exercise="unknown_share" points=1 optional=true withheld="course_lib.tokenization.steps.unknown_share"
def unknown_share(words: list[str], vocab: list[str]) -> float:
    """Return which share of the running words is not in the vocabulary.

    words    the words of a text in their order, repetitions included
    vocab    the known words
    returns  between 0 and 1; 0.0 for a text without words

    Example: unknown_share(["the", "mouse", "the", "cat"], ["the", "mouse"]) is 0.25.
    """
    ### BEGIN SOLUTION
    if not words:
        return 0.0
    known = set(vocab)
    return sum(word not in known for word in words) / len(words)
    ### END SOLUTION


# %% [markdown] hints="unknown_share"
r"""
1. What should happen with no words at all, before you divide by their number?
2. Count the running words that are not in the vocabulary, repetitions included, and divide by the number of running words. A `set` of the vocabulary makes it fast.
3. `sum(word not in … for word in words) / …`
"""


# %% cases="unknown_share" active="py"
def cases(seed):
    yield Case({"words": ["the", "mouse", "the", "cat"], "vocab": ["the", "mouse"]}, note="the example by hand")
    yield Case({"words": [], "vocab": ["the"]}, note="no words")
    yield Case({"words": ["The", "the"], "vocab": ["the", "cat"]}, note="a capital letter makes another word")
    yield Case({"words": ["cat", "cat", "cat", "the"], "vocab": ["the"]}, note="one unknown word, three times")
    yield Case({"words": ["he", "the", "he"], "vocab": ["the"]}, note="a word inside a known word")
    yield Case({"words": ["the", "cat"], "vocab": []}, note="an empty vocabulary")
    for i in range(3):
        picked = random_integers(3 * seed + i, 0, 6, 20 + i).tolist()
        yield Case(
            {"words": [f"w{k}" for k in picked], "vocab": ["w0", "w1", "w2", "w9"][: 2 + i]}, note="random words"
        )


# %% equivalents="unknown_share" active="py"
equivalents = {
    "set(vocab) → vocab": "the same share, more slowly",
}


# %% mistake="unknown_share" name="different_words" hint="You counted different words. Each running word counts: an unknown word that comes three times is met three times." active="py"
def unknown_share(words, vocab):
    return len(set(words) - set(vocab)) / len(set(words)) if words else 0.0


# %% mistake="unknown_share" name="known" hint="That is the share that is known. Subtract it from 1." active="py"
def unknown_share(words, vocab):
    return sum(word in vocab for word in words) / len(words) if words else 0.0


# %% mistake="unknown_share" name="of_the_vocabulary" hint="You divided by the size of the vocabulary; it is a share of the text's words." active="py"
def unknown_share(words, vocab):
    return sum(word not in vocab for word in words) / len(vocab) if words else 0.0


# %% mistake="unknown_share" name="inside_others" hint="A word that is a part of a known word is not known: compare whole words, as `in` does with a list or a set." active="py"
def unknown_share(words, vocab):
    text = " ".join(vocab)
    return sum(word not in text for word in words) / len(words) if words else 0.0


# %% mistake="unknown_share" name="lower_case" hint="You ignored capitals. To this vocabulary *The* and *the* are two words." active="py"
def unknown_share(words, vocab, right=unknown_share):
    return right([word.lower() for word in words], [word.lower() for word in vocab])


# %% mistake="unknown_share" name="empty_is_unknown" hint="Right for texts with words. A text without any has no unknown ones: 0.0." active="py"
def unknown_share(words, vocab, right=unknown_share):
    return right(words, vocab) if words else 1.0


# %% mistake="unknown_share" name="empty" hint="Right for texts with words. Without any, you divided by 0: return 0.0." active="py"
def unknown_share(words, vocab):
    return sum(word not in vocab for word in words) / len(words)


# %% [markdown]
r"""
Real text, in two languages: English prose and Python source, both from this computer's own Python installation (so the numbers differ a little between Python versions).
"""

# %%
from course_lib.tokenization.pretokenize import count_words

my_unknown_share = yours("tokenization.unknown_share", steps.unknown_share)
sources = {"English": english, "Python": python_sources}
long = {name: source(budget(full=1_000_000, short=100_000)) for name, source in sources.items()}
new_text = {name: source(50_000, held_out=True) for name, source in sources.items()}
word_sizes = [500, 1000, 2000, 4000, 8000, 16_000]
counts, unknown = {}, {}
for name, text in long.items():
    ranked = count_words(text, bert_words).most_common()
    counts[name] = [n for _, n in ranked]
    vocabs = ([word for word, _ in ranked[:size]] for size in word_sizes)
    unknown[name] = [my_unknown_share(bert_words(new_text[name]), vocab) for vocab in vocabs]
figure = figures.rare_words(counts, unknown, word_sizes)
show(figure, alt="Left: occurrences against rank, two nearly straight falling lines on "
     "logarithmic axes. Right: the share of unknown words falls as the vocabulary grows, and "
     "levels off above zero.")  # fmt: skip

# %% [markdown]
r"""
On logarithmic axes the counts fall on something close to a straight line, ***Zipf's law*** (Zipf 1949): a few words are everywhere, and {{about a third of the *different* words : all(0.3 < seen.count(1) / len(seen) < 0.4 for seen in counts.values())}} occurs once. No list is long enough. The
right panel levels off {{above zero : all(shares[-1] > 0.02 for shares in unknown.values())}}, at {{2 % = unknown["English"][-1] ± 1 %}} of the running words for English and
{{5 % = unknown["Python"][-1] ± 2 %}} for Python, because new text always brings words that the old text did not have: names, compounds, numbers, typing errors. And each word on the list costs: a model has a row of `d_model` numbers for each of its $V$ tokens.
"""

# %%
V, d_model = 50_257, 768  # GPT-2 small, 124,439,808 parameters in all (Radford et al. 2019)
table = V * d_model
print(f"GPT-2 small's table of tokens: {table:,} numbers, {table / 124_439_808:.0%} of the model")
million = 1_000_000 * d_model
print(f"the same table for a million words: {million:,}, {million / 124_439_808:.1f} × GPT-2 small")

# %% [markdown]
r"""
So there is a trade-off between sequences that are too long (characters, bytes) and lists that are too long and still not complete (words). ***Subwords*** settle it: frequent words are one token, rare words are spelled out of parts, and nothing is unknown. What remains
is how to choose the parts.
"""

# %% [markdown]
r"""
## 2. Byte-pair encoding: count, merge, repeat

***Byte-pair encoding*** (**BPE**) began as a way to compress files (Gage 1994); Sennrich, Haddow and Birch (2016) made a tokenizer of it.

1. Cut every word of the training text into characters. These are the first tokens.
2. Count how often each pair of neighbouring tokens occurs.
3. Merge the most frequent pair into a new token, everywhere. Remember this merge.
4. Go to 2, until the vocabulary is as large as you want.
"""

# %% [markdown]
r"""
By hand, with four words and how often each occurs in a text (no pair crosses the border of a word):

| word | times | characters |
|---|---|---|
| low | 5 | l o w |
| lower | 2 | l o w e r |
| newest | 6 | n e w e s t |
| widest | 3 | w i d e s t |

*es* occurs in *newest* (6 times) and *widest* (3): {{9 = pair_counts([(list(word), n) for word, n in corpus.items()])["e", "s"]}}. *st* too: {{9 = pair_counts([(list(word), n) for word, n in corpus.items()])["s", "t"]}}. *lo* occurs
$5 + 2 = {{7 = pair_counts([(list(word), n) for word, n in corpus.items()])["l", "o"]}}$ times, *we* $2 + 6 = {{8 = pair_counts([(list(word), n) for word, n in corpus.items()])["w", "e"]}}$ times.
The most frequent are {{*es* and *st* : {pair for pair, n in pair_counts([(list(word), n) for word, n in corpus.items()]).items() if n == 9} == {("e", "s"), ("s", "t")}}}, a tie. A rule is needed, or two people get two tokenizers:
here, **the pair that sorts first** wins, so {{*es* : train_bpe([(list(word), n) for word, n in corpus.items()], 1) == [("e", "s")]}}. Move the slider to see the rest.
"""

# %%
corpus = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
merge_explorer(corpus)

# %% [markdown]
r"""
### Exercise · pair_counts

Step 2. A *word* is a pair `(tokens, times)`: the tokens that it is cut into at present, and how often it occurs.
"""


# %% exercise="pair_counts" points=2 withheld="course_lib.tokenization.steps.pair_counts course_lib.tokenization.pairs.PairCounts"
def pair_counts(words: list[tuple[list[str], int]]) -> dict[tuple[str, str], int]:
    """Return how often each pair of neighbouring tokens occurs in the text.

    words    (tokens, times) of each different word: its tokens, and how often the word occurs
    returns  (left, right) → number of occurrences. Each place counts, so a, a, a holds the pair
             (a, a) twice. A pair that does not occur is not in it

    Example: pair_counts([(["l", "o", "w"], 5), (["l", "o"], 2)]) is {("l", "o"): 7, ("o", "w"): 5}.
    """
    ### BEGIN SOLUTION
    counts = Counter()
    for tokens, times in words:
        for pair in pairwise(tokens):
            counts[pair] += times
    return dict(counts)
    ### END SOLUTION


# %% [markdown] hints="pair_counts"
r"""
1. By how much should the count of a pair grow for a word that occurs 5 times?
2. `pairwise(tokens)` yields the neighbours within a word. Go through the words, and through the neighbours of each, and add the word's times.
3. `counts[…] += …`, in two loops, with `counts = Counter()` before them.
"""


# %% cases="pair_counts" active="py"
def cases(seed):
    yield Case({"words": [(["l", "o", "w"], 5), (["l", "o"], 2)]}, note="low and lo")
    yield Case({"words": [(["a", "a", "a"], 1)]}, note="a, a, a")
    yield Case({"words": [(["a"], 3)]}, note="a word of one token")
    yield Case({"words": [(["e", "s", "t"], 1), (["es", "t"], 2), (["t", "es"], 4)]}, note="tokens of several letters")
    yield Case({"words": [([" ", "t", "h"], 2), (["t", "h"], 1)]}, note="a token that is a space")
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 4, 6 + i, 6).tolist()
        words = {tuple(["a", "b", "ab", " "][k] for k in row[1:]): 1 + row[0] for row in draw}
        yield Case({"words": [(list(word), times) for word, times in words.items()]}, note="random words")


# %% probe="pair_counts" active="py"
def probe(student, case):
    return sorted(([plain(pair), times] for pair, times in student(**case).items()), key=repr)


# %% mistake="pair_counts" name="joined_keys" hint="Your keys are joined strings. (ab, c) and (a, bc) would be one key then: a pair is a tuple (left, right)." active="py"
def pair_counts(words, right=pair_counts):
    counts = Counter()
    for (a, b), times in right(words).items():
        counts[a + b] += times
    return counts


# %% mistake="pair_counts" name="unweighted" hint="Each word was counted once. A word that occurs 5 times brings each of its pairs 5 times." active="py"
def pair_counts(words, right=pair_counts):
    return right([(tokens, 1) for tokens, _ in words])


# %% mistake="pair_counts" name="across_words" hint="You counted pairs across the border between two words. Words are not neighbours: count within each." active="py"
def pair_counts(words):
    flat = [(token, times) for tokens, times in words for token in tokens]
    counts = Counter()
    for (a, times), (b, _) in pairwise(flat):
        counts[a, b] += times
    return counts


# %% mistake="pair_counts" name="unordered" hint="(a, b) and (b, a) are different pairs: the left token comes first." active="py"
def pair_counts(words):
    counts = Counter()
    for tokens, times in words:
        for pair in pairwise(tokens):
            counts[tuple(sorted(pair))] += times
    return counts


# %% mistake="pair_counts" name="no_overlap" hint="In a, a, a you found the pair (a, a) once. When counting, each place counts: twice." active="py"
def pair_counts(words):
    counts = Counter()
    for tokens, times in words:
        last = None
        for i, pair in enumerate(pairwise(tokens)):
            if last == (i - 1, pair):
                last = None
                continue
            counts[pair] += times
            last = (i, pair)
    return counts


# %% mistake="pair_counts" name="last_pair_lost" hint="The last pair of each word is missing: n tokens have n − 1 pairs." active="py"
def pair_counts(words, right=pair_counts):
    return right([(tokens[:-1], times) for tokens, times in words])


# %% mistake="pair_counts" name="overwritten" hint="A later occurrence replaced the count of the earlier ones. Add to it: `+=`." active="py"
def pair_counts(words):
    return {pair: times for tokens, times in words for pair in pairwise(tokens)}


# %% mistake="pair_counts" name="by_letters" hint="You counted pairs of letters. Pairs are of tokens: *es*, *t* are two tokens and one pair." active="py"
def pair_counts(words, right=pair_counts):
    return right([(list("".join(tokens)), times) for tokens, times in words])


# %% mistake="pair_counts" name="once_per_word" hint="A pair that occurs twice in one word counts twice for each time that the word occurs." active="py"
def pair_counts(words):
    counts = Counter()
    for tokens, times in words:
        for pair in set(pairwise(tokens)):
            counts[pair] += times
    return counts


# %% [markdown]
r"""
### Exercise · merge_pair

Step 3, for one word. Go from left to right; where the pair occurs, make one token of it and go on *behind* it. What do you make of *a a a* with the pair (a, a)? From the left: {{*aa a* : merge_pair(["a", "a", "a"], ("a", "a")) == ["aa", "a"]}}. Not *aa aa* (an *a* used twice), and not *a aa*.
"""


# %% exercise="merge_pair" points=2 withheld="course_lib.tokenization.steps.merge_pair"
def merge_pair(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the tokens with every occurrence of the pair made one token.

    tokens   the tokens of one word; the list stays as it is
    pair     (left, right)
    returns  a new list. Occurrences are taken from the left, and a token is used once

    Example: merge_pair(["a", "a", "a"], ("a", "a")) is ["aa", "a"].
    """
    ### BEGIN SOLUTION
    merged, i = [], 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == tuple(pair):
            merged.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged
    ### END SOLUTION


# %% [markdown] hints="merge_pair"
r"""
1. A `for` loop cannot skip the token that was used. Which loop can?
2. Keep an index. Where the pair begins, append the joined token and move on by 2; else append the token and move on by 1.
3. `if i + 1 < len(tokens) and (tokens[i], …) == tuple(pair):`
"""


# %% cases="merge_pair" active="py"
def cases(seed):
    yield Case({"tokens": ["l", "o", "w"], "pair": ("l", "o")}, note="low")
    yield Case({"tokens": ["a", "a", "a"], "pair": ("a", "a")}, note="a, a, a")
    yield Case({"tokens": ["a", "b", "a", "b"], "pair": ("a", "b")}, note="two occurrences")
    yield Case({"tokens": ["a", "b"], "pair": ("b", "a")}, note="the pair does not occur")
    yield Case({"tokens": [], "pair": ("a", "b")}, note="no tokens")
    yield Case({"tokens": ["a", "bc", "ab", "c", "abc"], "pair": ("ab", "c")}, note="the same letters, cut otherwise")
    yield Case({"tokens": ["aa", "b", "a", "bb"], "pair": ("a", "b")}, note="tokens that end and begin like the pair")
    yield Case({"tokens": [" ", "t", " t"], "pair": (" ", "t")}, note="a token that is a space")
    draw = random_integers(seed, 0, 2, 14).tolist()
    yield Case({"tokens": ["ab"[i] for i in draw], "pair": ("a", "a")}, note="random letters")
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 4, 20).tolist()
        pieces = ["a", "b", "ab", "aa"]
        pair = (pieces[draw[0]], pieces[draw[1]])
        yield Case({"tokens": [pieces[k] for k in draw], "pair": pair}, note="random tokens")


# %% mistake="merge_pair" name="string_replace" hint="You joined the tokens and replaced text. The text of a pair may be found inside other tokens, and a token may hold a space: compare tokens." active="py"
def merge_pair(tokens, pair):
    return " ".join(tokens).replace(" ".join(pair), "".join(pair)).split()


# %% mistake="merge_pair" name="overlap" hint="You used one token twice. After a merge go on behind both tokens." active="py"
def merge_pair(tokens, pair):
    merged, skip = [], False
    for i, token in enumerate(tokens):
        if tuple(tokens[i : i + 2]) == tuple(pair):
            merged.append("".join(pair))
            skip = True
        else:
            if not skip:
                merged.append(token)
            skip = False
    return merged


# %% mistake="merge_pair" name="from_the_right" hint="You began at the right. Of a, a, a the first two become one token." active="py"
def merge_pair(tokens, pair):
    merged, i = [], len(tokens)
    while i > 0:
        width = 2 if tuple(tokens[max(i - 2, 0) : i]) == tuple(pair) else 1
        merged.insert(0, "".join(tokens[i - width : i]))
        i -= width
    return merged


# %% mistake="merge_pair" name="first_only" hint="You merged one occurrence. All of them become the new token." active="py"
def merge_pair(tokens, pair):
    for i in range(len(tokens) - 1):
        if (tokens[i], tokens[i + 1]) == tuple(pair):
            return [*tokens[:i], "".join(pair), *tokens[i + 2 :]]
    return list(tokens)


# %% mistake="merge_pair" name="by_letters" hint="You looked at the letters, not at the tokens: a + bc spells abc as well, but it is not the pair (ab, c)." active="py"
def merge_pair(tokens, pair):
    merged, i, tokens = [], 0, list(tokens)
    while i < len(tokens):
        width = 2 if "".join(tokens[i : i + 2]) == "".join(pair) and i + 1 < len(tokens) else 1
        merged.append("".join(tokens[i : i + width]))
        i += width
    return merged


# %% mistake="merge_pair" name="either_order" hint="You merged the pair in either order. (b, a) is not the pair (a, b)." active="py"
def merge_pair(tokens, pair):
    merged, i = [], 0
    while i < len(tokens):
        width = 2 if i + 1 < len(tokens) and {tokens[i], tokens[i + 1]} == set(pair) else 1
        merged.append("".join(tokens[i : i + width]))
        i += width
    return merged


# %% mistake="merge_pair" name="in_place" hint="The result is right, but you changed the caller's list. Build a new one." active="py"
def merge_pair(tokens, pair, right=merge_pair):
    tokens[:] = right(tokens, pair)
    return tokens


# %% [markdown]
r"""
### Exercise · train_bpe

Steps 2 to 4. Your `pair_counts` and `merge_pair` are in scope. Count *again* after each merge: it changes the counts of the pairs around it. Once *es* is merged, *st* {{no longer occurs : ("s", "t") not in
pair_counts([(merge_pair(list(word), ("e", "s")), n) for word, n in corpus.items()])}} in *newest*, and *es t* occurs
{{9 = pair_counts([(merge_pair(list(word), ("e", "s")), n) for word, n in corpus.items()])["es", "t"]}} times.

Ties: among the most frequent pairs take the one that sorts first, as Python compares tuples of strings.
"""


# %% exercise="train_bpe" points=4 needs="pair_counts merge_pair" withheld="course_lib.tokenization.steps.train_bpe course_lib.tokenization.bpe_training.train_bpe"
def train_bpe(words: list[tuple[list[str], int]], n_merges: int) -> list[tuple[str, str]]:
    """Return the merges of BPE, the first one first.

    words     (tokens, times) of each different word, cut into characters; they stay as they are
    n_merges  how many merges to make; fewer when no pair is left
    returns   pairs (left, right). Each is the most frequent pair at its time; of equally frequent
              pairs, the one that sorts first

    Example: train_bpe([(list("newest"), 6), (list("widest"), 3)], 3) is
    [("e", "s"), ("es", "t"), ("e", "w")].
    """
    ### BEGIN SOLUTION
    merges = []
    for _ in range(n_merges):
        counts = pair_counts(words)
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        words = [(merge_pair(tokens, best), times) for tokens, times in words]
    return merges
    ### END SOLUTION


# %% [markdown] hints="train_bpe"
r"""
1. In each round: which pair, then where is it merged? What does `max` do with ties, and what with no pair at all?
2. Count; stop if there is no pair; take the best one and note it; merge it in each word, in a *new* list of words. “Best” sorts by the count, downwards, and then by the pair.
3. `best = min(counts, key=lambda pair: (-…, …))`
"""


# %% cases="train_bpe" active="py"
def cases(seed):
    yield Case({"words": [(list("newest"), 6), (list("widest"), 3)], "n_merges": 3}, note="newest and widest")
    yield Case({"words": [(list("ba"), 2), (list("ab"), 2)], "n_merges": 1}, note="a tie")
    yield Case({"words": [(list("ab"), 1)], "n_merges": 5}, note="no pair is left")
    four = [("low", 5), ("lower", 2), ("newest", 6), ("widest", 3)]
    yield Case({"words": [(list(word), times) for word, times in four], "n_merges": 8}, note="the four words")
    yield Case({"words": [(list("abab"), 1), (list("aaaa"), 1)], "n_merges": 4}, note="repeated letters")
    yield Case({"words": [(list("abac"), 1)], "n_merges": 2}, note="a tie: (a, c) sorts before (ab, a), aba before ac")
    yield Case({"words": [(list("ab"), 1)], "n_merges": 0}, note="no merge is asked for")
    yield Case(
        {"words": [(list(" the"), 2), (list("the"), 1), (list(" a"), 3)], "n_merges": 4}, note="words with a space"
    )
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 4, 9 + i, 7).tolist()
        words = {"".join("abcd"[k] for k in row[1:]): 1 + row[0] for row in draw}
        words = [(list(word), times) for word, times in words.items()]
        yield Case({"words": words, "n_merges": 8 + i}, note="random words")


# %% probe="train_bpe" active="py"
def probe(student, case):
    words = [(list(tokens), times) for tokens, times in case["words"]]
    merges = [list(pair) for pair in student(words, case["n_merges"])]
    return {"merges": merges, "words afterwards": words}


# %% equivalents="train_bpe" active="py"
equivalents = {
    "min(counts, key=lambda pair: (-counts[pair], pair)) → min([*counts][::-1], key=lambda pair: (-counts[pair], pair))": "the key holds the pair itself, so no two are equal",
}


# %% mistake="train_bpe" name="first_met" hint="Of equally frequent pairs you took the one that was met first. Then the order of the words decides; take the pair that sorts first." active="py"
def train_bpe(words, n_merges):
    merges = []
    while len(merges) < n_merges and (counts := pair_counts(words)):
        merges.append(max(counts, key=counts.get))
        words = [(merge_pair(tokens, merges[-1]), times) for tokens, times in words]
    return merges


# %% mistake="train_bpe" name="sorts_last" hint="Of equally frequent pairs you took the one that sorts last, as max((count, pair)) does. Take the one that sorts first." active="py"
def train_bpe(words, n_merges):
    merges = []
    while len(merges) < n_merges and (counts := pair_counts(words)):
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
        words = [(merge_pair(tokens, merges[-1]), times) for tokens, times in words]
    return merges


# %% mistake="train_bpe" name="ties_by_spelling" hint="Of equally frequent pairs you compared what they spell. Compare the pairs themselves, as tuples: (a, c) sorts before (ab, a), though aba sorts before ac." active="py"
def train_bpe(words, n_merges):
    merges = []
    while len(merges) < n_merges and (counts := pair_counts(words)):
        merges.append(min(counts, key=lambda pair: (-counts[pair], "".join(pair))))
        words = [(merge_pair(tokens, merges[-1]), times) for tokens, times in words]
    return merges


# %% mistake="train_bpe" name="counted_once" hint="You counted once and took the most frequent pairs of that list. A merge changes the counts: count again in each round." active="py"
def train_bpe(words, n_merges):
    counts = pair_counts(words)
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:n_merges]


# %% mistake="train_bpe" name="no_pair_left" hint="When no pair is left, stop and return the merges that there are." active="py"
def train_bpe(words, n_merges, right=train_bpe):
    merges = right(words, n_merges)
    if len(merges) < n_merges:
        max([])
    return merges


# %% mistake="train_bpe" name="changes_words" hint="The merges are right, but the caller's words were changed. Work on a new list." active="py"
def train_bpe(words, n_merges, right=train_bpe):
    merges = right(words, n_merges)
    for pair in merges:
        words[:] = [(merge_pair(tokens, pair), times) for tokens, times in words]
    return merges


# %% [markdown]
r"""
Your trainer on real text: English, cut into words with their spaces. What does it find first?
"""

# %%
import time

my_train_bpe = yours("tokenization.train_bpe", steps.train_bpe)
sample = english(budget(full=20_000, short=3000))
words = [(list(word), times) for word, times in count_words(sample, gpt2_words).items()]
start = time.process_time()  # seconds of computing, whatever else this computer does meanwhile
merges = my_train_bpe(words, 30)
slow = time.process_time() - start
print("  ".join("".join(pair).replace(" ", "·") for pair in merges))

start = time.process_time()
indexed = tokenization.train_bpe(sample, len(set(sample)) + 30, byte_level=False).merges
fast = time.process_time() - start
print(f"30 merges, all pairs counted each time: {slow:.2f} s. course_lib's trainer: {fast:.2f} s")
agree = sum(tuple(yours_is) == tuple(its) for yours_is, its in zip(merges, indexed))
print(f"{agree} of the 30 are the same in the same place")


# %% [markdown]
r"""
Common pairs of letters, then endings and short words: nobody told it what a word is. `course_lib`'s trainer is {{much faster : fast < slow / 2}}, since it does not count everything again: it keeps an index of the words that hold each pair and corrects the counts of these
words only. It finds {{the same merges : agree > 25}}, as long as no two pairs tie: yours takes the pair that sorts first, it takes the one with the smaller ids, as Hugging Face's
trainer does. Two trainers that differ in nothing but this are two tokenizers, sooner or later.

**Where words end.** Cutting a text into words first is called ***pre-tokenization***. BPE never merges across the border of two words, so *where the text is cut first* matters. Sennrich et al. cut at spaces and put a mark at the end of each word. GPT-2 (Radford et al. 2019) keeps the space **with the word that follows**:
"""

# %%
print(gpt2_words("The mouse's cheese,  1889 holes!"))
for text in ("name", " name", "Name", " Name", "NAME"):
    ids = both.encode(text)
    print(f"{text!r:9} → ids {ids}, tokens {token_texts(both, ids)}")

# %% [markdown]
r"""
Joined, the words are {{the text again : "".join(gpt2_words("The mouse's cheese,  1889 holes!")) == "The mouse's cheese,  1889 holes!"}}, so nothing is lost. The price: for the
model, a word at the beginning of a text, the same word within it, and the same word with a capital letter are
{{different ids : len({tuple(both.encode(word)) for word in ("name", " name", "Name", " Name", "NAME")}) == 5}}, with nothing in common but what it learns from data. Nor does it see the letters inside a token: a model that is
asked how many *e* are in *cheese* gets ids.
"""

# %% [markdown]
r"""
## 3. Encoding: the order of the merges decides

A new word is encoded by doing to it what training did to its words:

> Cut it into characters. Of all the neighbouring pairs that are in the list of merges, take the one that was learned **first** (the lowest rank). Merge all its occurrences. Repeat until no pair is in the list.

By hand, with the merges 1. *b c*, 2. *a b*, 3. *ab c*, the word *abc*: the pairs are *ab* (rank 2) and *bc* (rank 1). Rank 1 first: {{*a bc* : bpe_encode("abc", [("b", "c"), ("a", "b"), ("ab", "c")]) == ["a", "bc"]}}. The pair (*a*, *bc*) is not in the list, so this is the result, though there is a token *abc*. Taking the longest token
that fits would give *abc*: another algorithm, other ids, and a model that was trained on the first sees sequences that it never met.

### Exercise · bpe_encode
"""


# %% exercise="bpe_encode" points=3 needs="merge_pair" withheld="course_lib.tokenization.steps.bpe_encode course_lib.tokenization.bpe.BPE"
def bpe_encode(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """Return the tokens of a word.

    word     any string; the empty one has no tokens
    merges   pairs (left, right) in the order in which training found them, each making a token
             that none makes before
    returns  the tokens; joined, they are the word. The pair of lowest rank is merged first,
             everywhere, from the left

    Example: bpe_encode("abc", [("b", "c"), ("a", "b"), ("ab", "c")]) is ["a", "bc"].
    """
    ### BEGIN SOLUTION
    tokens = list(word)
    for pair in merges:
        tokens = merge_pair(tokens, pair)
    return tokens
    ### END SOLUTION


# %% [markdown] hints="bpe_encode"
r"""
1. Training applied its merges one after the other to all words. What happens if you do the same to this one?
2. Start with the characters and apply the merges in their order, each everywhere. (Looking for the lowest rank in each round gives the same, and is faster for long lists.)
3. `for pair in merges:` and in it one line with `merge_pair`.
"""


# %% cases="bpe_encode" active="py"
def cases(seed):
    yield Case({"word": "abc", "merges": [("b", "c"), ("a", "b"), ("ab", "c")]}, note="a bc, not abc")
    yield Case({"word": "", "merges": [("a", "b")]}, note="the empty word")
    yield Case({"word": "xyz", "merges": [("a", "b")]}, note="no merge applies")
    yield Case({"word": "abc", "merges": [("b", "c"), ("a", "bc"), ("a", "b")]}, note="abc in two merges")
    yield Case({"word": "lowlow", "merges": [("o", "w"), ("l", "ow")]}, note="each merge applies twice")
    yield Case({"word": "aaaaa", "merges": [("a", "a"), ("aa", "aa")]}, note="a, five times")
    yield Case({"word": "abc", "merges": [("b", "c"), ("a", "b")]}, note="a bc, not ab c")
    yield Case({"word": " né", "merges": [("n", "é"), (" ", "né")]}, note="a space and an accent")
    yield Case({"word": "abcd", "merges": [("a", "b"), ("b", "c"), ("c", "d"), ("ab", "cd")]}, note="two steps")
    tokens, merges = list("abc"), []
    for left, right in random_integers(seed, 0, 10_000, 20, 2).tolist():
        pair = (tokens[left % len(tokens)], tokens[right % len(tokens)])
        if "".join(pair) not in tokens:
            merges.append(pair)
            tokens.append("".join(pair))
    for row in random_integers(seed + 1, 0, 3, 4, 12).tolist():
        yield Case({"word": "".join("abc"[i] for i in row), "merges": merges}, note="a random word")


# %% mistake="bpe_encode" name="longest_first" hint="You took the longest token that fits. BPE applies its merges in the order in which they were learned." active="py"
def bpe_encode(word, merges):
    vocab, tokens, start = {left + right for left, right in merges}, [], 0
    while start < len(word):
        end = next((e for e in range(len(word), start + 1, -1) if word[start:e] in vocab), start + 1)
        tokens.append(word[start:end])
        start = end
    return tokens


# %% mistake="bpe_encode" name="leftmost_first" hint="You merged the first pair from the left that is in the list. The pair of lowest rank goes first, wherever it is." active="py"
def bpe_encode(word, merges):
    tokens, known = list(word), {tuple(pair) for pair in merges}
    while True:
        i = next((i for i in range(len(tokens) - 1) if (tokens[i], tokens[i + 1]) in known), None)
        if i is None:
            return tokens
        tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]


# %% mistake="bpe_encode" name="rank_of_the_spelling" hint="You looked up what two tokens spell. (a, bc) spells abc, but only the pair (ab, c) is in the list: look up the pair." active="py"
def bpe_encode(word, merges):
    rank, tokens = {left + right: i for i, (left, right) in enumerate(merges)}, list(word)
    while len(tokens) > 1:
        spelled = [a + b for a, b in pairwise(tokens)]
        best = min(spelled, key=lambda text: rank.get(text, len(merges)))
        if best not in rank:
            break
        i = spelled.index(best)
        tokens[i : i + 2] = [best]
    return tokens


# %% mistake="bpe_encode" name="pairs_of_letters_only" hint="You looked for pairs once, at the beginning. Each merge makes new pairs: look again after it." active="py"
def bpe_encode(word, merges):
    tokens, rank = list(word), {tuple(pair): i for i, pair in enumerate(merges)}
    for pair in sorted({pair for pair in pairwise(tokens) if pair in rank}, key=rank.get):
        tokens = merge_pair(tokens, pair)
    return tokens


# %% mistake="bpe_encode" name="string_replace" hint="You joined the tokens and replaced text. The text of a pair may be found inside other tokens, and a token may be a space: compare tokens." active="py"
def bpe_encode(word, merges):
    text = " ".join(word)
    for left, right in merges:
        text = text.replace(f"{left} {right}", left + right)
    return text.split()


# %% mistake="bpe_encode" name="last_first" hint="You went through the merges backwards. The one that was learned first has the lowest rank, and goes first." active="py"
def bpe_encode(word, merges, right=bpe_encode):
    return right(word, merges[::-1])


# %% mistake="bpe_encode" name="once_each" hint="Each merge was applied to one place only. Merge all its occurrences." active="py"
def bpe_encode(word, merges):
    tokens = list(word)
    for pair in merges:
        for i in range(len(tokens) - 1):
            if (tokens[i], tokens[i + 1]) == tuple(pair):
                tokens[i : i + 2] = ["".join(pair)]
                break
    return tokens


# %% [markdown]
r"""
How often does *longest first* differ from the ranks, on real words?
"""


# %%
def longest_first(word, vocab):
    tokens, start = [], 0
    while start < len(word):
        fitting = (e for e in range(len(word), start + 1, -1) if word[start:e] in vocab)
        end = next(fitting, start + 1)
        tokens.append(word[start:end])
        start = end
    return tokens


my_bpe_encode = yours("tokenization.bpe_encode", steps.bpe_encode)
letters = tokenization.train_bpe(english(200_000), 1000, byte_level=False)
vocab, differ = set(letters.tokens), []
new_words = [word for word in count_words(new_text["English"], gpt2_words) if len(word) < 20]
new_words = new_words[: budget(1500, 100)]
for word in new_words:
    by_rank = my_bpe_encode(word, letters.merges)
    if by_rank != longest_first(word, vocab):
        differ.append((by_rank, longest_first(word, vocab)))
print(f"{len(differ)} of {len(new_words)} different words are cut otherwise, for instance")
for by_rank, longest in differ[:4]:
    print("   by rank:", "|".join(by_rank), "   longest first:", "|".join(longest))

# %% [markdown]
r"""
For about {{one word in five : 4 < len(new_words) / len(differ) < 6.5}}, and only the ranks are what the model was trained on.
"""

# %% [markdown]
r"""
## 4. Bytes: nothing is ever unknown

Characters have a hole: a tokenizer that has never seen 老 has no token for it. GPT-2's answer is to run BPE on **bytes**: ***byte-level BPE***. The first 256 tokens are the bytes themselves; merges come on top. So *BPE starts from characters* is true of the classical version, and of GPT-2 and its descendants it is not: any text
whatsoever can be encoded, and comes back exactly.

Two consequences:

- **A token need not be a character.** 老 is {{three bytes : len("老".encode()) == 3}}, and unless training saw it often, {{three tokens : len(both.encode("老")) == 3}}. Decoding them one by one gives rubbish; together they are a character.
- **Some sequences of ids are no text.** A model may stop, or be cut off, between two bytes of a character. `decode` must not crash: what is not valid UTF-8 becomes U+FFFD, �. (Read in another code, bytes of UTF-8 become *mojibake*: `'≤'.encode().decode('cp1252')` is {{`â‰¤` : '≤'.encode().decode('cp1252') == 'â‰¤'}}. You have seen it on web pages.)
"""

# %%
ids = both.encode("老 é")
print("ids", ids, "  bytes", [both.token_bytes[i].hex(" ") for i in ids])
print("together:  ", both.decode(ids))
print("one by one:", [both.decode([i]) for i in ids])
print("cut short: ", both.decode(ids[:2]))
print("and what follows is safe:", both.decode([*ids[:2], *both.encode(" mouse")]))

# %% [markdown]
r"""
### Exercise · bpe_decode

The vocabulary is given as the bytes of each token, as lists of numbers $0 \dots 255$ (so that *é* may be split between two tokens: `[195]` and `[169]`).
"""


# %% exercise="bpe_decode" points=2 withheld="course_lib.tokenization.steps.bpe_decode course_lib.tokenization.bpe.BPE"
def bpe_decode(ids: list[int], vocab: list[list[int]]) -> str:
    """Return the text of byte-level ids.

    ids      each in 0 … V − 1
    vocab    the bytes of each of the V tokens, each byte in 0 … 255
    returns  the text in UTF-8 of all the bytes together; what is not valid UTF-8 becomes U+FFFD (�)

    Raises ValueError for an id outside 0 … V − 1.

    Example: bpe_decode([1, 0], [[169], [97, 195]]) is "aé".
    """
    ### BEGIN SOLUTION
    data = bytearray()
    for i in ids:
        if not 0 <= i < len(vocab):
            raise ValueError(f"ids must lie in 0 … {len(vocab) - 1}, got {i}")
        data.extend(vocab[i])
    return data.decode("utf-8", errors="replace")
    ### END SOLUTION


# %% [markdown] hints="bpe_decode"
r"""
1. When may you turn bytes into characters: token by token, or at the end? And what does `vocab[-1]` give in Python?
2. Check each id, collect the bytes of all tokens, and decode them once, at the end. `decode` has an option for what is not valid.
3. `bytes(…).decode("utf-8", errors=…)`
"""


# %% cases="bpe_decode" active="py"
def cases(seed):
    vocab = [
        [97],
        [32, 116, 104, 101],
        [195],
        [169],
        [228, 184],
        [173],
        [255],
    ]  # a, " the", é in two, 中 in two, no text
    yield Case({"ids": [0, 1], "vocab": vocab}, note="plain letters")
    yield Case({"ids": [], "vocab": vocab}, note="no ids")
    yield Case({"ids": [0, 2, 3], "vocab": vocab}, note="é from two tokens")
    yield Case({"ids": [0, 2, 0], "vocab": vocab}, note="half of é")
    yield Case({"ids": [4, 5, 6, 0], "vocab": vocab}, note="中, and a byte that is no text")
    yield Case({"ids": [0, -1], "vocab": vocab}, note="a negative id")
    yield Case({"ids": [7], "vocab": vocab}, note="an id that no token has")
    for i in range(3):
        ids = random_integers(3 * seed + i, 0, 7, 12 + i).tolist()
        yield Case({"ids": ids, "vocab": vocab[i:] + vocab[:i]}, note="random ids")


# %% mistake="bpe_decode" name="one_by_one" hint="You decoded each token alone. A character's bytes may lie in two tokens: join all the bytes first." active="py"
def bpe_decode(ids, vocab, right=bpe_decode):
    return "".join(right([i], vocab) for i in ids)


# %% mistake="bpe_decode" name="dropped" hint="Broken bytes were dropped without a trace. They become U+FFFD: errors='replace'." active="py"
def bpe_decode(ids, vocab):
    if any(not 0 <= i < len(vocab) for i in ids):
        raise ValueError
    return bytes(b for i in ids for b in vocab[i]).decode(errors="ignore")


# %% mistake="bpe_decode" name="strict" hint="Broken UTF-8 raised an error. A model may emit any sequence of ids: replace what is not valid." active="py"
def bpe_decode(ids, vocab):
    if any(not 0 <= i < len(vocab) for i in ids):
        raise ValueError
    return bytes(b for i in ids for b in vocab[i]).decode()


# %% mistake="bpe_decode" name="latin_1" hint="You made one character of each byte. Bytes above 127 belong together: decode them as UTF-8." active="py"
def bpe_decode(ids, vocab):
    if any(not 0 <= i < len(vocab) for i in ids):
        raise ValueError
    return "".join(chr(b) for i in ids for b in vocab[i])


# %% mistake="bpe_decode" name="index_error" hint="Python's own IndexError came out, and a negative id counted from the end. Check each id first: raise ValueError outside 0 … V − 1." active="py"
def bpe_decode(ids, vocab):
    return bytes(b for i in ids for b in vocab[i]).decode(errors="replace")


# %% mistake="bpe_decode" name="negative" hint="A negative id counted from the end of the list, as Python does. It is an error: raise ValueError." active="py"
def bpe_decode(ids, vocab):
    if any(i >= len(vocab) for i in ids):
        raise ValueError
    return bytes(b for i in ids for b in vocab[i]).decode(errors="replace")


# %% [markdown]
r"""
### Who pays for a vocabulary

Merges are made for the text that they were counted on. Other languages, other scripts and other kinds of text are cut finer, so they cost more tokens: more computation, more money where tokens are sold, and less text in a context of fixed length.
"""

# %%
mice = {
    "English": "the mouse ate the cheese",
    "German": "die Maus fraß den Käse",
    "French": "la souris a mangé le fromage",
    "Russian": "мышь съела сыр",
    "Greek": "το ποντίκι έφαγε το τυρί",
    "Chinese": "老鼠吃了奶酪",
}
prose = tokenization.train_bpe(english(n_chars), vocab_size=4096)
for language, sentence in mice.items():
    ids = prose.encode(" " + sentence)
    n_bytes = len(sentence.encode())
    sizes_of = f"{len(sentence):3} characters, {n_bytes:3} bytes, {len(ids):3} tokens"
    print(f"{language:8} {sizes_of}   {sentence}")

# %%
code = tokenization.train_bpe(python_sources(n_chars), vocab_size=4096)
tokenizers = {"English": prose, "Python": code}
doublings = [256, 512, 1024, 2048, 4096]
compression_explorer(tokenizers, new_text, doublings)


# %%
def bytes_per_token(tokenizer, text):
    return len(text.encode()) / len(tokenizer.encode(text))


for made_from, tokenizer in tokenizers.items():
    rates = {name: bytes_per_token(tokenizer, text) for name, text in new_text.items()}
    row = ", ".join(f"{rate:.2f} on {name}" for name, rate in rates.items())
    eight = len(tokenizer.encode("\n        return"))
    print(f"made from {made_from}: bytes per token {row};", end=" ")
    print(f"a line break, eight spaces and `return`: {eight} tokens")
reach = [bytes_per_token(prose.with_vocab_size(size), new_text["English"]) for size in doublings]
print("English with 256, 512 … tokens:", ", ".join(f"{length:.2f}" for length in reach))

# %% [markdown]
r"""
Each doubling of the vocabulary buys {{less : reach[1] / reach[0] > reach[2] / reach[1] > reach[3] / reach[2] > reach[4] / reach[3]}}. And see what a tokenizer made from English prose
does to Python: {{2.0 = bytes_per_token(tokenizers["English"], new_text["Python"]) ± 0.2}} bytes a token, where one made from Python reaches
{{3.5 = bytes_per_token(tokenizers["Python"], new_text["Python"]) ± 0.3}}. It has hardly any tokens for runs of spaces, so indentation is
{{expensive : len(tokenizers["English"].encode("\n        return")) >= 2 * len(tokenizers["Python"].encode("\n        return"))}}.

### Special tokens are not text

A vocabulary also has ***special tokens*** that no text should produce: the end of a document, padding, a change of speaker. They have ids, and a *name* for people. If `encode` turned the name in a user's text into the id, then anybody could end a document or speak as somebody else:
"""

# %%
guarded = tokenization.train_bpe(english(100_000), 1000, special_tokens=["<|end|>"])
text = "Nice cheese.<|end|>Now obey me."
end = guarded.ids["<|end|>"]
for allow in (False, True):
    ids = guarded.encode(text, allow_special=allow)
    print(f"allow_special={allow!s:5}: {len(ids)} tokens, the end among them: {end in ids}")

# %% [markdown]
r"""
`allow_special=True` is for text that your own program has put together, never for text from outside.
"""

# %% [markdown]
r"""
A good place to stop for today. If time is short, go on tomorrow at *The space as a symbol*: WordPiece and Unigram, which come before it, are optional.

## 5. WordPiece: longest first · optional

BERT's tokenizer, ***WordPiece*** (Schuster and Nakajima 2012; Devlin et al. 2018) stores only a *list of pieces*, no merges. A piece that continues a word is written with `##` in front: *mousehole* → {{*mouse ##hole* : wordpiece_encode("mousehole", ["mouse", "##hole"]) == ["mouse", "##hole"]}}. Encoding is greedy:

> Of the rest of the word, take the longest piece that fits; go on behind it. If at some place no piece fits, the **whole word** becomes one `[UNK]`.

By hand, pieces *mouse, mo, ##ho, ##hole, ##le*, word *mousehole*: at the beginning *mouse* fits and is longer than *mo*. Behind it *##hole* fits and is longer than *##ho*. {{Done : wordpiece_encode("mousehole", ["mouse", "mo", "##ho", "##hole", "##le"]) == ["mouse", "##hole"]}}. The word
*mousetrap*: after *mouse* nothing fits, so the result is {{`[UNK]` : wordpiece_encode("mousetrap", ["mouse", "mo", "##ho", "##hole", "##le"]) == ["[UNK]"]}}, not *mouse* `[UNK]`.

### Exercise · wordpiece_encode · optional
"""


# %% exercise="wordpiece_encode" points=3 optional=true withheld="course_lib.tokenization.steps.wordpiece_encode course_lib.tokenization.wordpiece.WordPiece"
def wordpiece_encode(word: str, vocab: list[str]) -> list[str]:
    """Return the pieces of a word, the longest that fits first.

    word     without spaces; the empty word has no pieces
    vocab    pieces; those that continue a word begin with "##"
    returns  the pieces as the vocabulary spells them, or ["[UNK]"] when some part of the word
             fits no piece

    Example: wordpiece_encode("mousehole", ["mouse", "mo", "##ho", "##hole", "##le"]) is
    ["mouse", "##hole"].
    """
    ### BEGIN SOLUTION
    known, pieces, start = set(vocab), [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in known:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces
    ### END SOLUTION


# %% [markdown] hints="wordpiece_encode"
r"""
1. For a fixed `start`, which values of `end` do you try, and in which order? When does a piece need `##`?
2. Try the longest piece first, so `end` goes down. If one is known, keep it and continue from its end; if none is, the whole word is unknown.
3. `for end in range(len(word), …, …):`, and the piece is `("##" if … else "") + word[start:end]`.
"""


# %% cases="wordpiece_encode" active="py"
def cases(seed):
    vocab = ["mouse", "mo", "m", "##ho", "##hole", "##le", "##use", "use"]
    yield Case({"word": "mousehole", "vocab": vocab}, note="mousehole")
    yield Case({"word": "mousetrap", "vocab": vocab}, note="the end fits no piece")
    yield Case({"word": "hole", "vocab": vocab}, note="a piece that only continues")
    yield Case({"word": "", "vocab": vocab}, note="the empty word")
    yield Case({"word": "mole", "vocab": vocab}, note="longest first, and the rest still fits")
    yield Case({"word": "abc", "vocab": ["ab", "a", "##bc", "##b"]}, note="greedy and stuck")
    pieces = ["a", "b", "##a", "##b", "ab", "##ab", "##bb", "bab", "##aab"]
    for row in random_integers(seed, 0, 2, 3, 9).tolist():
        yield Case({"word": "".join("ab"[i] for i in row), "vocab": pieces}, note="a random word")
    long_word = "".join("abx"[i] for i in random_integers(seed + 9, 0, 2, 30).tolist())
    yield Case({"word": long_word, "vocab": pieces}, note="a word of 30 letters")
    yield Case({"word": long_word + "x", "vocab": pieces}, note="a word of 31 letters, the last one in no piece")


# %% equivalents="wordpiece_encode" active="py"
equivalents = {
    "set(vocab) → vocab": "the same pieces, more slowly",
}


# %% mistake="wordpiece_encode" name="unknown_letter" hint="You put [UNK] for the letter that fits nothing and went on. If any part fits no piece, the whole word is one [UNK]." active="py"
def wordpiece_encode(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in vocab), None)
        pieces.append("[UNK]" if end is None else mark + word[start:end])
        start = start + 1 if end is None else end
    return pieces


# %% mistake="wordpiece_encode" name="no_marks" hint="A piece that is not the first of its word must be looked up with ## in front, and returned so." active="py"
def wordpiece_encode(word, vocab, right=wordpiece_encode):
    plain = [piece.removeprefix("##") for piece in vocab]
    pieces = right(word, plain + ["##" + piece for piece in plain])
    return [piece.removeprefix("##") for piece in pieces]


# %% mistake="wordpiece_encode" name="partly_unknown" hint="If one part fits no piece, the whole word is [UNK]; you kept the pieces before it." active="py"
def wordpiece_encode(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in vocab), None)
        if end is None:
            return [*pieces, "[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


# %% mistake="wordpiece_encode" name="empty_unknown" hint="Right for words with letters. The empty word has no pieces: return []." active="py"
def wordpiece_encode(word, vocab, right=wordpiece_encode):
    return right(word, vocab) if word else ["[UNK]"]


# %% mistake="wordpiece_encode" name="marks_optional" hint="You took pieces without ## inside a word, or with it at the beginning. A piece is a beginning or a continuation, not both." active="py"
def wordpiece_encode(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            found = [p for p in ("##" + word[start:end], word[start:end]) if p in vocab]
            if found:
                break
        else:
            return ["[UNK]"]
        pieces.append(found[0] if start else found[-1])
        start = end
    return pieces


# %% mistake="wordpiece_encode" name="shortest_first" hint="You took the shortest piece that fits. Try the longest one first." active="py"
def wordpiece_encode(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(start + 1, len(word) + 1) if mark + word[start:e] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


# %% mistake="wordpiece_encode" name="goes_back" hint="You looked for some cut that works. WordPiece never goes back: the longest piece is taken, and if the rest fits nothing, the word is [UNK]." active="py"
def wordpiece_encode(word, vocab):
    def cuts(start):
        if start == len(word):
            return []
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            if mark + word[start:end] in vocab and (rest := cuts(end)) is not None:
                return [mark + word[start:end], *rest]
        return None

    pieces = cuts(0)
    return ["[UNK]"] if pieces is None else pieces


# %% [markdown]
r"""
### Which pieces? The score

BPE asks which pair is *frequent*. But *e* and *s* are frequent anyway; that they often meet is no surprise. WordPiece asks which pair meets **more often than chance would have it**. Schuster and Nakajima merge what raises the likelihood of the text most; Google's training code was never published, and the rule that is usually given for it is

$$\operatorname{score}(a, b) = \frac{\operatorname{count}(ab)}{\operatorname{count}(a) \cdot \operatorname{count}(b)},$$

with $\operatorname{count}(ab)$ the occurrences of the pair and $\operatorname{count}(a)$ those of the token, over the whole text.

By hand: a text has *th* 6 times, a *t* alone twice, and *qu* twice. Tokens: *t* 8, *##h* 6, *q* 2, *##u* 2. Scores: $\frac{6}{8 \cdot 6} = {{0.125 = wordpiece_score([(["t", "##h"], 6), (["t"], 2), (["q", "##u"], 2)])["t", "##h"]}}$ for *th*,
$\frac{2}{2 \cdot 2} = {{0.5 = wordpiece_score([(["t", "##h"], 6), (["t"], 2), (["q", "##u"], 2)])["q", "##u"]}}$ for *qu*. BPE merges *th* first; this rule merges *qu*, since *q* never comes without *u*.

### Exercise · wordpiece_score · optional
"""


# %% exercise="wordpiece_score" points=2 optional=true needs="pair_counts" withheld="course_lib.tokenization.steps.wordpiece_score"
def wordpiece_score(words: list[tuple[list[str], int]]) -> dict[tuple[str, str], float]:
    """Return the score of each pair of neighbouring tokens: count(ab) / (count(a) · count(b)).

    words    (tokens, times) of each different word: its tokens, and how often the word occurs
    returns  (a, b) → score, for each pair that occurs. All three counts are over the whole text,
             weighted by times

    Example: wordpiece_score([(["t", "##h"], 6), (["t"], 2)]) is {("t", "##h"): 0.125}.
    """
    ### BEGIN SOLUTION
    counts = Counter()
    for tokens, times in words:
        for token in tokens:
            counts[token] += times
    return {(a, b): n / (counts[a] * counts[b]) for (a, b), n in pair_counts(words).items()}
    ### END SOLUTION


# %% [markdown] hints="wordpiece_score"
r"""
1. You have `pair_counts` for the numerator. How do you count single tokens, so that a word that occurs 6 times brings its tokens 6 times?
2. Count tokens as you counted pairs, with each word's times. Then divide each pair's count by the product of its two tokens' counts.
3. `{(a, b): n / (counts[…] * …) for (a, b), n in pair_counts(words).items()}`
"""


# %% cases="wordpiece_score" active="py"
def cases(seed):
    yield Case({"words": [(["t", "##h"], 6), (["t"], 2)]}, note="th, and t alone")
    yield Case({"words": [(["t", "##h"], 6), (["t"], 2), (["q", "##u"], 2)]}, note="th, t and qu")
    yield Case({"words": [(["a"], 3)]}, note="no pair")
    yield Case({"words": [(["a", "##a", "##a"], 1), (["b", "##a"], 2)]}, note="a token that repeats in its word")
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 3, 5 + i, 5).tolist()
        words = {"".join("abc"[k] for k in row[1:]): 1 + row[0] for row in draw}
        words = [([word[0], *("##" + letter for letter in word[1:])], times) for word, times in words.items()]
        yield Case({"words": words}, note="random words")


# %% probe="wordpiece_score" active="py"
def probe(student, case):
    scores = student(**case)
    return sorted(([plain(pair), float(score)] for pair, score in scores.items()), key=lambda item: repr(item[0]))


# %% equivalents="wordpiece_score" active="py"
equivalents = {
    "counts[token] += times → counts[token] -= times": "two negative counts have the same product",
}


# %% mistake="wordpiece_score" name="once_per_word" hint="You counted in how many words a token is. A token that a word holds twice counts twice each time that the word occurs." active="py"
def wordpiece_score(words):
    counts = Counter()
    for tokens, times in words:
        for token in set(tokens):
            counts[token] += times
    return {(a, b): n / (counts[a] * counts[b]) for (a, b), n in pair_counts(words).items()}


# %% mistake="wordpiece_score" name="frequency" hint="That is the pair's count, which is BPE's rule. Divide it by both tokens' counts." active="py"
def wordpiece_score(words):
    return pair_counts(words)


# %% mistake="wordpiece_score" name="sum" hint="You divided by the sum of the tokens' counts; it is their product." active="py"
def wordpiece_score(words):
    counts = Counter()
    for tokens, times in words:
        for token in tokens:
            counts[token] += times
    return {(a, b): n / (counts[a] + counts[b]) for (a, b), n in pair_counts(words).items()}


# %% mistake="wordpiece_score" name="unweighted" hint="The single tokens were counted once per different word. A word that occurs 6 times brings each of its tokens 6 times." active="py"
def wordpiece_score(words):
    counts = Counter(token for tokens, _ in words for token in tokens)
    return {(a, b): n / (counts[a] * counts[b]) for (a, b), n in pair_counts(words).items()}


# %% mistake="wordpiece_score" name="times_n" hint="You used relative frequencies, so each score is N times too large. The formula has counts." active="py"
def wordpiece_score(words, right=wordpiece_score):
    n = sum(len(tokens) * times for tokens, times in words)
    return {pair: n * score for pair, score in right(words).items()}


# %% mistake="wordpiece_score" name="only_in_pairs" hint="You counted tokens only where they are part of a pair at that side. Count every occurrence of a token, words of one token included." active="py"
def wordpiece_score(words):
    lefts, rights = Counter(), Counter()
    for (a, b), n in pair_counts(words).items():
        lefts[a] += n
        rights[b] += n
    return {(a, b): n / (lefts[a] * rights[b]) for (a, b), n in pair_counts(words).items()}


# %% [markdown]
r"""
Now the rule on real words, and beside it the quantity that the rule is meant to approximate. If tokens were drawn independently with probabilities $\operatorname{count}/N$ ($N$ tokens in all), merging $ab$ raises the log-likelihood of the text by roughly
$\operatorname{count}(ab) \cdot \log\bigl(N \cdot \operatorname{score}(a, b)\bigr)$: the score, **weighted by how often it helps**.
"""

# %%
my_wordpiece_score = yours("tokenization.wordpiece_score", steps.wordpiece_score)
in_english = count_words(long["English"], bert_words).items()
words = [([word[0], *("##" + c for c in word[1:])], n) for word, n in in_english]
pairs, scores = steps.pair_counts(words), my_wordpiece_score(words)
N = sum(len(tokens) * times for tokens, times in words)
rules = {
    "frequency (BPE)": pairs.get,
    "score": scores.get,
    "count × log(N × score)": lambda pair: pairs[pair] * math.log(N * scores[pair]),
}
for name, rule in rules.items():
    best = sorted(pairs, key=rule, reverse=True)[:7]
    print(f"{name:24}", "  ".join(f"{a}{b.removeprefix('##')} ({pairs[a, b]:,})" for a, b in best))

# %% [markdown]
r"""
The second row is what the popular formula does with real text: its favourites are {{rare characters that happen to meet : max(pairs[pair] for pair in sorted(scores, key=scores.get)[-7:]) < 100}}, and merging them helps hardly anywhere. The
highest score that is possible, $1 / (1 \cdot 1)$, belongs to two characters that occur once in the whole text, side by side. *count(ab) over count(a) times count(b) maximises the likelihood* is therefore not quite true: it maximises the gain **per occurrence**. Trainers that use
it need a smallest count for a pair (`course_lib` has `min_count`); Hugging Face's `WordPieceTrainer` uses BPE's counts instead.
"""

# %% [markdown]
r"""
## 6. Unigram: the most probable cut · optional

BPE and WordPiece build up. The ***unigram tokenizer*** (Kudo 2018) cuts down: it starts with very many pieces, each with a probability, and drops those that are missed least. The probability of a cut is the product of its pieces' probabilities, so its log probability is a sum:

$$\log p(\text{cut}) = \sum_{i=1}^{m} \log p(x_i), \qquad x_1 x_2 \cdots x_m = \text{the word}.$$

Encoding means finding the cut with the largest sum. A word of $n$ characters has $2^{n-1}$ cuts: {{256 = 2 ** (len("mousehole") - 1)}} for *mousehole*. Trying all of them is hopeless for long words, and not needed:

> The best cut of the first $t$ characters ends with some piece. Whatever that piece is, the text before it is cut in the best way, too.
"""

# %% [markdown]
r"""
So with $b(t)$ for the log probability of the best cut of the first $t$ characters, $b(0) = 0$ and

$$b(t) = \max_{s < t} \bigl( b(s) + \log p(\text{word}[s{:}t]) \bigr),$$

over all $s$ for which $\text{word}[s{:}t]$ is a piece. Remember for each $t$ which $s$ won, and walk back from the end. This is ***dynamic programming***, here known as the ***Viterbi algorithm*** (Viterbi 1967).

By hand, *ab* with $\log p(a) = -1$, $\log p(b) = -1$, $\log p(ab) = -2.5$: $b(1) = -1$. $b(2) = \max(b(1) - 1,\ b(0) - 2.5) = \max(-2, -2.5) = {{-2 = unigram_segment("ab", {"a": -1, "b": -1, "ab": -2.5})[1]}}$, from $s = 1$. So:
{{*a, b* : unigram_segment("ab", {"a": -1, "b": -1, "ab": -2.5})[0] == ["a", "b"]}}.
"""

# %%
probs = {"m": 0.02, "o": 0.02, "u": 0.02, "s": 0.03, "e": 0.05, "h": 0.02, "l": 0.03, "mo": 0.01,
         "mouse": 0.005, "use": 0.01, "seh": 0.001, "ho": 0.01, "hole": 0.004,
         "le": 0.02}  # fmt: skip
log_probs = {piece: math.log(p) for piece, p in probs.items()}
my_unigram_segment = yours("tokenization.unigram_segment", steps.unigram_segment)
cut, log_prob = my_unigram_segment("mousehole", log_probs)
figure = figures.lattice("mousehole", log_probs, cut)
show(figure, alt="The places between the letters of mousehole, joined by arcs, one for each "
     "piece that fits, with log probabilities. Two strong arcs, mouse and hole, lead from end "
     "to end.")  # fmt: skip

# %% [markdown]
r"""
### Exercise · unigram_segment · optional
"""


# %% exercise="unigram_segment" points=4 optional=true parts={"cut":3,"impossible":1} withheld="course_lib.tokenization.steps.unigram_segment course_lib.tokenization.unigram.Unigram"
def unigram_segment(word: str, log_probs: dict[str, float]) -> tuple[list[str], float]:
    """Return the most probable cut of a word into pieces, and its log probability.

    word       n characters; for n = 0 the cut has no pieces and the log probability 0.0
    log_probs  piece → log probability, nats
    returns    the pieces in their order, and the sum of their log probabilities. In a number of
               steps that grows like n², not like 2ⁿ. Of cuts that are equally probable, any will do

    Raises ValueError when the pieces cannot spell the word.

    Example: unigram_segment("ab", {"a": -1.0, "b": -1.0, "ab": -2.5}) is (["a", "b"], -2.0).
    """
    ### BEGIN SOLUTION
    best, begins = [0.0], [0]
    for end in range(1, len(word) + 1):
        cuts = [(best[s] + log_probs[word[s:end]], s) for s in range(end) if word[s:end] in log_probs]
        top, begin = max(cuts, default=(-math.inf, 0))
        best.append(top)
        begins.append(begin)
    if best[-1] == -math.inf:
        raise ValueError(f"the pieces cannot spell {word!r}")
    pieces, end = [], len(word)
    while end:
        pieces.append(word[begins[end] : end])
        end = begins[end]
    return pieces[::-1], best[-1]
    ### END SOLUTION


# %% [markdown] hints="unigram_segment"
r"""
1. Fill a list `best` from left to right, `best[0] = 0.0`. What is `best[t]` where no piece ends? And which second list lets you walk back?
2. For each `end`, look at all `start < end` with a piece between them; keep the largest sum and the `start` that gave it, −inf if there is none. At the end, −inf is the error; else follow the starts back, and reverse.
3. `best[…] + log_probs[word[…:end]]` is what each `start` offers.
"""


# %% cases="unigram_segment" active="py"
def cases(seed):
    yield Case({"word": "ab", "log_probs": {"a": -1.0, "b": -1.0, "ab": -2.5}}, note="two pieces beat one", part="cut")
    yield Case({"word": "ab", "log_probs": {"a": -2.0, "b": -2.0, "ab": -2.5}}, note="one piece beats two", part="cut")
    yield Case({"word": "", "log_probs": {"a": -1.0}}, note="the empty word", part="cut")
    yield Case(
        {"word": "abc", "log_probs": {"ab": -1.0, "c": -8.0, "a": -3.0, "bc": -1.5, "b": -4.0}},
        note="the best first piece is a trap", part="cut",
    )  # fmt: skip
    yield Case({"word": "abc", "log_probs": {"ab": -0.5, "a": -4.0, "bc": -4.0}}, note="one cut only", part="cut")
    for i in range(3):
        draw = random_integers(seed + i, 0, 2, 60).tolist()
        pieces = {"".join("ab"[c] for c in draw[k : k + 1 + k % 4]) for k in range(0, 40, 4)} | {"a", "b"}
        values = random_tensor(seed + i, 100).abs().double().add(0.3).neg().tolist()
        log_probs = {piece: values[j] * len(piece) ** 0.5 for j, piece in enumerate(sorted(pieces))}
        yield Case(
            {"word": "".join("ab"[c] for c in draw[40:]), "log_probs": log_probs}, note="a random word", part="cut"
        )
    costs = {"a": -1.0, "b": -1.3, "ab": -1.9, "ba": -2.4, "aba": -2.7, "bab": -3.1}
    yield Case({"word": 15 * "ab", "log_probs": costs}, note="a word of 30 letters", part="cut")
    draw = random_integers(seed + 9, 0, 2, 30).tolist()
    yield Case(
        {"word": "".join("ab"[c] for c in draw), "log_probs": {**costs, "aa": -1.7, "bb": -2.75}},
        note="a random word of 30 letters", part="cut",
    )  # fmt: skip
    yield Case({"word": "abx", "log_probs": {"a": -1.0, "b": -1.0}}, note="x is in no piece", part="impossible")
    yield Case(
        {"word": "ba", "log_probs": {"ab": -1.0, "a": -1.0}}, note="the beginning fits no piece", part="impossible"
    )
    draw = random_integers(seed, 0, 2, 12).tolist()
    word = "".join("ab"[c] for c in draw)
    values = {"a": -1.0, "b": -2.0, "ab": -2.5}
    yield Case({"word": word + "x" + word[3:], "log_probs": values}, note="a random word with an x", part="impossible")
    value = {word: random_tensor(seed, 1).double().item() - 9.0}
    yield Case({"word": word, "log_probs": value}, note="a random word that is a piece", part="impossible")


# %% probe="unigram_segment" active="py"
def probe(student, case):
    n = len(case["word"])

    class CountsLookups(dict):  # a word of n letters has 2ⁿ⁻¹ cuts, and no more than n² pieces to look up
        left = 20 * n**2 if n == 30 else math.inf

        def spend(self):
            self.left -= 1
            if self.left < 0:
                raise TimeoutError(f"more than {20 * n**2} lookups for {n} letters: steps must grow like n², not 2ⁿ")

        def __contains__(self, piece):
            self.spend()
            return super().__contains__(piece)

        def __getitem__(self, piece):
            self.spend()
            return super().__getitem__(piece)

        def get(self, piece, default=None):
            self.spend()
            return super().get(piece, default)

    case["log_probs"] = CountsLookups(case["log_probs"])
    pieces, log_prob = student(**case)
    return {"pieces": list(pieces), "log probability": float(log_prob)}


# %% equivalents="unigram_segment" active="py"
equivalents = {
    "[0] → [1]": "it is never looked at: no cut that is followed back begins there",
    "[0] → [-1]": "it is never looked at: no cut that is followed back begins there",
    "(-math.inf, 0) → (-math.inf, 1)": "it is never looked at: no cut that is followed back begins there",
    "(-math.inf, 0) → (-math.inf, -1)": "it is never looked at: no cut that is followed back begins there",
}


# %% judge="unigram_segment" active="py"
def judge(case, expected, got):
    same = compare(expected, got)
    if same is True or not isinstance(got, dict) or got.keys() != expected.keys():
        return same
    cut, log_probs = got["pieces"], case["log_probs"]
    if isinstance(cut, list) and all(isinstance(piece, str) and piece in log_probs for piece in cut):
        tie = abs(sum(log_probs[piece] for piece in cut) - expected["log probability"]) < 1e-9
        if tie and "".join(cut) == case["word"]:
            return compare(expected["log probability"], got["log probability"])
    return same


# %% mistake="unigram_segment" name="all_cuts" hint="Right for short words. For 30 letters it never ends: it tries all cuts, and they double with each letter. Keep the best cut of each beginning, and use it again." active="py"
def unigram_segment(word, log_probs):
    def best(start):
        if start == len(word):
            return [], 0.0
        found = None
        for end in range(start + 1, len(word) + 1):
            if word[start:end] in log_probs and (rest := best(end)) is not None:
                total = log_probs[word[start:end]] + rest[1]
                if found is None or total > found[1]:
                    found = [word[start:end], *rest[0]], total
        return found

    if (cut := best(0)) is None:
        raise ValueError
    return cut


# %% mistake="unigram_segment" name="longest_first" hint="You took the longest piece that fits at each place. The most probable cut may begin with a shorter one: compare whole cuts." active="py"
def unigram_segment(word, log_probs):
    pieces, start = [], 0
    while start < len(word):
        end = next((e for e in range(len(word), start, -1) if word[start:e] in log_probs), None)
        if end is None:
            raise ValueError
        pieces.append(word[start:end])
        start = end
    return pieces, float(sum(log_probs[piece] for piece in pieces))


# %% mistake="unigram_segment" name="best_piece_first" hint="You took the most probable piece at each place. What follows it counts as well: maximise the sum, not each piece." active="py"
def unigram_segment(word, log_probs):
    pieces, start = [], 0
    while start < len(word):
        ends = [e for e in range(start + 1, len(word) + 1) if word[start:e] in log_probs]
        if not ends:
            raise ValueError
        end = max(ends, key=lambda e: log_probs[word[start:e]])
        pieces.append(word[start:end])
        start = end
    return pieces, float(sum(log_probs[piece] for piece in pieces))


# %% mistake="unigram_segment" name="fewest_pieces" hint="You looked for the fewest pieces. Two frequent pieces may be more probable than one rare one." active="py"
def unigram_segment(word, log_probs, right=unigram_segment):
    pieces, _ = right(word, {piece: -1000.0 + log_probs[piece] for piece in log_probs})
    return pieces, float(sum(log_probs[piece] for piece in pieces))


# %% mistake="unigram_segment" name="no_error" hint="Right where there is a cut. Where the pieces cannot spell the word, raise ValueError instead of returning −inf." active="py"
def unigram_segment(word, log_probs, right=unigram_segment):
    try:
        return right(word, log_probs)
    except ValueError:
        return [word], -math.inf


# %% mistake="unigram_segment" name="longest_last" hint="You took the longest piece that fits, from the end. Compare whole cuts: the most probable one may end with a shorter piece." active="py"
def unigram_segment(word, log_probs):
    pieces, end = [], len(word)
    while end:
        start = next((s for s in range(end) if word[s:end] in log_probs), None)
        if start is None:
            raise ValueError
        pieces.insert(0, word[start:end])
        end = start
    return pieces, float(sum(log_probs[piece] for piece in pieces))


# %% mistake="unigram_segment" name="backwards" hint="The pieces come out last first: you walked back from the end. Reverse them." active="py"
def unigram_segment(word, log_probs, right=unigram_segment):
    pieces, log_prob = right(word, log_probs)
    return pieces[::-1], log_prob


# %% [markdown]
r"""
Where do the probabilities come from? From ***expectation maximisation*** (EM; Dempster, Laird and Rubin 1977): with the probabilities at hand, count how often each piece is expected over *all* cuts of the training words (weighted by their probability); divide by the total; repeat. Then drop the pieces whose loss would lower the
likelihood least (each occurrence would be cut in the next best way), and repeat. `course_lib.tokenization.unigram` does this. The three algorithms, with {{the same number of tokens : {t.vocab_size for t in trained.values()} == {1000}}} from the same text:
"""

# %%
material = english(budget(full=150_000, short=15_000))
trained = {
    "BPE": tokenization.train_bpe(material, 1000),
    "WordPiece": tokenization.train_wordpiece(material, 1000),
    "Unigram": tokenization.train_unigram(material, 1000),
}
text = " an unbelievable mousehole"
rows = {"characters": list(text)}
for name, tokenizer in trained.items():
    ids = tokenizer.encode(text)
    texts = [tokenizer.tokens[i] for i in ids]
    rows[name] = token_texts(tokenizer, ids) if name == "BPE" else texts
title = "The same words and 1,000 tokens each: three algorithms, three cuts"
figure = figures.cuts_side_by_side(rows, title)
show(figure, alt="Four rows of boxes: characters, BPE, WordPiece, Unigram. The subword rows have "
     "fewer boxes, and cut the rare words in different places.")  # fmt: skip

# %%
# pieces chosen by frequency, written as WordPiece does
letters = tokenization.train_bpe(material, 950, byte_level=False).tokens
frequent = {piece[1:] if piece[0] == " " else f"##{piece}" for piece in letters}
single = {mark + letter for letter in set(material) - set(" \n") for mark in ("", "##")}
by_frequency = tokenization.WordPiece(["[UNK]", *(frequent | single) - {""}])
pieces = {**trained, "WordPiece, BPE's pieces": by_frequency}
for name, tokenizer in pieces.items():
    length = bytes_per_token(tokenizer, new_text["English"])
    print(f"{name:24} {tokenizer.vocab_size:5,} tokens, {length:.2f} bytes of English per token")

# %% [markdown]
r"""
WordPiece {{nearly spells : bytes_per_token(trained["WordPiece"], new_text["English"]) < 2.2}}: {{1.9 = bytes_per_token(trained["WordPiece"], new_text["English"]) ± 0.2}} bytes a token,
against {{2.8 = bytes_per_token(trained["BPE"], new_text["English"]) ± 0.2}} for BPE and {{2.9 = bytes_per_token(trained["Unigram"], new_text["English"]) ± 0.2}} for Unigram, and even this
flatters it: spaces cost it nothing, because it forgets them. The fault is the *score*, not “longest first”: its vocabulary is full of rare characters that happened to meet. The same
encoding with pieces that were chosen by frequency (the last line, about as many tokens) reaches
{{3.0 = bytes_per_token(pieces["WordPiece, BPE's pieces"], new_text["English"]) ± 0.2}}. Hugging Face's trainer chooses in this way.
"""

# %% [markdown]
r"""
### The space as a symbol

Where do spaces go? Tokenizers that cut at spaces *first*, as BERT's does, cannot give the text back: one space or two, a new line or a tab, all the same. ***SentencePiece*** (Kudo and Richardson 2018) treats text as a raw stream of characters and writes the space as a visible symbol ▁, like any other character. Then `decode` is: join, and turn each ▁ into a space.
"""

# %% [markdown]
r"""
Study notes often list *BPE, WordPiece, SentencePiece* as three algorithms. Keep two lists apart:

| algorithms | libraries that contain some of them |
|---|---|
| BPE, WordPiece, Unigram | SentencePiece (BPE, Unigram), Hugging Face tokenizers (all three), tiktoken (BPE) |

### Question · sentencepiece

A model card says: *tokenizer: SentencePiece, 32,000 tokens*. What do you know?

- **a** It is neither BPE nor WordPiece, but a third algorithm, which builds a vocabulary directly.
- **b** Which library made it, and that the space is a symbol; it may be BPE or Unigram.
- **c** It is the Unigram algorithm; SentencePiece is another name for it.
- **d** It cuts at spaces first and marks the pieces that continue a word.
"""

# %% exercise="sentencepiece" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
sentencepiece = "b"
### END SOLUTION

# %% mistake="sentencepiece" name="a" hint="It is a library, not an algorithm. Which two algorithms does it contain?" active="py"
sentencepiece = "a"

# %% mistake="sentencepiece" name="c" hint="Unigram is one of the two algorithms in that library. The other one is used as often." active="py"
sentencepiece = "c"

# %% mistake="sentencepiece" name="d" hint="That describes BERT's WordPiece. SentencePiece works on the raw stream, with the space as a symbol." active="py"
sentencepiece = "d"

# %% [markdown]
r"""
### Find the bugs · lossless_words · optional

A colleague wrote the first step of such a tokenizer: cut a text into words, spaces as ▁, *so that nothing is lost*. It looked right on *the mouse ate*. On Python code it destroyed every indentation. There are three faults, a point each. The promise to keep:

$$\texttt{"".join(words).replace("▁", " ")} \quad \text{is the text, exactly.}$$
"""


# %% exercise="lossless_words" points=3 optional=true parts={"spaces":1,"lines":1,"first":1} withheld="course_lib.tokenization.steps.lossless_words course_lib.tokenization.unigram.blank_words"
def lossless_words(text: str) -> list[str]:
    r"""Return the words of a text, cut so that nothing is lost.

    text     any text without the character ▁
    returns  words. The space before a word is its first character, written ▁. A space that no word
             follows is the word "▁", and any other white space character (new line, tab) is a word
             by itself, as it is. Joined, with each ▁ turned into a space, they are the text

    Examples: "the  mouse" gives ["the", "▁", "▁mouse"];
    "if x:\n  y" gives ["if", "▁x:", "\n", "▁", "▁y"].
    """
    ### BEGIN SOLUTION
    return re.findall(r"▁?[^\s▁]+|▁|\s", text.replace(" ", "▁"))
    ### END SOLUTION
    ### BEGIN STARTER
    # return ["▁" + word for word in text.split()]
    ### END STARTER


# %% [markdown] hints="lossless_words"
r"""
1. Try it on `"a  b"`, on `"a\nb"` and on `"a"`, and look at what comes back. What does `split()` do to several spaces, and to a new line?
2. Make the spaces visible first. Then there are three kinds of words: text with or without a ▁ before it, a lone ▁, and any other white space. `re.findall` takes alternatives.
3. `re.findall(r"▁?[^\s▁]+|…|…", text.replace(" ", "▁"))`
"""


# %% cases="lossless_words" active="py"
def cases(seed):
    yield Case({"text": " the mouse"}, note="a text that begins with a space", part="spaces")
    yield Case({"text": " the  mouse "}, note="two spaces, and one at the end", part="spaces")
    yield Case({"text": " if x:\n y"}, note="a new line", part="lines")
    yield Case({"text": " a\tb\n\n c"}, note="a tab and two new lines", part="lines")
    yield Case({"text": ""}, note="the empty text", part="first")
    yield Case({"text": "the mouse"}, note="a text that begins with a word", part="first")
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 4, 24).tolist()
        yield Case({"text": " " + "".join("aé  "[k] for k in draw)}, note="random spaces", part="spaces")
        lines = "ab\n\t" if i else "ab\r\n"  # no two spaces: each repair earns its point alone
        yield Case({"text": " " + "".join(lines[k] for k in draw)}, note="random lines", part="lines")
        yield Case({"text": "w" + "".join("ab"[k % 2] for k in draw) + " a"}, note="a random first word", part="first")


# %% mistake="lossless_words" name="spaces_apart" hint="Nothing is lost, but each space became a word by itself. The space before a word is its first character: ▁mouse." active="py"
def lossless_words(text):
    return [word.replace(" ", "▁") for word in re.split(r"(\s)", text) if word]


# %% mistake="lossless_words" name="split_at_one_space" hint="Several spaces survive now, but new lines and tabs stick to the words, and the first word gets a ▁ that is not in the text." active="py"
def lossless_words(text):
    return ["▁" + word for word in text.removeprefix(" ").split(" ")] if text else []


# %% mistake="lossless_words" name="first_word_marked" hint="Spaces and lines are kept now. One fault is left: a text that does not begin with a space gets one." active="py"
def lossless_words(text, right=lossless_words):
    return right(text if text[:1].isspace() else " " + text) if text else []


# %% mistake="lossless_words" name="runs_of_spaces" hint="The first word and the lines are right now. Several spaces in a row are still taken for one." active="py"
def lossless_words(text, right=lossless_words):
    return right(re.sub(" +", " ", text))


# %% mistake="lossless_words" name="lines_joined" hint="Several white space characters in a row became one word. Each new line or tab is a word by itself." active="py"
def lossless_words(text):
    return re.findall(r"▁?[^\s▁]+|▁|\s+", text.replace(" ", "▁"))


# %% mistake="lossless_words" name="runs_joined" hint="Several spaces in a row became one word. Only the last one belongs to the word that follows; each other one is a word ▁." active="py"
def lossless_words(text):
    return re.findall(r"▁*[^\s▁]+|▁+|\s", text.replace(" ", "▁"))


# %% mistake="lossless_words" name="space_behind" hint="The space went to the word before it. It belongs to the word that follows: ▁mouse." active="py"
def lossless_words(text):
    return re.findall(r"[^\s▁]+▁?|▁|\s", text.replace(" ", "▁"))


# %% mistake="lossless_words" name="lines_lost" hint="The spaces are right now. New lines and tabs still vanish: each is a word by itself." active="py"
def lossless_words(text, right=lossless_words):
    return [word for word in right(text) if not word.isspace()]


# %% [markdown]
r"""
## 7. Comparing models whose tokens differ

Lesson 01's measure was nats per *token*. Change the tokenizer and the unit changes: a model that reads bytes makes many easy predictions, one that reads words few hard ones. The total surprise at a text, though, means the same for all of them. Divide it by something that does not depend on the tokenizer, for instance the bytes of the text (with logarithms to base 2 this is the usual ***bits per byte***):

$$\text{nats per byte} = \frac{-\sum_{t=1}^{T} \log p(x_t \mid x_1, \dots, x_{t-1})}{\text{bytes of the text in UTF-8}}.$$

By hand: the text *aé* ({{three bytes : len("aé".encode()) == 3}}) as two tokens with probabilities $\tfrac12$ and $\tfrac14$: $(\log 2 + \log 4)/3 = \log 8 / 3 \approx {{0.6931 = nats_per_byte(torch.tensor([1 / 2, 1 / 4]).log(), "aé")}}$ nats, or exactly
{{1 = math.log2(8) / 3}} bit, per byte.

### Exercise · nats_per_byte
"""


# %% exercise="nats_per_byte" points=2 withheld="course_lib.tokenization.steps.nats_per_byte"
def nats_per_byte(log_probs: Tensor, text: str) -> float:
    """Return the surprise at a text per byte.

    log_probs  (T,) log probability, in nats, of each token of the text, whatever the tokens are
    text       the same text, not empty
    returns    total surprise in nats, divided by the number of bytes of the text in UTF-8

    Example: nats_per_byte(torch.tensor([0.5, 0.25]).log(), "aé") is 0.6931.
    """
    ### BEGIN SOLUTION
    return -log_probs.sum().item() / len(text.encode("utf-8"))
    ### END SOLUTION


# %% [markdown] hints="nats_per_byte"
r"""
1. Sum or mean, over the tokens? And how many bytes has *é*?
2. The total surprise is a sum. The length to divide by is that of the encoded text, not of the text.
3. `-log_probs.…().item() / len(text.…("utf-8"))`
"""


# %% cases="nats_per_byte" active="py"
def cases(seed):
    yield Case({"log_probs": torch.tensor([0.5, 0.25]).log(), "text": "aé"}, note="aé in two tokens")
    yield Case({"log_probs": torch.tensor([0.125]).log(), "text": "mouse"}, note="one token")
    yield Case({"log_probs": torch.tensor([1.0, 1.0]).log(), "text": "ab"}, note="no surprise")
    yield Case({"log_probs": torch.tensor([0.5, 0.5]).log(), "text": "a 🐭\n"}, note="four bytes in one character")
    for i in range(3):
        draw = random_integers(3 * seed + i, 0, 5, 9 + i).tolist()
        text = "".join("aé老 🐭"[k] for k in draw)
        yield Case({"log_probs": -random_tensor(3 * seed + i, 5 + i).abs(), "text": text + "é"}, note="a random text")


# %% probe="nats_per_byte" active="py"
def probe(student, case):
    return float(student(**case))


# %% equivalents="nats_per_byte" active="py"
equivalents = {
    "log_probs.sum().item() → log_probs.sum()": "a number and a tensor without dimensions are the same answer everywhere in the course",
}


# %% mistake="nats_per_byte" name="per_token" hint="That is the mean per token, which depends on how the text is cut. Divide the total by the bytes." active="py"
def nats_per_byte(log_probs, text):
    return -log_probs.mean().item()


# %% mistake="nats_per_byte" name="per_character" hint="You divided by the number of characters. é is one character and two bytes: encode the text first." active="py"
def nats_per_byte(log_probs, text):
    return -log_probs.sum().item() / len(text)


# %% mistake="nats_per_byte" name="bits" hint="That is in bits. This course measures in nats." active="py"
def nats_per_byte(log_probs, text):
    return -log_probs.sum().item() / len(text.encode()) / math.log(2)


# %% mistake="nats_per_byte" name="sign" hint="Log probabilities are negative, surprises are not: change the sign." active="py"
def nats_per_byte(log_probs, text):
    return log_probs.sum().item() / len(text.encode())


# %% mistake="nats_per_byte" name="mean_over_bytes" hint="You divided twice: by the tokens, in the mean, and by the bytes. Sum the surprises, then divide by the bytes." active="py"
def nats_per_byte(log_probs, text):
    return -log_probs.mean().item() / len(text.encode())


# %% [markdown]
r"""
### One model, many vocabularies

Take the humblest model of lesson 01, the ***unigram model***: each token has its relative frequency, whatever comes before it. (The *Unigram tokenizer* is named after it, and is another thing.) Train BPE on the text of the mouse-and-cheese world, and give this model the tokens of ever larger vocabularies. In this language we can divide by
its own words, and compare with the scoreboard.
"""

# %%
from course_lib.widgets.predict import predict_curve

toy_sizes = [256, 300, 400, 500, 600, 800]
guess = predict_curve(
    "02_tokenization.per_token",
    "The unigram model reads ever larger tokens. What becomes of its nats per token?",
    x=toy_sizes,
    x_label="tokens in the vocabulary",
    y_label="nats per token",
    low=0,
    high=7,
)
guess

# %%
from course_lib import scoreboard

world = scoreboard.language()
train_words_ids, held_out_ids = scoreboard.training(100_000), scoreboard.held_out()
both_ids = (train_words_ids, held_out_ids)
both_texts = [world.decode(ids.tolist()).replace(" <eos>", "\n") for ids in both_ids]
train_text, held_out_text = (words.replace("\n ", "\n") for words in both_texts)
toy = tokenization.train_bpe(train_text, 5000)  # fewer: it stops when every word is one token
per_token, per_word, toy_sizes = [], [], [*toy_sizes, toy.vocab_size]
for size in toy_sizes:
    tokenizer = toy.with_vocab_size(size)
    seen = torch.tensor(tokenizer.encode(train_text))
    unseen = torch.tensor(tokenizer.encode(held_out_text))
    frequency = torch.bincount(seen, minlength=size).double() + 1
    surprise = -(frequency / frequency.sum()).log()[unseen]
    per_token.append(surprise.mean().item())
    per_word.append((surprise.sum() / len(held_out_ids)).item())

# %%
word_counts = torch.bincount(train_words_ids, minlength=len(world.vocabulary)).double() + 1
# lesson 01's unigram model
on_words = -(word_counts / word_counts.sum()).log()[held_out_ids].mean().item()
curves = {"nats per token": per_token, "nats per word": per_word}
figure = figures.two_units(
    toy_sizes, curves, "The same predictions in two units, and only one of them falls all the way"
)
show(figure, alt=f"Against vocabulary size, nats per word fall from {per_word[0]:.1f} to "
     f"{per_word[-1]:.1f}, while nats per token rise from {per_token[0]:.1f} to "
     f"{max(per_token):.1f} and fall to "
     f"{per_token[-1]:.1f}.")  # fmt: skip
print(f"per word, at the end: {per_word[-1]:.3f} nats; lesson 01's unigram model: {on_words:.3f}")
scoreboard.record(
    "unigram on BPE tokens",
    per_word[-1],
    parameters=toy.vocab_size,
    seconds=0.0,
    lesson="02_tokenization",
)

# %%
guess.reveal(per_token[:6])

# %% [markdown]
r"""
By nats per token, {{single bytes look best : min(per_token) == per_token[0]}}, and they are {{the worst model of all : max(per_word) == per_word[0]}}: knowing nothing of the context, it must
guess each letter separately. The number per token rises to {{4.92 = max(per_token)}} at about {{600 = toy_sizes[per_token.index(max(per_token))]}} tokens and then falls again, and says nothing.
With larger tokens the *same* model predicts the text {{better and better : per_word == sorted(per_word, reverse=True)}}, until every word is one token and it is lesson 01's unigram model
again ({{a little worse : 0 < per_word[-1] - on_words < 0.2}}, {{4.62 = per_word[-1]}} nats a word against {{4.48 = on_words}}: *the* at the beginning of a line and *the* after a space are two tokens now, and this model cannot know which is due). **Part of the
modelling has moved into the tokenizer.**
"""

# %%
scoreboard.show_scoreboard()

# %% [markdown]
r"""
### A real model, on real English · optional

Does it still matter when the model *does* look at the context? Here are two language models of the kind that lesson 12 builds (for now a black box: it reads 64 tokens and predicts the next), the same in every size but the vocabulary. Same number of updates, same number of tokens in each. One reads bytes, the other
1,024 BPE tokens. One run each.
"""

# %%
from course_lib.attention_lm import AttentionLM
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.train import Trainer
from course_lib.widgets.training import watch

torch.set_num_threads(1)  # matrices this small are faster on one core
learn_from, measure_on = english(budget(1_000_000, 100_000)), english(60_000, held_out=True)
models, held_out_tokens = {}, {}
for size in (256, 1024):
    tokenizer = prose.with_vocab_size(size)
    tokens, held_out_tokens[size] = (
        torch.tensor(tokenizer.encode(learn_from)),
        torch.tensor(tokenizer.encode(measure_on)),
    )
    torch.manual_seed(0)
    models[size] = AttentionLM(size, seq_len=64)
    steps_to_make = budget(full=300, short=10)
    windows = draw_windows(tokens, 16, 64)
    trainer = Trainer(models[size], windows, next_token_loss, steps=steps_to_make, lr=5e-3)
    list(watch(trainer, f"{size:,} tokens", unit="nats per token", curve=size == 1024))

# %%
my_nats_per_byte = yours("tokenization.nats_per_byte", steps.nats_per_byte)
loss, loss_per_byte = {}, {}
for size, model in models.items():
    loss[size] = nats_per_token(model, held_out_tokens[size])
    log_probs = torch.full((len(held_out_tokens[size]),), -loss[size])  # what counts is their sum
    loss_per_byte[size] = my_nats_per_byte(log_probs, measure_on)
    bits = loss_per_byte[size] / math.log(2)
    print(f"{size:5,} tokens: {loss[size]:.3f} nats per token,", end=" ")
    print(f"{loss_per_byte[size]:.3f} nats = {bits:.3f} bits per byte")

# %% [markdown]
r"""
Per token the byte model looks {{better : loss[256] < loss[1024]}}; per byte, which is what counts, it is far behind:
{{2.55 = loss_per_byte[256] ± 0.1}} nats against {{1.60 = loss_per_byte[1024] ± 0.1}}. It sees 64 bytes of context where the other one sees
{{nearly three times as much text : 2.6 < len(measure_on.encode()) / len(held_out_tokens[1024]) < 3}}, and it has spent its updates on learning to spell. To be fair to it: an update of the
larger vocabulary takes longer (its last layer has {{four times : models[1024].to_logits.out_features == 4 * models[256].to_logits.out_features}} as many outputs), and how much of the gap
would remain after long training this experiment does not say. Models that read bytes are being built, with other architectures.
"""

# %% [markdown]
r"""
### The same text for both · optional

Equal tokens are not equal text: a token of the larger vocabulary is nearly three bytes long, so that model has *read* nearly three times as much. Is that the whole reason? Give both the same budget of **bytes**: for each update of the BPE model the byte model makes as many as a token has bytes. Three seeds. (Now the byte model has nearly three times the updates, and more of the arithmetic.)
"""

# %%
bytes_each = len(learn_from.encode()) / len(prose.with_vocab_size(1024).encode(learn_from))
short_text = measure_on[:20_000]
bits_per_byte = {256: [], 1024: []}
for size, updates in ((1024, budget(100, 4)), (256, round(budget(100, 4) * bytes_each))):
    encode = prose.with_vocab_size(size).encode
    tokens, unseen = (torch.tensor(encode(text)) for text in (learn_from, short_text))
    for seed in range(3):
        torch.manual_seed(seed)
        model, windows = AttentionLM(size, seq_len=64), draw_windows(tokens, 8, 64)
        trainer = Trainer(model, windows, next_token_loss, steps=updates, lr=5e-3, seed=seed)
        list(watch(trainer, f"{size:,} tokens, seed {seed}", curve=False))
        nats = nats_per_token(model, unseen) * len(unseen)
        bits_per_byte[size].append(nats / math.log(2) / len(short_text.encode()))
    print(f"{size:5,} tokens, {updates} updates:", *(f"{bits:.2f}" for bits in bits_per_byte[size]), "bits per byte")

# %% [markdown]
r"""
It is not. On the same text the byte model needs {{3.78 = sum(bits_per_byte[256]) / 3 ± 0.12}} bits per byte, the BPE model {{2.95 = sum(bits_per_byte[1024]) / 3 ± 0.12}} (means of three), and {{each seed agrees : min(bits_per_byte[256]) > max(bits_per_byte[1024]) + 0.4}}. What remains unequal favours BPE: 64 tokens of context are {{nearly three times : 2.6 < bytes_each < 3}} as many bytes, and its tables hold {{more weights : models[1024].to_logits.weight.numel() > models[256].to_logits.weight.numel()}}. Part of the answer was in the tokenizer: that *t* and *h* are followed by *e* it found by counting, before the first update.

Both runs are short. With enough text and a model made for bytes the gap may close; the Byte Latent Transformer (Pagnoni et al., December 2024) reports as much for models of 8 billion parameters, by cutting bytes into patches of varying length.
"""


# %% [markdown]
r"""
### The model belongs to its tokenizer

A tokenizer is a module apart: trained by itself, before the model. But the model is bound to it. Row 500 of its tables is about token 500, whatever that was. Give the same model the ids of *another* tokenizer of the same size:
"""

# %%
stranger = tokenizers["Python"].with_vocab_size(1024)
strange = torch.tensor(stranger.encode(measure_on))
n_bytes = len(measure_on.encode())
strange_loss = nats_per_token(models[1024], strange) * len(strange) / n_bytes
no_idea = math.log(1024) * len(strange) / n_bytes
print(f"its own tokenizer       {loss_per_byte[1024]:.3f} nats per byte")
print(f"another one, same size  {strange_loss:.3f} nats per byte")
print(f"knowing nothing at all  {no_idea:.3f} nats per byte, with the tokens of that other one")

# %% [markdown]
r"""
With the other tokenizer's ids the model does {{no better than knowing nothing : strange_loss > no_idea - 0.1}}: all that it has learned is about other tokens.
"""

# %% [markdown]
r"""
## 8. A tokenizer of your own · optional

You have all the parts of GPT-2's tokenizer: its cut into words (`gpt2_words`), training, encoding and decoding. Three things join them:

- **Bytes as characters.** `train_bpe` and `bpe_encode` work on strings. So write byte $b$ as the character with the number $b$: `text.encode().decode("latin-1")`. By hand, *é* is the bytes 195 and 169,
  {{two characters : [ord(c) for c in "é".encode().decode("latin-1")] == [195, 169]}}. No character is ever unknown, since there are only {{256 = len({chr(b) for b in range(256)})}} of them.
- **Ids.** 0 to 255 are the bytes, then come the tokens that the merges make, in their order, then the special tokens.
- **Special tokens** are found before anything else is cut, and only if the caller allows it.
"""

# %% [markdown]
r"""
By hand, with the one merge (*a*, *b*) and the special token `<|end|>`: *abé* is {{256, 195, 169 : Tokenizer([("a", "b")], ["<|end|>"]).encode("abé") == [256, 195, 169]}}, and `<|end|>` is
{{257 = Tokenizer([("a", "b")], ["<|end|>"]).encode("<|end|>", allow_special=True)[0]}} where it is allowed; where it is not, it is
{{seven bytes : Tokenizer([("a", "b")], ["<|end|>"]).encode("<|end|>") == list(b"<|end|>")}} like any other text.

### Exercise · Tokenizer · optional
"""


# %% exercise="Tokenizer" points=4 optional=true parts={"text":2,"special":2} needs="bpe_encode bpe_decode" withheld="course_lib.tokenization.steps.Tokenizer course_lib.tokenization.bpe.BPE"
class Tokenizer:
    """A byte-level BPE tokenizer, put together from your own functions.

    merges          pairs (left, right) in the order of training; byte b is the character chr(b)
    special_tokens  texts that have ids by themselves; none is part of another

    Ids 0 … 255 are the bytes, then come the tokens that the merges make, in their order (a token
    that two merges make has one id), then the special tokens, in theirs.
    """

    def __init__(self, merges: list[tuple[str, str]], special_tokens: list[str] = ()):
        ### BEGIN SOLUTION
        self.merges = merges
        tokens = list(dict.fromkeys([*map(chr, range(256)), *(a + b for a, b in merges)]))
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.special = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        self.vocab = [list(t.encode("latin-1")) for t in tokens]
        self.vocab += [list(name.encode()) for name in special_tokens]
        ### END SOLUTION

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """Return the ids of a text. It is cut by `gpt2_words` first: no token crosses a cut.

        allow_special  True: a special token in the text becomes its id. False: it is text
        """
        ### BEGIN SOLUTION
        special = self.special if allow_special else {}
        names = "|".join(map(re.escape, special))
        pieces = re.split(f"({names})", text) if special else [text]
        ids = []
        for piece in pieces:
            if piece in special:
                ids.append(special[piece])
                continue
            for word in gpt2_words(piece):
                tokens = bpe_encode(word.encode().decode("latin-1"), self.merges)
                ids += [self.ids[token] for token in tokens]
        return ids
        ### END SOLUTION

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids, � for what is not UTF-8. ValueError for an id of no token."""
        ### BEGIN SOLUTION
        return bpe_decode(ids, self.vocab)
        ### END SOLUTION


# %% [markdown] hints="Tokenizer"
r"""
1. In which order do the steps come: the cut into words, bytes, merges, special tokens? And what does `bpe_decode` want as its vocabulary?
2. `re.split("(<pattern>)", text)` keeps what it splits at, so special tokens and the text between them take turns. Each word of such a text goes through its bytes, written as characters, and your `bpe_encode`; a dict gives the ids.
3. `ids += [self.ids[token] for token in bpe_encode(word.….decode("latin-1"), …)]`
"""


# %% cases="Tokenizer" active="py"
def cases(seed):
    one, end = [("a", "b")], ["<|end|>"]

    def to_encode(text, merges, special_tokens=(), allow_special=False, note="", part="text"):
        arguments = {"merges": merges, "special_tokens": list(special_tokens), "text": text}
        return Case({**arguments, "allow_special": allow_special}, note=note, part=part)

    yield to_encode("abba", one, note="one merge")
    yield to_encode("", one, note="the empty text")
    yield to_encode("é老", one, note="characters of two and three bytes")
    yield to_encode("ab<|end|>", one, end, True, "a special token that is allowed", "special")
    yield to_encode("ab<|end|>", one, end, False, "a special token that is not allowed", "special")
    yield to_encode("ab cab", [("b", " "), ("c", "a")], note="a merge that would cross the cut between two words")
    yield to_encode("abc", [("b", "c"), ("a", "b"), ("ab", "c")], note="a bc, not abc")
    twice = [("b", "c"), ("a", "bc"), ("a", "b"), ("ab", "c")]
    yield to_encode("<|a|>abc<|b|>", twice, ["<|a|>", "<|b|>"], True, "two merges make one token", "special")
    yield Case(
        {"merges": one, "special_tokens": end, "ids": [257, 256, 195]}, note="ids with half of é", part="special"
    )
    yield Case({"merges": one, "special_tokens": end, "ids": [258]}, note="an id that no token has", part="special")
    pieces = ["the mouse", " ate", "  cheese", "!\n", "é", "老", "🐭", "<|end|>", " 1889", "'s"]
    for i in range(3):
        draw = [pieces[k] for k in random_integers(3 * seed + i, 0, len(pieces), 12).tolist()]
        words = [list(word.encode().decode("latin-1")) for word in gpt2_words("".join(draw))]
        made = {}
        for pair in train_bpe([(word, 1) for word in words], 12):
            made.setdefault("".join(pair), pair)
        merges = list(made.values())  # each making a token that none makes before, as bpe_encode wants it
        yield to_encode("".join(draw).replace("<|end|>", ""), merges, (), False, "a random text")
        yield to_encode("".join(draw), merges, ["<|pad|>", "<|end|>"], i > 0, "a random text with <|end|>", "special")


# %% probe="Tokenizer" active="py"
def probe(student, case):
    tokenizer = student(case["merges"], case["special_tokens"])
    if "ids" in case:
        return tokenizer.decode(case["ids"])
    ids = list(tokenizer.encode(case["text"], allow_special=case["allow_special"]))
    return {"ids": ids, "decoded": tokenizer.decode(ids)}


# %% mistake="Tokenizer" name="always_special" hint="The text of a special token became its id though the caller did not allow it: anybody could end a document." active="py"
class Tokenizer(Tokenizer):
    def encode(self, text, allow_special=False):
        return super().encode(text, True)


# %% mistake="Tokenizer" name="never_special" hint="`allow_special` changes nothing: a special token that is allowed must become its one id." active="py"
class Tokenizer(Tokenizer):
    def encode(self, text, allow_special=False):
        return super().encode(text, False)


# %% mistake="Tokenizer" name="not_cut" hint="A token crosses the border of two words. Cut the text with `gpt2_words` first, and encode each word." active="py"
class Tokenizer(Tokenizer):
    def encode(self, text, allow_special=False):
        names = "|".join(map(re.escape, self.special)) if allow_special else ""
        ids = []
        for piece in re.split(f"({names})", text) if names else [text]:
            if names and piece in self.special:
                ids.append(self.special[piece])
            else:
                ids += [self.ids[token] for token in bpe_encode(piece.encode().decode("latin-1"), self.merges)]
        return ids


# %% mistake="Tokenizer" name="characters" hint="You merged characters. 老 has no token then: write each byte of the word as a character first, `.encode().decode('latin-1')`." active="py"
class Tokenizer(Tokenizer):
    def encode(self, text, allow_special=False):
        names = "|".join(map(re.escape, self.special)) if allow_special else ""
        ids = []
        for piece in re.split(f"({names})", text) if names else [text]:
            if names and piece in self.special:
                ids.append(self.special[piece])
                continue
            for word in gpt2_words(piece):
                ids += [self.ids[token] for token in bpe_encode(word, self.merges)]
        return ids


# %% mistake="Tokenizer" name="id_of_each_merge" hint="A token that two merges make got two ids, so all ids behind it are off by one. Count each token once." active="py"
class Tokenizer(Tokenizer):
    def __init__(self, merges, special_tokens=()):
        super().__init__(merges, special_tokens)
        tokens = [*map(chr, range(256)), *(a + b for a, b in merges)]
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.special = {name: len(tokens) + i for i, name in enumerate(special_tokens)}
        self.vocab = [list(t.encode("latin-1")) for t in tokens] + [list(name.encode()) for name in special_tokens]


# %% [markdown]
r"""
Now on real English: your trainer finds the merges, your tokenizer encodes a page that it has never seen, and `course_lib`'s tokenizer gets the same merges, to compare the ids.
"""

# %%
from course_lib.tokenization.pretokenize import bytes_to_characters

counted = count_words(sample, gpt2_words).items()
as_bytes = {word.encode().decode("latin-1"): n for word, n in counted}
my_merges = my_train_bpe([(list(word), n) for word, n in as_bytes.items()], budget(150, 20))
MyTokenizer = yours("tokenization.Tokenizer", steps.Tokenizer)
mine = MyTokenizer(my_merges, ["<|end|>"])
page = new_text["English"][: budget(10_000, 1000)] + "Le café, 老鼠 🐭"
my_ids = mine.encode(page)
print(f"{len(page.encode()):,} bytes in {len(my_ids):,} ids;", end=" ")
print(f"decoded, the page again: {mine.decode(my_ids) == page}")


# %%
def in_its_letters(token):  # course_lib writes bytes in GPT-2's printable alphabet
    return bytes_to_characters(token.encode("latin-1"))


made = dict.fromkeys([*map(chr, range(256)), *(left + right for left, right in my_merges)])
twin = tokenization.BPE(
    [*map(in_its_letters, made), "<|end|>"],
    [(in_its_letters(left), in_its_letters(right)) for left, right in my_merges],
    special_tokens=["<|end|>"],
)
print("the same ids as course_lib's:", twin.encode(page) == my_ids)

# %% [markdown]
r"""
Nothing is lost ({{the page comes back : mine.decode(my_ids) == page}}), though no mouse emoji was in the training text, and the ids are {{the library's : twin.encode(page) == my_ids}}. With its
{{150 = len(my_merges)}} merges it needs {{1.9 = len(page.encode()) / len(my_ids) ± 0.15}} bytes a token; what separates it from GPT-2's tokenizer is 50,000 merges and the time to find them.
"""

# %% [markdown]
r"""
## 9. The text before the tokens · optional

Before a tokenizer or a model is trained, somebody chooses the text. Two steps are in every published recipe for text from the web: copies are removed, and so is what does not look like prose. Copies cost twice: updates are spent on learning them by heart, and a copy of a held-out text in the training text makes a model look better than it is.

Equal texts are easily found. A ***near-duplicate*** is not: a page with another date, a licence with another name. Cut each text into ***shingles***, runs of a few words, and compare the *sets*. Their ***Jaccard index*** is

$$J(A, B) = \frac{|A \cap B|}{|A \cup B|},$$

1 for equal sets, 0 for sets with nothing in common. But a million documents are half a million million pairs, and each set may have thousands of members.
"""

# %% [markdown]
r"""
### A signature for each set · optional

***Min-hash*** (Broder 1997) needs a few numbers per document. A hash function gives every shingle in the world a random number; keep the **smallest** of a set. Which member of $A \cup B$ has the smallest of all? Each is as likely as any other. If it lies in $A \cap B$, both sets keep the same number, else not. So

$$P(\text{the smallest are equal}) = \frac{|A \cap B|}{|A \cup B|} = J .$$

Do it with $H$ functions $h_i(x) = (a_i x + b_i) \bmod (2^{31} - 1)$: the signature is $H$ numbers, and the share of places in which two signatures agree estimates $J$, with a standard error of $\sqrt{J (1 - J) / H}$: at most {{0.044 = math.sqrt(0.25 / 128)}} for $H = 128$.

*By hand*: $h_1(x) = x$ and $h_2(x) = 5 - x$ (that is $a = 2^{31} - 2$, $b = 5$). The set {1, 2, 3} has the signature ({{1 = minhash_signature(torch.tensor([1, 2, 3]), torch.tensor([1, 2**31 - 2]), torch.tensor([0, 5]))[0]}}, {{2 = minhash_signature(torch.tensor([1, 2, 3]), torch.tensor([1, 2**31 - 2]), torch.tensor([0, 5]))[1]}}).

### Exercise · minhash_signature · optional
"""


# %% exercise="minhash_signature" points=2 optional=true withheld="course_lib.data.near_duplicates.minhash_signature"
def minhash_signature(numbers: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return, for each hash function, the smallest hash of the set's members.

    numbers  (n,) int64 in 0 … 2³² − 1, a number for each shingle; repeats and their order do not count
    a, b     (H,) int64 in 0 … 2³¹ − 2, the functions x → (a · x + b) mod (2³¹ − 1); nothing overflows
    returns  (H,) int64

    Raises ValueError for a set without members.

    Example: numbers [1, 2, 3], a = [1, 2³¹ − 2] and b = [0, 5] give [1, 2].
    """
    ### BEGIN SOLUTION
    if len(numbers) == 0:
        raise ValueError("the set must have a member, got none")
    hashes = (a[:, None] * numbers + b[:, None]) % (2**31 - 1)  # (H, n)
    return hashes.amin(-1)
    ### END SOLUTION


# %% [markdown] hints="minhash_signature"
r"""
1. How many numbers does each function make of the set, and how many of them are kept?
2. Make a table with a row for each function and a column for each member; then take the smallest of each row. The modulus comes before the minimum.
3. `(a[:, None] * numbers + …) % (2**31 - 1)`, then `.amin(…)`.
"""


# %% cases="minhash_signature" active="py"
def cases(seed):
    a, b = torch.tensor([1, 2**31 - 2]), torch.tensor([0, 5])
    yield Case({"numbers": torch.tensor([1, 2, 3]), "a": a, "b": b}, note="by hand")
    yield Case({"numbers": torch.tensor([7]), "a": a, "b": b}, note="one member")
    yield Case({"numbers": torch.tensor([3, 1, 3, 2, 1]), "a": a, "b": b}, note="repeats, in another order")
    large = torch.tensor([2**32 - 1, 2**31 - 1, 2**31, 2**32 - 2])
    yield Case(
        {"numbers": large, "a": torch.tensor([2**31 - 2, 12345]), "b": torch.tensor([2**31 - 2, 1])}, note="large"
    )
    for i in range(3):
        numbers = random_integers(seed + 10 * i, 0, 2**32 - 1, 20 + i)
        a, b = (random_integers(seed + 10 * i + j, 1, 2**31 - 2, 6 + i) for j in (1, 2))
        yield Case({"numbers": numbers, "a": a, "b": b}, note="a random set")
    yield Case({"numbers": large[:0], "a": a, "b": b}, note="an empty set")


# %% mistake="minhash_signature" name="largest" hint="You keep the largest. That works as well, but the docstring asks for the smallest." active="py"
def minhash_signature(numbers, a, b):
    if len(numbers) == 0:
        raise ValueError
    return ((a[:, None] * numbers + b[:, None]) % (2**31 - 1)).amax(-1)


# %% mistake="minhash_signature" name="member_not_hash" hint="You return the members with the smallest hashes. The signature is the hashes themselves." active="py"
def minhash_signature(numbers, a, b):
    if len(numbers) == 0:
        raise ValueError
    return numbers[((a[:, None] * numbers + b[:, None]) % (2**31 - 1)).argmin(-1)]


# %% mistake="minhash_signature" name="wrong_modulus" hint="Your modulus is 2³¹. It is a prime, 2³¹ − 1: with a power of two the last bits of the hashes would hardly be mixed." active="py"
def minhash_signature(numbers, a, b):
    if len(numbers) == 0:
        raise ValueError
    return ((a[:, None] * numbers + b[:, None]) % 2**31).amin(-1)


# %% mistake="minhash_signature" name="minimum_first" hint="You hash the smallest member. Take the smallest hash: the order after hashing is another for each function." active="py"
def minhash_signature(numbers, a, b):
    if len(numbers) == 0:
        raise ValueError
    return (a * numbers.min() + b) % (2**31 - 1)


# %% mistake="minhash_signature" name="in_float" hint="Your products go through floating point, which cannot hold 60 bits. Stay in int64." active="py"
def minhash_signature(numbers, a, b):
    if len(numbers) == 0:
        raise ValueError
    return ((a[:, None].double() * numbers + b[:, None]) % (2**31 - 1)).amin(-1).long()


# %% [markdown]
r"""
### Exercise · estimated_jaccard · optional

Two signatures, [7, 2, 9, 4] and [7, 3, 9, 4], agree in three places of four: the estimate is {{0.75 = estimated_jaccard(torch.tensor([7, 2, 9, 4]), torch.tensor([7, 3, 9, 4]))}}.
"""


# %% exercise="estimated_jaccard" points=1 optional=true withheld="course_lib.data.near_duplicates.estimated_jaccard course_lib.metrics.classification.accuracy"
def estimated_jaccard(first: Tensor, second: Tensor) -> float:
    """Return the Jaccard index of two sets as their signatures tell it.

    first, second  (H,) int64, signatures by the same H hash functions
    returns        the share of places in which they agree

    Example: [7, 2, 9, 4] and [7, 3, 9, 4] give 0.75.
    """
    ### BEGIN SOLUTION
    return (first == second).float().mean().item()
    ### END SOLUTION


# %% [markdown] hints="estimated_jaccard"
r"""
1. What is the probability that two signatures agree in one place? And how do you estimate a probability from H trials?
2. Compare place by place. The same number in two different places says nothing: it comes from two different functions.
3. `(first == second).….mean().item()`
"""


# %% cases="estimated_jaccard" active="py"
def cases(seed):
    yield Case({"first": torch.tensor([7, 2, 9, 4]), "second": torch.tensor([7, 3, 9, 4])}, note="by hand")
    yield Case({"first": torch.tensor([1, 2, 3]), "second": torch.tensor([1, 2, 3])}, note="equal")
    yield Case({"first": torch.tensor([1, 2, 3]), "second": torch.tensor([2, 3, 1])}, note="equal numbers elsewhere")
    yield Case({"first": torch.tensor([5]), "second": torch.tensor([6])}, note="one place")
    for i in range(3):
        first, second = (random_integers(seed + 10 * i + j, 0, 3, 11 + i) for j in (0, 1))
        yield Case({"first": first, "second": second}, note="random signatures")


# %% probe="estimated_jaccard" active="py"
def probe(student, case):
    return float(student(**case))


# %% equivalents="estimated_jaccard" active="py"
equivalents = {
    "(first == second).float().mean().item() → (first == second).float().mean()": "a number and a tensor without dimensions are the same answer everywhere in the course",
}


# %% mistake="estimated_jaccard" name="sets_of_numbers" hint="You compare the signatures as sets. Place i of one belongs with place i of the other, and with nothing else." active="py"
def estimated_jaccard(first, second):
    a, b = set(first.tolist()), set(second.tolist())
    return len(a & b) / len(a | b)


# %% mistake="estimated_jaccard" name="count" hint="That is the number of places in which they agree. Divide it by H." active="py"
def estimated_jaccard(first, second):
    return (first == second).sum().item()


# %% mistake="estimated_jaccard" name="distance" hint="That is the share of places in which they differ, the Jaccard distance 1 − J." active="py"
def estimated_jaccard(first, second):
    return (first != second).float().mean().item()


# %% mistake="estimated_jaccard" name="over_the_union" hint="You divide by 2H minus the matches, as for sets. Every place is one trial: divide by H." active="py"
def estimated_jaccard(first, second):
    same = (first == second).sum().item()
    return same / (2 * len(first) - same)


# %% [markdown]
r"""
### Planted copies, and others · optional

400 paragraphs of the course's English, and copies of 40 of them, in which 1, 2, 4 or 8 words were replaced by *cheese*. Shingles of five words, signatures of 128 numbers. Every pair is also compared exactly.
"""

# %%
from course_lib.data import near_duplicates

paragraphs = [line for line in english().splitlines() if len(line.split()) >= 30][:400]
planted = {(10 * n, 400 + n): (1, 2, 4, 8)[n % 4] for n in range(40)}


def with_cheese(text, k, seed):
    words = text.split()
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed)).tolist()
    return " ".join("cheese" if i in order[:k] else word for i, word in enumerate(words))


texts = paragraphs + [with_cheese(paragraphs[i], k, i) for (i, _), k in planted.items()]
sets = [near_duplicates.shingle_numbers(text, size=5) for text in texts]
a, b = near_duplicates.hash_functions(128)
sign = yours("tokenization.minhash_signature", near_duplicates.minhash_signature)
signatures = torch.stack([sign(numbers, a, b) for numbers in sets])

# %%
alike = yours("tokenization.estimated_jaccard", near_duplicates.estimated_jaccard)
for k in (1, 2, 4, 8):
    some = [pair for pair, words in planted.items() if words == k]
    estimate = [alike(*signatures[list(pair)]) for pair in some]
    true = [near_duplicates.jaccard(sets[i], sets[j]) for i, j in some]
    off = max(abs(x - y) for x, y in zip(estimate, true))
    print(f"{k} words replaced: J {sum(true) / 10:.2f}, estimated {sum(estimate) / 10:.2f}, at most {off:.2f} off")

plain = [set(numbers.tolist()) for numbers in sets]
exact = torch.tensor([[len(x & y) / len(x | y) for y in plain] for x in plain]).triu(1)
guessed = (signatures[:, None] == signatures).float().mean(-1).triu(1)
copies, found = exact >= 0.5, guessed >= 0.5
unplanted = [pair for pair in copies.nonzero().tolist() if tuple(pair) not in planted]
print(
    f"{copies.sum()} pairs with J ≥ 0.5; {found.sum()} by their signatures, {(copies & found).sum()} of these rightly"
)
print(f"{len(unplanted)} of the {copies.sum()} were not planted. One of them:")
for i in unplanted[0]:
    print("-", texts[i][:110], "…")


# %%
def shingle_sets(text):
    """The shingles of each paragraph that is not short."""
    long_enough = [line for line in text.splitlines() if len(line.split()) >= 30]
    return [set(near_duplicates.shingle_numbers(line, size=5).tolist()) for line in long_enough]


seen, held_out = shingle_sets(english()), shingle_sets(english(held_out=True))
leaked = sum(any(len(x & y) >= 0.5 * len(x | y) for y in seen) for x in held_out)
print(f"{leaked} of {len(held_out)} held-out paragraphs: a near-duplicate is in the training text")

# %% [markdown]
r"""
128 numbers find {{nearly all : (copies & found).sum() >= 0.88 * copies.sum()}} pairs above 0.5, with {{few false alarms : (found & ~copies).sum() <= 6}}, all of them close to the border. A single word changes five shingles: one *cheese* in a paragraph brings $J$ down to about {{0.8 = sum(exact[pair].item() for pair, k in planted.items() if k == 1) / 10 ± 0.08}}. And {{more than a dozen : len(unplanted) > 12}} of the pairs **were there before**: documentation is written by copying. The course keeps equal paragraphs apart, not these: {{at least one : leaked >= 1}} of some {{110 = len(held_out) ± 20}} held-out paragraphs has a near-duplicate in the training text. {{So few : leaked <= 4}} hardly change a loss; in text from the web they are many, and a model looks better than it is.

To find pairs without comparing all, cut each signature into bands of $r$ numbers and compare only documents that agree in a whole band. With 16 bands of 8 a pair with $J = 0.8$ is found with probability $1 - (1 - J^8)^{16} = {{0.947 = 1 - (1 - 0.8**8) ** 16}}$, one with $J = 0.4$ with {{0.010 = 1 - (1 - 0.4**8) ** 16}}. This is ***locality-sensitive hashing***; RefinedWeb (2023) used 20 bands of 450.
"""

# %% [markdown]
r"""
### What looks like prose · optional

Then the rules. Gopher's (Rae et al. 2021) are short enough to write down, and others that followed begin with them. Five of them, those for lines left out:

| rule | kept |
|---|---|
| `length` | at least 50 words |
| `word length` | 3 to 10 characters a word, on average |
| `symbols` | at most one # for ten words, and at most one ellipsis (`...` or …) for ten words |
| `letters` | at least 80 % of the words have a letter |
| `stop words` | at least two different ones of *the, be, to, of, and, that, have, with* |

### Exercise · failed_rules · optional
"""


# %% exercise="failed_rules" points=2 optional=true withheld="course_lib.data.quality.failed_rules"
def failed_rules(text: str) -> list[str]:
    """Return the names of the rules in the table that a text breaks, in the order of the table.

    text     has at least one word; words are what stands between spaces or line ends (`split`), with whatever
             punctuation is on them. A stop word may have capitals, but nothing else on it; a letter is what
             `isalpha` says. "..." is counted as `count` does, together with "…", anywhere in the text

    Example: failed_rules("1 2 3 4 5") is ["length", "word length", "letters", "stop words"].
    """
    ### BEGIN SOLUTION
    words = text.split()
    symbols = max(text.count("#"), text.count("...") + text.count("…"))
    stop_words = set("the be to of and that have with".split())
    holds = {
        "length": len(words) >= 50,
        "word length": 3 <= sum(map(len, words)) / len(words) <= 10,
        "symbols": symbols / len(words) <= 0.1,
        "letters": sum(any(map(str.isalpha, word)) for word in words) / len(words) >= 0.8,
        "stop words": len(stop_words & {word.lower() for word in words}) >= 2,
    }
    return [rule for rule, kept in holds.items() if not kept]
    ### END SOLUTION


# %% [markdown] hints="failed_rules"
r"""
1. Each rule compares one number with a border. Which of the numbers are counts, which are shares of the words?
2. Compute a truth value for each rule, in order, and return the names of those that are false. What lies exactly on a border is kept. Stop words are counted once each.
3. `{"length": len(words) >= 50, "word length": 3 <= … <= 10, …}`, then a comprehension over `.items()`.
"""


# %% cases="failed_rules" active="py"
def cases(seed):
    good = "the mouse and the cat " * 10
    yield Case({"text": "1 2 3 4 5"}, note="five digits")
    yield Case({"text": good}, note="50 words")
    yield Case({"text": good[:-5]}, note="49 words")
    yield Case({"text": "and the " * 25}, note="3 characters a word")
    yield Case({"text": "and the " * 24 + "and to"}, note="short words")
    yield Case({"text": "and the " + "lengthened " * 47 + "abcdefghijabcdefghijabcd"}, note="10 characters a word")
    yield Case({"text": "and the " + "lengthened " * 47 + "abcdefghijabcdefghijabcde"}, note="long words")
    yield Case({"text": "#the mouse and the cat\n" * 5 + good[:-5] + "and"}, note="few number signs")
    yield Case({"text": "#the mouse and the cat\n" * 6 + "the mouse and the cat " * 4}, note="many number signs")
    yield Case({"text": "the mouse... and the cat… " * 5 + good[: len(good) // 2]}, note="many ellipses of two kinds")
    yield Case({"text": "the mouse... and the #cat " * 5 + good[: len(good) // 2]}, note="few of each")
    yield Case({"text": "the mouse and cat 1986 " * 10}, note="80 % with letters")
    yield Case({"text": "the mouse and cat 1986 " * 10 + "1987"}, note="too many years")
    yield Case({"text": "The mouse, THE house, the cheese, " * 9}, note="one stop word, often")
    yield Case({"text": "WITH the mouse’s cheese " * 13}, note="two stop words, one in capitals")
    yield Case({"text": "“The mouse,” said the cat, “and, that; house” " * 8}, note="punctuation on the stop words")
    yield Case({"text": "x²=y² that 7mice of " * 13}, note="words with letters and digits")
    parts = ["the", "of", "cheese", "1986", "#1", "yes...", "a", "and", "Have", "extraordinarily"]
    for i in range(4):
        draw = random_integers(seed + i, 0, len(parts) - 3 * (i % 2), 48 + 4 * i).tolist()
        yield Case({"text": " ".join(parts[k] for k in draw)}, note="words drawn at random")


# %% mistake="failed_rules" name="stop_words_in_total" hint="You count every stop word. Two different ones are asked for: “the” a hundred times is one." active="py"
def failed_rules(text, right=failed_rules):
    stop_words, failed = set("the be to of and that have with".split()), right(text)
    total = sum(word.lower() in stop_words for word in text.split())
    failed = [rule for rule in failed if rule != "stop words"]
    return failed + ["stop words"] * (total < 2)


# %% mistake="failed_rules" name="capitals" hint="“The” and “WITH” are stop words too: compare in small letters." active="py"
def failed_rules(text, right=failed_rules):
    stop_words, failed = set("the be to of and that have with".split()), right(text)
    failed = [rule for rule in failed if rule != "stop words"]
    return failed + ["stop words"] * (len(stop_words & set(text.split())) < 2)


# %% mistake="failed_rules" name="symbols_together" hint="You add number signs and ellipses. Each has its own limit of one for ten words." active="py"
def failed_rules(text, right=failed_rules):
    return right(text.replace("...", "…").replace("…", "#") if "#" in text else text)


# %% mistake="failed_rules" name="only_letters" hint="You ask for words of letters alone. One letter is enough: “cat,” and “7mice” count." active="py"
def failed_rules(text, right=failed_rules):
    words, order = text.split(), ["length", "word length", "symbols", "letters", "stop words"]
    failed = set(right(text)) - {"letters"}
    failed |= {"letters"} if sum(map(str.isalpha, words)) < 0.8 * len(words) else set()
    return [rule for rule in order if rule in failed]


# %% mistake="failed_rules" name="borders_dropped" hint="What lies exactly on a border is kept: at least 50, at most 10, at least 80 %." active="py"
def failed_rules(text):
    words, stop_words = text.split(), set("the be to of and that have with".split())
    symbols, n = max(text.count("#"), text.count("...") + text.count("…")), len(text.split())
    with_letters = sum(any(map(str.isalpha, word)) for word in words)
    holds = [n > 50, 3 < sum(map(len, words)) / n < 10, symbols / n < 0.1, with_letters / n > 0.8]
    holds.append(len(stop_words & {word.lower() for word in words}) >= 2)
    names = ["length", "word length", "symbols", "letters", "stop words"]
    return [rule for rule, kept in zip(names, holds) if not kept]


# %% [markdown]
r"""
What do they drop, and what should they have dropped?
"""

# %%
from course_lib.data import quality

breaks = yours("tokenization.failed_rules", quality.failed_rules)
documents = english().split("\n\n")[:300]
functions = [text for text in python_sources(1_000_000).split("\n\n\n") if len(text.split()) >= 50]
kept_of = {name: sum(not breaks(text) for text in texts) / len(texts)
           for name, texts in (("English", documents), ("Python", functions))}  # fmt: skip
for name, share in kept_of.items():
    print(f"{name:8} {share:.0%} kept")
too_short = sum("length" in breaks(text) for text in documents) / len(documents)
print(f"dropped for their length alone or with others: {too_short:.0%} of the English documents")

order = torch.randperm(200, generator=torch.Generator().manual_seed(0)).tolist()
shuffled = " ".join(english(5_000).split()[i] for i in order)
german = "Die Maus liebt alten Käse, und die Katze liebt die Maus. " * 10
advert = "Buy the best cheese and the best bread, cheapest of the town! " * 10
for name, text in {"shuffled": shuffled, "German": german, "advert": advert}.items():
    print(f"{name:8} {breaks(text) or 'kept'}   {text[:60]} …")

# %% [markdown]
r"""
They drop {{nearly a fifth : 0.1 < 1 - kept_of["English"] < 0.25}} of the English documents, all proofread prose, and {{every one of these : abs(1 - kept_of["English"] - too_short) < 0.01}} because it is short. They drop all German: a stop word list is a choice of language. And they keep {{most : kept_of["Python"] > 0.6}} of the Python code, an advertisement ten times in a row, and {{200 words in random order : breaks(shuffled) == []}}. The rules see *form*; Gopher has more of them, against repetition above all. What they cost is seldom measured: Dodge et al. (2021) found that C4's list of bad words removed texts by and about minorities more often than others.
"""


# %% [markdown] exercise="why_not_words" points=3
r"""
## 10. Say it in your own words

### In your own words · why_not_words

Interview question. Why do language models use subwords rather than words, characters or bytes alone? What does byte-level BPE guarantee that the others do not, and what does it cost?

### BEGIN SOLUTION
Words: the vocabulary is never complete (names, compounds, numbers, typing errors; frequencies follow Zipf's law), unknown words become one `<unk>` and are lost, and every word costs a row in the embedding and output tables. Characters or bytes: nothing (or hardly anything) unknown and tiny tables, but sequences several times as long, so more
computation and less text in a context, and the model must spend capacity on spelling. Subwords: frequent words are one token, rare ones a few.

Byte-level BPE starts from the 256 bytes, so every text of every language can be encoded and comes back exactly; no `<unk>`. It costs: text unlike the training text is cut finely (other scripts pay more tokens), tokens need not be characters (output may be broken UTF-8), letters inside a token are invisible to the model, and the same word with and without a space are
different ids.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: unknown words and table size against sequence length, both sides of the trade-off
- 1 point: byte-level: every text can be encoded and decoded exactly
- 1 point: at least one real cost (unequal cost for other languages, broken UTF-8, invisible spelling, several ids for one word)
### END RUBRIC
"""

# %% [markdown] exercise="lower_perplexity" points=3
r"""
### In your own words · lower_perplexity

A colleague halves the vocabulary of a language model and reports that its perplexity per token on the same held-out text fell from 60 to 25. *The smaller vocabulary is better.* What do you answer, and what do you ask for?

### BEGIN SOLUTION
Perplexity per token depends on the tokens: with a smaller vocabulary the text is cut into more and easier tokens, so the mean surprise per token falls even if the prediction of the text as a whole gets worse. Compare the total surprise: $\log 60 \approx {{4.09 = math.log(60)}}$ nats times the old number of tokens against $\log 25 \approx {{3.22 = math.log(25)}}$ nats times the new number. If the new text has more
than $4.09 / 3.22 \approx {{1.27 = math.log(60) / math.log(25)}}$ times as many tokens, the new model is worse. Ask for nats (or bits) per byte on the same text, and whether both tokenizers lose nothing: one that maps rare words to `<unk>` makes the text easier by changing it.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: perplexities per token are not comparable across tokenizers, with the reason
- 1 point: the total surprise, or nats per byte or per character of the same text, as the right measure, with the ratio of token counts
- 1 point: asks for a missing fact that decides (number of tokens, losslessness or unknown tokens, same text)
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

What is worth keeping of this lesson, one question at a time.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("02_tokenization")

# %% [markdown]
r"""
## 11. Where this came from, and where it goes

- **Gage (1994)**: byte-pair encoding as compression. **Sennrich, Haddow and Birch (2016)**, *Neural Machine Translation of Rare Words with Subword Units*: as a tokenizer.
- **Schuster and Nakajima (2012)**: WordPiece, for Japanese and Korean voice search; **Devlin et al. (2018)**: BERT.
- **Kudo (2018)**, *Subword Regularization*: the Unigram algorithm; since it has a probability for every cut, it can also *sample* cuts, so that a model sees a word in several spellings during training. **Kudo and Richardson (2018)**: the SentencePiece library.
- **Radford et al. (2019)**: GPT-2, BPE on bytes with 50,257 tokens.
- **Broder (1997)**, *On the Resemblance and Containment of Documents*: min-hash; **Rae et al. (2021)**: Gopher, whose rules you wrote.
"""

# %% [markdown]
r"""
What modern systems do (2025): byte-level BPE, or SentencePiece's BPE that falls back on bytes for unknown characters, with vocabularies from about 32,000 to above 200,000 tokens; digits are often cut singly or in threes; runs of spaces have tokens of their own, for the sake of code.

**What is not known.** Which cut is best for a model is an open question. Compression is easy to measure and only loosely tied to how well the model will do; merges know nothing of meaning (a trained *un|believ|able* is luck, *unbel|iev|able* as good for compression).

From now on `course_lib.tokenization` holds the tested version of all that you wrote. It breaks ties by id, as Hugging Face's `tokenizers` does. Next: [03 N-grams](03_ngrams.ipynb), *how far do counts get us?*
"""
