"""The deck: one question, one answer. Every number on a card is computed in `tests/course_lib/test_deck.py`.

`source` names the items of the course's check list (`Kn` are the cards of the study notes, put right).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A flash card. Question and answer are HTML with LaTeX between dollar signs; `lesson` is a lesson's file name."""

    id: str
    lesson: str
    question: str
    answer: str
    source: str = ""


def _deck(lesson: str, *cards: tuple[str, str, str, str]) -> tuple[Card, ...]:
    return tuple(Card(id, lesson, question, answer, source) for id, source, question, answer in cards)


START = _deck(
    "00_start_here",
    (
        "shape_letters", "legend",
        "A tensor has shape $(B, H, T, D)$. What do the four letters count?",
        "$B$ sequences in the batch, $H$ heads, $T$ positions, $D$ numbers per head and position.",
    ),
    (
        "mask_convention", "legend",
        "A mask entry is <code>True</code>. What may the query do?",
        "Attend to that key. In this course a mask is boolean and True always means <i>may attend</i>.",
    ),
    (
        "nat_and_bit", "legend",
        "How many bits is one nat?",
        r"$1/\ln 2 \approx 1.443$ bits. The other way round, one bit is $\ln 2 \approx 0.693$ nats.",
    ),
    (
        "new_tensor", "legend",
        "<code>x *= 2</code> inside a function: who else sees the change?",
        "The caller. It changes the caller's tensor in place; <code>2 * x</code> makes a new one.",
    ),
)  # fmt: skip

INFORMATION = _deck(
    "01_information",
    (
        "surprisal", "entropy",
        "A token had probability 1/8. How surprised are you, in nats and in bits?",
        r"$-\ln \frac18 \approx 2.079$ nats, which is 3 bits.",
    ),
    (
        "zero_log_zero", "entropy",
        r"What does $0 \cdot \log 0$ count as in an entropy, and what does a computer make of it?",
        r"It counts as 0, the limit of $p \log p$. Floating point gives $0 \cdot (-\infty) = $ nan, so it needs care.",
    ),
    (
        "cross_entropy_parts", "Q3",
        "Cross-entropy $H(p, q)$ is the sum of which two quantities?",
        r"$H(p, q) = H(p) + \mathrm{KL}(p \,\|\, q)$: what the data cost anyway, plus what the wrong model adds.",
    ),
    (
        "kl_direction", "KL",
        r"When is $\mathrm{KL}(p \,\|\, q)$ infinite?",
        r"When some outcome has $p > 0$ and $q = 0$. Not when $p = 0$ and $q > 0$: the direction matters.",
    ),
    (
        "perplexity_base", "K2, item 50",
        "A model has a cross-entropy of 2 nats per token. Its perplexity? And with a cross-entropy of 2 bits?",
        r"$e^2 \approx 7.39$; $2^2 = 4$. The base of the power is the base of the logarithm.",
    ),
    (
        "perplexity_mean", "item 50",
        "Two tokens had probabilities 1/2 and 1/8. The perplexity?",
        r"4, the exponential of the mean surprisal: $\sqrt{2 \cdot 8}$. The mean of 2 and 8 would be 5, and is not it.",
    ),
    (
        "uniform_entropy", "entropy",
        "What does a model that knows nothing pay per token on a vocabulary of 348 words?",
        r"$\ln 348 \approx 5.852$ nats, a perplexity of 348.",
    ),
    (
        "temperature", "K8, item 41",
        "What do $T < 1$, $T > 1$ and $T \\to 0$ do to $\\mathrm{softmax}(z/T)$?",
        "$T < 1$ sharper, $T > 1$ flatter. Both still draw at random; only the limit $T \\to 0$ is greedy "
        "(where two logits tie for the maximum, they share).",
    ),
    (
        "softmax_shift", "softmax",
        "Why may you subtract the largest logit before the softmax, and why should you?",
        r"Adding a constant to all logits changes no probability. Without it $e^{89}$ overflows in float32.",
    ),
    (
        "log_softmax", "softmax",
        "Why not compute <code>log(softmax(z))</code> in two steps?",
        r"A small probability is rounded to 0 and its log is $-\infty$. $z - \log\sum e^z$, with the maximum taken "
        "out, stays finite.",
    ),
    (
        "maximum_likelihood", "MLE",
        "Minimising cross-entropy on a corpus is maximising what?",
        "The likelihood of the corpus: the mean of $-\\log q$ over its tokens is minus the log-likelihood "
        "divided by their number.",
    ),
    (
        "code_length", "entropy",
        "What does entropy say about codes?",
        "No code that can be decoded needs fewer bits per symbol on average than the entropy in bits; "
        "Huffman's code needs less than one bit more.",
    ),
)  # fmt: skip

