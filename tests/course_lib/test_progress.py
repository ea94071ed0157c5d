"""Long work says how far it is, to whoever asks; what comes out is the same."""

import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.ngrams import count_ngrams
from course_lib.progress import printed
from course_lib.tokenization import bert_words, gpt2_words, pretokenize, train_bpe
from course_lib.tokenization.pretokenize import count_words
from course_lib.tokenization.unigram import blank_words

TEXT = "the mouse ate the cheese, and the cats didn't like it. " * 60


def told(work):
    reports = []
    return work(lambda *report: reports.append(report)), reports


def test_training_tells_of_every_block_of_text_and_every_merge(monkeypatch):
    monkeypatch.setattr(pretokenize, "_BLOCK", 500)
    made, reports = told(lambda say: train_bpe(TEXT, 280, special_tokens=["<|end|>"], progress=say))
    assert made.merges == train_bpe(TEXT, 280, special_tokens=["<|end|>"]).merges
    read = [report for report in reports if report[0] == "characters"]
    assert len(read) > 5 and read[-1] == ("characters", len(TEXT), len(TEXT)) and read == sorted(read)
    assert reports[len(read) :] == [("merges", n, 23) for n in range(1, 24)]


def test_of_documents_nobody_knows_how_many_will_come():
    _, reports = told(lambda say: train_bpe(iter([TEXT, TEXT]), 260, progress=say))
    assert reports[:2] == [("characters", len(TEXT), None), ("characters", 2 * len(TEXT), None)]


def test_counting_tells_of_every_length():
    counts, reports = told(lambda say: count_ngrams([0, 1, 0, 1, 1], 3, 2, say))
    assert reports == [("lengths", 2, 3), ("lengths", 3, 3)]
    assert counts.count([0, 1]) == count_ngrams([0, 1, 0, 1, 1], 3, 2).count([0, 1]) == 2


@pytest.mark.parametrize("words", [gpt2_words, bert_words, blank_words, list])
@given(text=st.text(st.sampled_from("ab  A1.'sé\n\u3000中"), max_size=60))
def test_a_text_read_in_blocks_has_the_words_of_the_whole(words, text):
    whole, size = Counter(words(text)), pretokenize._BLOCK
    for pretokenize._BLOCK in (0, 3, 10):
        try:
            assert count_words(text, words) == whole
        finally:
            pretokenize._BLOCK = size


def test_lines_are_printed_from_time_to_time_and_not_for_short_work(capsys):
    file = io.StringIO()
    say = printed(seconds=0, file=file)
    say("merges", 1200, 31744)
    say("characters", 5_000_000, None)
    first, second = file.getvalue().splitlines()
    assert first.startswith("merges: 1,200 of 31,744, ") and second.startswith("characters: 5,000,000, ")
    train_bpe(TEXT, 300, progress=printed(seconds=1000))
    assert capsys.readouterr() == ("", "")
