"""`make scoreboard` on a tiny budget: every model on both texts, the same tokens for all, and an honest page."""

import math
import re
from itertools import islice

import numpy as np
import pytest
import torch

from course_lib import scoreboard
from course_lib.language_model import nats_per_token
from course_lib.ngrams import count_ngrams, kneser_ney
from course_lib.scoreboard import __main__ as page
from course_lib.scoreboard.measure import NETWORKS, WINDOW, Result, measure, train_network

MODELS = [
    "uniform", "unigram", "bigram", "Kneser–Ney 5-gram", "feed-forward", "RNN", "LSTM", "GPT", "mixture of experts"
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def results():
    """Two updates of each network."""
    return {corpus: list(measure(corpus, budget=0.004)) for corpus in scoreboard.CORPORA}


@pytest.mark.parametrize("corpus", scoreboard.CORPORA)
def test_every_model_is_measured_on_every_text(results, corpus):
    assert [result.model for result in results[corpus]] == MODELS
    assert all(math.isfinite(result.nats_per_token) for result in results[corpus])
    assert {result.updates for result in results[corpus]} == {0, 2}


@pytest.mark.parametrize("corpus", scoreboard.CORPORA)
def test_what_is_counted_stands_in_the_order_that_theory_says(results, corpus):
    nats = [result.nats_per_token for result in results[corpus][:4]]
    assert nats == sorted(nats, reverse=True)
    assert nats[3] > (scoreboard.entropy_rate(corpus) or 0)


def test_the_n_grams_are_measured_on_the_tokens_that_networks_are_measured_on(results):
    """A network that answers with the bigram's table must get the bigram's number."""
    bigram = kneser_ney(count_ngrams(scoreboard.training(), 2, 348))
    table = torch.from_numpy(np.log([bigram.next_probs([token]) for token in range(348)]))

    class Bigram(torch.nn.Module):
        vocab_size, seq_len = 348, None

        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding.from_pretrained(table)

        def forward(self, ids):
            return self.table(ids)

    measured = results["mouse"][2]
    assert nats_per_token(Bigram(), scoreboard.held_out(), WINDOW) == pytest.approx(measured.nats_per_token, abs=1e-6)


def test_the_mixture_does_the_arithmetic_of_the_gpt_with_more_parameters(results):
    gpt, mixture = results["mouse"][-2:]
    routers = 2 * 128 * 8  # two layers
    assert mixture.active == gpt.parameters + routers and mixture.parameters > 2.5 * gpt.parameters


def test_the_networks_are_about_equally_large(results):
    sizes = [result.active or result.parameters for result in results["mouse"] if result.model in NETWORKS]
    assert max(sizes) < 1.25 * min(sizes)


def test_the_same_budget_gives_the_same_numbers(results):
    again = [result.nats_per_token for result in islice(measure("mouse", budget=0.004), 5)]
    assert again == [result.nats_per_token for result in results["mouse"][:5]]


def test_a_budget_that_is_none_is_refused():
    with pytest.raises(ValueError, match="budget must be above 0, got 0"):
        next(measure("mouse", budget=0))


def test_the_page_has_every_number_and_says_what_is_not_as_theory_has_it(results):
    text = page.page(results, 0.004)
    for some in results.values():
        for result in some:
            assert re.search(rf"\| {result.model} \| {result.nats_per_token:.3f} \|", text)
    assert f"{scoreboard.entropy_rate():.4f}" in text and "1,024 different tokens" in text and "bits per byte" in text
    assert "RNN is" in text and "behind Kneser–Ney 5-gram" in text, "after two updates it must be"


def test_nothing_is_said_where_all_is_as_theory_has_it():
    falling = [Result(name, 6.0 - place, 1, None, 1, 1.0) for place, name in enumerate(MODELS[:6])]
    assert page.surprises(falling) == []
    assert len(page.surprises([*falling, Result("GPT", 1.5, 1, None, 1, 1.0)])) == 1


def test_the_command_writes_the_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(page, "measure", lambda corpus, *_: iter([Result("uniform", 5.852, 0, None, 0, 0.0)]))
    assert page.main(["--corpus", "mouse", "--threads", "1", "--to", str(tmp_path / "docs" / "board.md")]) == 0
    written, told = (tmp_path / "docs" / "board.md").read_text(), capsys.readouterr()
    assert "| uniform | 5.852 |" in written and "5.852" in told.err and told.out == ""
    assert page.main(["--corpus", "mouse", "--threads", "1"]) == 0
    assert capsys.readouterr().out == written, "without a file the page goes to standard output"
    with pytest.raises(SystemExit, match="2"):
        page.main(["--budget", "0"])


def test_a_network_alone_is_the_one_of_the_table(results):
    network, result = train_network("GPT", "mouse", updates=2)
    assert result.nats_per_token == next(r for r in results["mouse"] if r.model == "GPT").nats_per_token
    assert nats_per_token(network, scoreboard.held_out(), WINDOW) == result.nats_per_token


def test_an_unknown_network_is_refused_with_the_names_that_there_are():
    with pytest.raises(ValueError, match="RNN, LSTM, GPT, mixture of experts, got 'CNN'"):
        train_network("CNN", "mouse")