ATTENTION = _deck(
    "12_attention",
    (
        "formula", "Q4, Q6",
        "Scaled dot-product attention in one formula?",
        r"$\mathrm{softmax}(QK^\top/\sqrt{d_k})\,V$, the softmax over the keys: each query's weights sum to 1.",
    ),
    (
        "why_scale", "Q6, erratum 117",
        r"Where does $\sqrt{d_k}$ come from, and what does the argument assume?",
        r"If the components of $q$ and $k$ are independent with mean 0 and variance 1, $q \cdot k$ has variance $d_k$. "
        "That holds at best at initialisation.",
    ),
    (
        "causal_mask", "K3, item 110",
        "How does a causal mask keep the future out?",
        r"The scores of later positions become $-\infty$ before the softmax, so their weights are $e^{-\infty} = 0$. "
        "Query $t$ may attend to keys $s \\le t$.",
    ),
    (
        "empty_row", "erratum 008",
        "A query may attend to nothing. What do $-\\infty$ and $-10^9$ give, and what should come out?",
        r"$-\infty$ gives nan (0/0); $-10^9$ gives equal weights on everything forbidden. Zeros should come out.",
    ),
    (
        "half_precision", "erratum 007",
        "Why is <code>masked_fill(~mask, -1e9)</code> a bug in float16?",
        "The largest float16 is 65504, so $-10^9$ cannot be represented and PyTorch raises an error. "
        "Use $-\\infty$ and give zeros to rows without a key.",
    ),
    (
        "split_heads", "multi-head",
        "From $(B, T, C)$ to $(B, H, T, D)$: which two steps?",
        "<code>view(B, T, H, D)</code>, then <code>transpose(1, 2)</code>. A view straight to "
        "$(B, H, T, D)$ has the right shape and mixes up positions.",
    ),
    (
        "head_parameters", "multi-head",
        "How many weights has multi-head attention with $d_{model} = 64$, without biases: with 1 head, with 8?",
        r"$4 \cdot 64^2 = 16384$ both times. Heads divide the width; they add nothing.",
    ),
    (
        "memory", "erratum 096",
        "A naive attention over 50,000 tokens in float16: how large is one matrix of scores?",
        r"$2.5 \cdot 10^9$ entries, 5 GB, per head, layer and sequence. Fused kernels (FlashAttention) never store it; "
        "the time stays quadratic.",
    ),
    (
        "dropout_weights", "erratum 009",
        "Dropout is applied to the attention weights. Which weights do you return for a picture?",
        "Those before the dropout. After it a row need not sum to 1, and one weight can exceed 1.",
    ),
    (
        "equivariance", "erratum 070",
        "You permute the inputs of self-attention without a mask. What happens to the outputs?",
        "They are permuted in the same way: equivariant, not invariant. A causal mask breaks it.",
    ),
    (
        "cross_attention", "cross-attention",
        "In cross-attention with $T$ queries and a source of length $S$: where do $Q$, $K$ and $V$ come from, "
        "and which shape have the weights?",
        "$Q$ from the target; $K$ and $V$ from the source. Weights $(B, H, T, S)$.",
    ),
)  # fmt: skip

LATER = (
    *_deck("02_tokenization", (
        "bpe_merge", "K6",
        "What does one step of training byte-pair encoding do?",
        "It merges the most frequent adjacent pair of tokens into a new token, everywhere; then it counts again.",
    )),
    *_deck("09_rnn", (
        "vanishing_gradient", "K1, item 73, erratum 105",
        "Why do gradients vanish through many sigmoid layers even without saturation?",
        "The gradient is a product of one factor per layer, and the sigmoid's slope is at most 0.25. "
        "Ten such slopes give at most $0.25^{10} \\approx 10^{-6}$ (times the weights).",
    )),
    *_deck("11_seq2seq", (
        "teacher_forcing", "K7",
        "What is teacher forcing?",
        "During training the next input is the true token, not the model's own guess.",
    )),
    *_deck("13_positions", (
        "rope", "K4, item 134, erratum 068",
        "What does RoPE rotate, by what angle, and what does the score then depend on?",
        "Pairs of components of $q$ and $k$, by angles in proportion to the position. Besides the content, the "
        "score depends only on the distance. It need not decay with it.",
    )),
    *_deck("15_gpt", (
        "checkpointing", "K5, item 145",
        "What does gradient checkpointing trade for what?",
        "Memory for time: it keeps few activations and computes the others again on the way back. With the backward "
        "pass twice as costly as the forward pass, one more forward pass is a third more work.",
    )),
)  # fmt: skip

DECK: tuple[Card, ...] = START + INFORMATION + ATTENTION + LATER
