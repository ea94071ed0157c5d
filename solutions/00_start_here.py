# ---
# jupyter:
#   course:
#     title: Is everything working, and how does this course work?
#     minutes: 45
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Is everything working, and how does this course work?

Welcome. A *language model* gives a probability to each word that may come next. In this course you build such models yourself, from counting words to networks
with many experts, one small function at a time.

This page is a ***notebook***: a column of cells, some with text, some with code. Click on the first code cell below and press **Shift + Enter**: that runs it and moves on. Do it once more for the
cell after it. The first time takes a few seconds.
"""

# %% setup=true
import platform

import torch
from ipywidgets import IntSlider
from torch import Tensor

from course_lib import warm_up
from course_lib.checks import check, show_answer, yours
from course_lib.checks.public import lessons
from course_lib.figures.course_map import course_map
from course_lib.figures.next_word import next_word_bars
from course_lib.figures.style import show
from course_lib.scoreboard import held_out, language, show_scoreboard
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.live import live
from course_lib.widgets.progress_board import progress_board
from course_lib.widgets.terms import terms_index

# %%
sentence = "the mouse that the cats chase eats cheese <eos>"
alt = """Bars of the exact probabilities of the next word.
After “the mouse that the cats chase eats”, cheese leads with 0.385."""
slider = IntSlider(7, min=0, max=9)
live(lambda words: next_word_bars(language(), sentence, words), alt, words=slider)

# %% [markdown]
r"""
If you see bars, **everything is working.** Move the slider: it says how many words of the sentence have been read, and the bars say what may come next.

This is the *mouse-and-cheese world*, a toy English of {{348 = V}} words. We made it, so we know each probability exactly, and every model of the course will be measured against it.
Look at seven words: {{*cheese* leads :
language().next_token_probs(language().encode("the mouse that the cats chase eats")).argmax() == language().encode("cheese")[0]}} with {{0.385 =
language().next_token_probs(language().encode("the mouse that the cats chase eats")).max()}}, and what decides that is *mouse*,
{{six words earlier : sentence.split().index("cheese") - sentence.split().index("mouse") == 6}}. Learning to look back that far is what much of this course is about.

Now your first edit. In the cell above, change `mouse` to `rabbit` and press Shift + Enter. What does a rabbit eat here, and what happens to the picture at eight words? Then change `cheese`, too.
You cannot break anything: Ctrl + Z undoes, and a fresh copy of each notebook lies in the course's repository.
"""

# %% [markdown]
r"""
## What you will be able to do

- run, edit and repair a notebook,
- write a function, have it checked, and read what the check says,
- read a shape such as $(B, H, T, D)$ and a mask, as they are written in all lessons,
- find your way: the map, the progress board, the flash cards, the scoreboard.

**Time** about 45 minutes; nothing is optional. **Builds on** a little Python (functions, `if`, lists). Everything else is explained where it first appears.
"""

# %% [markdown]
r"""
## Your computer

