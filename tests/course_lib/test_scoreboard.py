"""The scoreboard keeps results between sessions, refuses impossible ones, and shows what is still to come."""

import math

import pytest
import torch

from course_lib import scoreboard
from course_lib.data import corpora
from course_lib.scoreboard import results, show, texts


def test_a_result_is_kept_and_replaced_by_a_later_one_of_the_same_model():
    scoreboard.record("LSTM", 2.1, 1000, 3, "10_lstm")
    scoreboard.record("LSTM", 1.9, 2000, 4.5, "10_lstm")
    expected = {"model": "LSTM", "nats_per_token": 1.9, "parameters": 2000, "seconds": 4.5, "lesson": "10_lstm"}
    assert scoreboard.rows() == [expected]


def test_results_stand_in_the_order_of_the_course_and_others_follow():
    for model in ("my own", "LSTM", "uniform"):
        scoreboard.record(model, 3.0, 1, 1, "10_lstm")
    assert [row["model"] for row in scoreboard.rows()] == ["uniform", "LSTM", "my own"]
    assert [row["model"] for row in scoreboard.waiting()] == [
        name for name in scoreboard.LADDER if name not in ("LSTM", "uniform")
    ]


@pytest.mark.parametrize(
    ("impossible", "corpus"),
    [(0.5, "mouse"), (math.nan, "mouse"), (math.inf, "mouse"), (0.0, "english"), (-1.0, "english")],
)
def test_an_impossible_result_is_refused(impossible, corpus):
    with pytest.raises(ValueError, match="nats"):
        scoreboard.record("cheat", impossible, 1, 1, "12_attention", corpus)
    assert scoreboard.rows(corpus) == []


def test_each_text_has_a_board_of_its_own(capsys):
    scoreboard.show_scoreboard("english")
    assert "No result yet" in capsys.readouterr().out
    scoreboard.record("RNN", 2.0, 100, 1, "09_rnn")
    scoreboard.record("RNN", 1.1, 100, 1, "09_rnn", corpus="english")
    assert [row["nats_per_token"] for row in scoreboard.rows()] == [2.0]
    assert [row["nats_per_token"] for row in scoreboard.rows("english")] == [1.1]
    assert "RNN" not in [row["model"] for row in scoreboard.waiting()]
    scoreboard.show_scoreboard("english")
    printed = capsys.readouterr().out
    assert "The best so far is RNN with 1.100" in printed and "entropy rate" not in printed
    assert "bits per byte" in printed and f"{scoreboard.bits_per_byte(1.1):.3f}" in printed


@pytest.mark.parametrize("corpus", ["french", "", "Mouse"])
def test_an_unknown_text_is_refused(corpus):
    for ask in (scoreboard.held_out, scoreboard.rows, scoreboard.entropy_rate):
        with pytest.raises(ValueError, match="corpus must be one of mouse, english, got"):
            ask(corpus)


def test_the_true_model_is_within_its_luck_on_the_held_out_tokens():
    language, tokens = scoreboard.language(), scoreboard.held_out().tolist()
    nats = -language.log_prob(tokens) / len(tokens)
    assert abs(nats - language.entropy_rate) < results._LUCK / 4
    scoreboard.record("the language itself", nats, 0, 0, "00_start_here")


def test_the_streams_are_fixed_and_a_long_one_begins_with_the_short_one():
    short, long = scoreboard.training(1000), scoreboard.training(5000)
    assert torch.equal(long[:1000], short)
    held_out = scoreboard.held_out()
    assert held_out.shape == (20_000,) and held_out.dtype == torch.int64
    assert not torch.equal(held_out[:1000], short)
    held_out.zero_()
    assert scoreboard.held_out().any(), "changing the returned tensor must not change the data"


def test_the_english_stream_is_the_english_text_and_a_short_one_is_its_beginning():
    stream = scoreboard.training(None, "english")
    assert scoreboard.tokenizer().decode(stream.tolist()) == corpora.english()
    assert scoreboard.tokenizer().decode(scoreboard.held_out("english").tolist()) == corpora.english(held_out=True)
    assert torch.equal(scoreboard.training(1000, "english"), stream[:1000])
    assert stream.dtype == torch.int64 and len(stream) > 300_000 and int(stream.max()) < 1024
    with pytest.raises(ValueError, match="n_tokens must be between 1 and the"):
        scoreboard.training(10**7, "english")


def test_the_tokenizer_has_never_seen_the_held_out_text(monkeypatch):
    asked = []
    monkeypatch.setattr(corpora, "english", lambda *args, **kwargs: asked.append((args, kwargs)) or "the mouse " * 9)
    texts.tokenizer.__wrapped__()
    assert asked == [((), {})]


def test_bits_per_byte_do_not_depend_on_how_long_a_token_is():
    """Knowing nothing about bytes costs 8 bits each: for tokens that are bytes, that is the ln 256 nats of a token."""
    tokens, held_out = len(scoreboard.held_out("english")), corpora.english(held_out=True)
    nats_per_byte = math.log(256) * len(held_out.encode()) / tokens  # the same, said in nats per token
    assert scoreboard.bits_per_byte(nats_per_byte) == pytest.approx(8)


def test_the_board_shows_a_figure_and_a_table(capsys):
    scoreboard.show_scoreboard()
    assert "No result yet" in capsys.readouterr().out
    scoreboard.record("RNN & co", 2.5, 12_345, 6, "09_rnn")
    scoreboard.show_scoreboard()
    printed = capsys.readouterr().out
    assert "The best so far is RNN & co with 2.500" in printed
    assert "12,345" in printed
    table = show._Table(scoreboard.rows(), 1.75)._repr_html_()
    assert "RNN &amp; co" in table and "+0.750" in table
