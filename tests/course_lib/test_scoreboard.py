"""The scoreboard keeps results between sessions, refuses impossible ones, and shows what is still to come."""

import math

import pytest
import torch

from course_lib import scoreboard


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))


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


@pytest.mark.parametrize("impossible", [0.5, math.nan, math.inf])
def test_an_impossible_result_is_refused(impossible):
    with pytest.raises(ValueError, match="nats"):
        scoreboard.record("cheat", impossible, 1, 1, "12_attention")
    assert scoreboard.rows() == []


def test_the_true_model_is_within_its_luck_on_the_held_out_tokens():
    language, tokens = scoreboard.language(), scoreboard.held_out().tolist()
    nats = -language.log_prob(tokens) / len(tokens)
    assert abs(nats - language.entropy_rate) < scoreboard._LUCK / 4
    scoreboard.record("the language itself", nats, 0, 0, "00_start_here")


def test_the_streams_are_fixed_and_a_long_one_begins_with_the_short_one():
    short, long = scoreboard.training(1000), scoreboard.training(5000)
    assert torch.equal(long[:1000], short)
    held_out = scoreboard.held_out()
    assert held_out.shape == (20_000,) and held_out.dtype == torch.int64
    assert not torch.equal(held_out[:1000], short)
    held_out.zero_()
    assert scoreboard.held_out().any(), "changing the returned tensor must not change the data"


def test_the_board_shows_a_figure_and_a_table(capsys):
    scoreboard.show_scoreboard()
    assert "No result yet" in capsys.readouterr().out
    scoreboard.record("RNN & co", 2.5, 12_345, 6, "09_rnn")
    scoreboard.show_scoreboard()
    printed = capsys.readouterr().out
    assert "The best so far is RNN & co with 2.500" in printed
    assert "12,345" in printed
    table = scoreboard._Table(scoreboard.rows(), 1.75)._repr_html_()
    assert "RNN &amp; co" in table and "+0.750" in table