A ***device*** is the part of a computer that calculates. A graphics card (CUDA from NVIDIA, MPS in Apple's computers) is faster on large models. **You do not need one**: each lesson
is planned for two cores of an ordinary processor (CPU).

One function chooses for all lessons, `best_device()`. If you know better, set the environment variable `COURSE_DEVICE` (to `cpu`, say) before you start JupyterLab. A model or a tensor moves with `.to(device)` and comes
back with `.cpu()`; whatever meets in one operation must be on the same device. Tiny models stay on the CPU, where they are as fast; lesson [09](09_rnn.ipynb) measures why.
"""

# %%
from course_lib.device import best_device, describe

device = best_device()
print(f"Python {platform.python_version()} on {platform.system()}")
print(f"PyTorch {torch.__version__.split('+')[0]}")
print(f"device: {device} ({describe(device)}), threads: {torch.get_num_threads()}")

# %% [markdown]
r"""
## How an exercise works

An exercise is a function that you write. Its ***docstring***, the text in triple quotes, says exactly what goes in and what must come out. You replace the line that begins with `raise`.
Under each exercise there is a cell with a *check*. A check runs your function on a few cases and tells you, for the smallest case that differs, what went in, what was expected, and what came out of yours.

- **○** not started yet: the cell is as you found it. That is no mistake.
- **✗** something differs. Read the case; often a sentence says what went wrong.
- **✓** right, and the points are yours. A check may be run as often as you like; tries cost nothing.

Under a check that fails there are *hints*, to be opened one by one: first a question, then the idea, then a part of a line, and last the answer, where your copy of the course has one. That you looked is noted on your board.
"""

# %% [markdown]
r"""
### Exercise · double

For a tensor $x$ of any shape, return a new tensor of the same shape with every number doubled:

$$y_i = 2\,x_i \quad\text{for each position } i$$

By hand: $x = (1, 2, 3)$ gives $y = {{(2, 4, 6) : double(torch.tensor([1, 2, 3])).tolist() == [2, 4, 6]}}$.

**Try this first:** write `return x + 2`, run the cell with Shift + Enter, and run the check below it. See how a mistake looks here. Then write it properly.
"""


# %% exercise="double" points=1 withheld="course_lib.warm_up.double"
def double(x: Tensor) -> Tensor:
    """Every number of x, doubled, in a new tensor; x itself stays as it is.

    x        (...) numbers, integers or floats, of any shape
    returns  (...) the same shape; integers stay integers

    Example: double(torch.tensor([1, 2, 3])) is tensor([2, 4, 6]).
    """
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION


# %% [markdown] hints="double"
r"""
1. Does a tensor need a loop, or can the whole of it be multiplied at once? And does your function `return` something?
2. A product with a number is a new tensor, and `x` stays as it is. The number 2 keeps integers integers; 2.0 does not.
3. The last line is `return … * x`.
"""


# %% cases="double" active="py"
def cases(seed):
    yield Case({"x": torch.tensor(3.0)}, note="one number")
    yield Case({"x": torch.tensor([1, 2, 3])}, note="three integers")
    yield Case({"x": torch.tensor([-1.5, 0.0])}, note="a negative number and zero")
    yield Case({"x": torch.zeros(0)}, note="no numbers at all")
    yield Case({"x": torch.tensor(256)}, note="one integer")
    yield Case({"x": random_tensor(seed, 2, 3)}, note="a matrix")
    yield Case({"x": random_integers(seed, -9, 10, 3, 1, 2)}, note="integers in three dimensions")
    yield Case({"x": random_tensor(seed + 1, 4, scale=100.0)}, note="large numbers")


# %% mistake="double" name="in_place" hint="The result is right, but x itself was changed too. `2 * x` makes a new tensor; `x *= 2` and `x.mul_(2)` change the caller's." active="py"
def double(x):
    x *= 2
    return x


# %% mistake="double" name="adds_two" hint="You added 2. Doubling is multiplying by 2." active="py"
def double(x):
    return x + 2


# %% mistake="double" name="squares" hint="You multiplied x by itself. Doubling is multiplying by 2." active="py"
def double(x):
    return x * x


# %% mistake="double" name="to_float" hint="Integers came out as floats. Multiply by the integer 2, not by 2.0." active="py"
def double(x):
    return 2.0 * x


# %% mistake="double" name="item_by_item" hint="You went through x item by item: a single number has no items, and an empty tensor leaves nothing to stack. Multiply the whole tensor at once." active="py"
def double(x):
    return torch.stack([2 * item for item in x])


# %% mistake="double" name="returns_nothing" hint="Your function returns nothing (None). A function hands its result over with `return`; `print` only shows it." active="py"
def double(x):
    2 * x


# %% [markdown]
r"""
From here on the notebook uses what you wrote. `yours` takes your function if it passes its check, and the course's own until then; so you can always read on, and return to an exercise later.

What doubling does: of two words (*mouse*, *cheese*) you can make 2 sentences of one word, and each further word doubles their number: {{1,024 = sentences}} of ten.
"""

# %%
doubled = yours("start_here.double", warm_up.double)
sentences = torch.tensor(1)
for length in range(1, 11):
    sentences = doubled(sentences)
    print(f"{length:2} words: {sentences.item():5} sentences")
V = len(language().vocabulary)
print(f"With all {V} words of the toy language there are {V**8:.1e} sequences of eight words.")

# %% [markdown]
r"""
No table can hold a probability for each of ${{2.2 = V**8 / 1e20}} \cdot 10^{20}$ sequences. That is why models are needed, and lesson 03 shows how far a table gets.
"""

# %% [markdown]
r"""
## The words that all lessons share

A ***tensor*** is a block of numbers, and its ***shape*** says how many along each side. In a shape, these letters mean the same in all lessons:

| letter | counts | name in code |
|---|---|---|
| $B$ | sequences in a batch | `batch_size` |
| $T$ | positions of a sequence; in attention, the queries | `seq_len` |
| $S$ | positions that are looked at, the keys (often $S = T$) | `seq_len` of the source |
| $C$ | numbers per position, the model's width | `d_model` |
| $H$ | attention heads | `n_heads` |
| $D$ | numbers per head and position, $C = H \cdot D$ | `d_head` |
| $V$ | words of the vocabulary | `vocab_size` |
"""

# %% [markdown]
r"""
Outside shapes, formulas use three of them for something else, as the field does, and say so there: $T$ may be a temperature, $H(p)$ is an entropy, and $D$ is the
discount of an n-gram model.

Further names: `q, k, v` (queries, keys, values), `logits` (scores before they become probabilities), `log_probs` (logarithms of probabilities), `d_ff` and `n_layers` (width and number of layers
inside a Transformer). You need not remember them now: each is explained again where it is first used.
"""

# %%
B, T, H, D = 2, 4, 3, 5
heads = torch.zeros(B, H, T, D)
print("`heads`:", tuple(heads.shape), "– 2 sequences, 3 heads, 4 positions, 5 numbers each")
merged = heads.transpose(1, 2).reshape(B, T, H * D)  # (B, T, C)
print("`merged`:", tuple(merged.shape), "– the heads side by side: C = H·D =", H * D)

# %% [markdown]
r"""
### Exercise · numbers_in_tensor

A question whose answer is a number. A tensor has shape $(B, H, T, D) = (2, 4, 6, 8)$. How many numbers does it hold? Write the number in place of `None`.
"""

# %% exercise="numbers_in_tensor" points=1 kind="number"
### BEGIN SOLUTION
numbers_in_tensor = 384
### END SOLUTION


# %% judge="numbers_in_tensor" active="py"
def judge(case, expected, got):
    return compare(expected, got)  # an integer is exact, and not right to 1 %


# %% [markdown] hints="numbers_in_tensor"
r"""
1. A tensor of shape $(2, 3)$ has two rows of three numbers. How many numbers is that?
2. Each side multiplies the number: one sequence has $H \cdot T \cdot D$ of them, and there are $B$ sequences.
3. `numbers_in_tensor = 2 * 4 * …`
"""

# %% mistake="numbers_in_tensor" name="added" hint="You added the sides. Two rows of three numbers are six, not five: multiply them." active="py"
numbers_in_tensor = 20

# %% mistake="numbers_in_tensor" name="one_sequence" hint="That is one sequence only; B = 2 of them are in the batch." active="py"
numbers_in_tensor = 192

# %% [markdown]
r"""
### Masks: True = may attend

A ***mask*** is a tensor of `True` and `False` that says who may look at whom. Libraries disagree on what `True` means, and many bugs come from that. Here it always means **may attend**.
For a sentence of four words, of which each may look at itself and at the words before it:
"""

# %%
# (T, S): row = who looks, column = who is looked at
mask = torch.ones(4, 4, dtype=torch.bool).tril()
words = ["the", "mouse", "ate", "cheese"]
for row, word in zip(mask, words):
    seen = [other for other, allowed in zip(words, row) if allowed]
    print(f"{word:>7} may attend to:", ", ".join(seen))

# %% [markdown]
r"""
### Question · mask_says

A question with choices. Rows of `mask` are the words that look (queries), columns the words that are looked at (keys), both counted from 0. Here `mask[2, 0]` is `True`. What does that say?

- **a** “the” may attend to “ate”.
- **b** “ate” may attend to “the”.
- **c** “the” is hidden from “ate”: True marks what is masked out.

Write the letter, in quotes, in place of `None`.
"""

# %% exercise="mask_says" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
mask_says = "b"
### END SOLUTION

# %% [markdown] hints="mask_says"
r"""
1. `mask[2, 0]` has two indices. Which of them is the word that looks?
2. The first index is the row: who looks. Count from 0.
3. Row 2 is the third line that the cell above prints. Read who looks there, and whether column 0, “the”, is among those seen.
"""

# %% mistake="mask_says" name="inverted" hint="That is the convention of some libraries. Here True always means: may attend." active="py"
mask_says = "c"

# %% mistake="mask_says" name="transposed" hint="Rows and columns are swapped: the first index is the word that looks." active="py"
mask_says = "a"

# %% [markdown]
r"""
### Nats and bits

How surprising something is, is measured with a logarithm. With base 2 the unit is the *bit*, with base $e \approx {{2.718 = torch.tensor(1.0).exp()}}$ the *nat*. This course uses nats, because their derivatives are simpler, and says so
where it uses bits. A fair coin: $\ln 2 \approx {{0.693 = torch.tensor(2.0).log()}}$ nats, which is $\log_2 2 = {{1 = nats_to_bits(torch.tensor(2.0).log())}}$ bit. Lesson 01 is about what that means; here it is practice in finding a bug.

### Find the bug · nats_to_bits

One line of the function below is wrong, and it is a mistake that is easily made. To turn nats into bits,

$$\text{bits} = \frac{\text{nats}}{\ln 2}$$

By hand: {{0.693 = torch.tensor(2.0).log()}} nats divided by 0.693 is 1 bit, the fair coin. The check of a *find the bug* exercise says “not started” until you change the code.
"""


# %% exercise="nats_to_bits" points=1 withheld="course_lib.warm_up.nats_to_bits"
def nats_to_bits(nats: Tensor) -> Tensor:
    """The same amounts of information in bits.

    nats     (...) amounts in nats, floats
    returns  (...) amounts in bits, in a new tensor

    Example: nats_to_bits(torch.tensor([0.6931])) is tensor([1.0000]).
    """
    ### BEGIN SOLUTION
    return nats / torch.tensor(2.0).log()
    ### END SOLUTION
    ### BEGIN STARTER
    # return nats * torch.tensor(2.0).log()
    ### END STARTER


# %% [markdown] hints="nats_to_bits"
r"""
1. A fair coin has {{0.693 = torch.tensor(2.0).log()}} nats and 1 bit. Should the number of bits be larger or smaller than that of nats?
2. A bit is the smaller unit, so it takes more of them. `log()` is the natural logarithm, and that is right here; look at what is done with it.
3. The line is `return nats … torch.tensor(2.0).log()`, with another operator.
"""


# %% cases="nats_to_bits" active="py"
def cases(seed):
    yield Case({"nats": torch.tensor(2.0).log()}, note="a fair coin")
    yield Case({"nats": torch.zeros(2)}, note="no surprise")
    yield Case({"nats": random_tensor(seed, 5).abs()}, note="five amounts")
    yield Case({"nats": random_tensor(seed + 1, 2, 3, scale=50.0).abs()}, note="large amounts, in a matrix")
    yield Case({"nats": random_tensor(seed + 2, 1, 4, scale=0.01).abs()}, note="small amounts")


# %% mistake="nats_to_bits" name="upside_down" hint="The fraction is upside down: the amount in nats is what is divided." active="py"
def nats_to_bits(nats):
    return torch.tensor(2.0).log() / nats


# %% mistake="nats_to_bits" name="base_ten" hint="You used the logarithm of base 10. `log()` is the natural one, `log10()` that of base 10." active="py"
def nats_to_bits(nats):
    return nats / torch.tensor(2.0).log10()


# %% mistake="nats_to_bits" name="log_of_nats" hint="You took the logarithm of the amount itself. An amount in nats already is a logarithm; only its unit changes." active="py"
def nats_to_bits(nats):
    return nats.log2()


# %% [markdown]
r"""
## In your own words

Some questions have no function as an answer. You write a few sentences, and a grader reads them; in self-study you compare them with a model answer. Double-click the answer cell to write, and press
Shift + Enter when you are done. The cell under it then shows the model answer, folded up; try without it first.
"""

# %% [markdown] exercise="why_not_in_place" points=2
r"""
### In your own words · why_not_in_place

A friend writes `double` with `x *= 2` and returns `x`. The numbers that come back are right. Why may the friend's program still go wrong elsewhere? Give a small example.

### BEGIN SOLUTION
`x *= 2` does not make a new tensor; it changes the one that the caller passed in. Whoever still uses that tensor finds it doubled without having asked for it. Example: after
`lengths = torch.tensor([1, 2])` and `twice = double(lengths)`, both `lengths` and `twice` hold `[2, 4]`, and `twice - lengths` is `[0, 0]` instead of `[1, 2]`. Calling the function twice on the same
tensor gives four times the numbers. `2 * x` leaves the caller's tensor alone.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: says that the caller's own tensor is changed, since both names refer to the same memory.
- 1 point: gives an example in which a later use of that tensor goes wrong.
### END RUBRIC
"""

# %% [markdown]
r"""
## Finding your way

### The map

Blue lessons are in your folder now. The order is the one in which things build on each other; if you know your way, begin where you like.
"""

# %%
show(
    course_map(lessons()),
    alt="The 22 lessons as boxes in five rows, from 00 to 21. Blue: in your folder.",
)

# %% [markdown]
r"""
### Your progress board

Each check notes its result on this computer, and nowhere else. The board collects the notes. Solve something, press *Look again*, and see the mark change.
"""

# %%
progress_board()

# %% [markdown]
r"""
### Flash cards

Five minutes before a lesson, or on the train. Answer in your head first; then say honestly how it went. A card that you knew comes back after days, then after weeks, about when you would forget it; a card that you missed comes back in ten minutes.
"""

# %%
flash_cards("00_start_here")

# %% [markdown]
r"""
### Words

The field has its own words, and each is explained once, in the lesson where it is first needed. There it is set in bold italics. Here you find the place.
"""

# %% slide="skip"
terms_index()

# %% [markdown]
r"""
### The scoreboard

Every model that you build is measured on the same {{20,000 = len(held_out())}} words of the mouse-and-cheese world. The number is the *cross-entropy*: how surprised the model is by the next word, in nats, on average. Less is better.
The line at {{1.748 = language().entropy_rate}} is the *entropy rate* of the language: what is left to be surprised at for someone who knows it perfectly. Over a long text no model can do better on average.
A model that knows nothing pays $\ln 348 \approx {{5.852 = torch.tensor(V).log()}}$. The first bars come in lesson 01.
"""

# %%
show_scoreboard()

# %%
print(f"{V} words; knowing nothing costs {torch.tensor(V).log():.3f} nats per word,")
print(f"knowing everything {language().entropy_rate:.3f}, measured on {len(held_out()):,} words,")
print(f"in sentences of {language().tokens_per_sentence:.1f} words, the end mark counted")

# %% [markdown]
r"""
## When something breaks

It will, and it is almost always one of these.

| you see | what happened | what to do |
|---|---|---|
| `NameError: name 'torch' is not defined` | the first code cell was not run since you opened the notebook | run it, then the cell again |
| a check speaks of code that you have already changed | the cell with your function was changed but not run | Shift + Enter in that cell, then in the check |
| `[*]` beside a cell, and nothing moves | the cell is still calculating | wait, or the button ■ to interrupt it |
| strange results, after many experiments | old values are still in memory | menu *Kernel → Restart Kernel and Run All Cells* |
| no bars and no slider, only text | a saved page has no kernel | open it in JupyterLab: `make lab` in the course's folder |
| `ModuleNotFoundError: course_lib` | the notebook runs in another Python | start JupyterLab with `make lab` |
"""

# %% [markdown]
r"""
If it persists: ask. Copy three things into your message: the output of the cell under *Your computer*, the cell that fails, and the **last** line of its error. A question with these three gets a quick answer.
Being stuck for twenty minutes is a reason to ask; being stuck for an evening is too late.
"""

# %% [markdown]
r"""
## Where this came from, and where to go

The scoreboard's idea, to measure a model of language against what can be known about the language, is Claude Shannon's (*A Mathematical Theory of Communication*, 1948; *Prediction and Entropy of Printed English*, 1951).
For real English nobody knows the line exactly; for our toy we do, and that is what a toy is for. A model that does well here has learned {{348 = V}} words and one grammar, and nothing about the world beyond.

Next: [01 Information](01_information.ipynb), *How surprised should a model be?*
"""
