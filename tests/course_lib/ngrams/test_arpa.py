"""ARPA files: what is read back scores the same, and KenLM reads the same numbers from the file."""

import math

import numpy as np
import pytest

from course_lib import scoreboard
from course_lib.ngrams import add_k, count_ngrams, interpolated, kneser_ney, mle, read_arpa, stupid_backoff, write_arpa

WORDS = ["</s>", "<s>", "<unk>", "the", "mouse", "cat", "ate", "saw", "cheese"]
TEXT = "the mouse ate the cheese </s> the cat saw the mouse </s> the cat ate the cheese </s> the mouse saw the cat </s>"
NEW = "the mouse saw the cheese </s> cheese ate <unk> the cat ate mouse the"

# The log10 probabilities that KenLM 0.3.0 gives the words of NEW with the file of `small_model`:
#   pip install kenlm==0.3.0;  model = kenlm.Model("small.arpa");  one, two = kenlm.State(), kenlm.State()
#   model.NullContextWrite(one);  for word in NEW.split():  model.BaseScore(one, word, two);  one, two = two, one
KENLM = [
    -0.7671559,
    -0.6072880,
    -0.5480300,
    -0.1008719,
    -1.1336874,
    -0.1008719,
    -1.6288532,
    -1.1788841,
    -1.5563025,
    -0.7671559,
    -0.6072880,
    -0.5480300,
    -1.6288532,
    -1.0681859,
]


def small_model():
    return kneser_ney(count_ngrams([WORDS.index(word) for word in TEXT.split()], 3, len(WORDS)))


def test_kenlm_reads_the_same_probabilities_from_the_file():
    found = small_model().log_probs([WORDS.index(word) for word in NEW.split()]) / math.log(10)
    assert found == pytest.approx(np.array(KENLM), abs=2e-6)  # KenLM computes in single precision


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("estimate", [kneser_ney, add_k, lambda c: interpolated(c, [0.5] * c.order)])
def test_what_is_read_back_scores_the_same(tmp_path, estimate, order):
    language, held_out = scoreboard.language(), scoreboard.held_out()[:500]
    model = estimate(count_ngrams(scoreboard.training(3_000), order, 348))
    write_arpa(model, tmp_path / "model.arpa", language.vocabulary)
    again, words = read_arpa(tmp_path / "model.arpa")
    assert words == list(language.vocabulary) and again.trie.sizes == model.trie.sizes
    np.testing.assert_allclose(again.log_probs(held_out), model.log_probs(held_out), rtol=1e-8)


def test_the_order_of_lines_does_not_matter_and_minus_99_is_zero(tmp_path):
    path = tmp_path / "model.arpa"
    path.write_text(
        "\n\\data\\\nngram 1=3\nngram 2=3\n\n\\1-grams:\n-0.5\tb\t-0.25\n-1\ta\t-0.125\n-99\tc\n\n"
        "\\2-grams:\n-0.2\ta b\n-0.1\tb a\n-0.3\tb b\n\n\\end\\\n",
        encoding="utf-8",
    )
    model, words = read_arpa(path)
    assert words == ["b", "a", "c"]
    found = model.log_probs([0, 1, 0, 0, 2, 0]) / math.log(10)  # b a b b c b
    assert found == pytest.approx(np.array([-0.5, -0.1, -0.2, -0.3, -np.inf, -0.5]))
    assert model.log_probs([1, 1])[1] / math.log(10) == pytest.approx(-1.125)  # “a a” is not listed


@pytest.mark.parametrize(
    "text, message",
    [
        ("hello", "first line"),
        ("\\data\\\nngram 1=2\n\n\\1-grams:\n-1\ta\n\n\\end\\\n", "2 1-grams announced, 1 found"),
        ("\\data\\\nngram 1=1\n\n\\1-grams:\n-1\ta\n", "ends before"),
        ("\\data\\\nngram 1=1\n\n\\2-grams:\n-1\ta a\n\n\\end\\\n", "expected .1-grams"),
        ("\\data\\\nngram 1=1\nngram 2=1\n\n\\1-grams:\n-1\ta\n\n\\2-grams:\n-1\ta b\n\n\\end\\\n", "'b'"),
        (
            "\\data\\\nngram 1=2\nngram 2=1\nngram 3=1\n\n\\1-grams:\n-1\ta\n-1\tb\n\n\\2-grams:\n-1\ta b\n\n"
            "\\3-grams:\n-1\tb a b\n\n\\end\\\n",
            "beginning of 'b a b'",
        ),
    ],
)
def test_a_broken_file_is_refused_with_the_place(tmp_path, text, message):
    (tmp_path / "model.arpa").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_arpa(tmp_path / "model.arpa")


def test_what_the_format_cannot_hold_is_refused(tmp_path):
    counts = count_ngrams([0, 1, 0], 2, 2)
    for model, words, message in (
        (mle(counts), ["a", "b"], "weight 1"),
        (stupid_backoff(counts), ["a", "b"], "weight 1"),
        (kneser_ney(counts), ["a", "a"], "2 different words, got 1"),
        (kneser_ney(counts), ["a", "b c"], "no white space, got 'b c'"),
    ):
        with pytest.raises(ValueError, match=message):
            write_arpa(model, tmp_path / "model.arpa", words)
