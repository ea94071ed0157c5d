"""What lesson 11 expects of BLEU is what sacrebleu computes, on every one of its public cases."""

from pathlib import Path

import pytest

from course_lib.judging.exercise import read_public

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
sacrebleu = pytest.importorskip("sacrebleu", reason=REASON)

ROOT = Path(__file__).resolve().parents[3]
CASES = read_public(ROOT / "notebooks/cases/11_seq2seq.json").exercises["seq2seq.bleu"].cases


def sacrebleus(hypotheses, references, max_n=4):
    metric = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=max_n)
    texts = [" ".join(map(str, words)) for words in hypotheses]
    most = max(map(len, references))
    streams = [[" ".join(map(str, r[i])) if i < len(r) else None for r in references] for i in range(most)]
    return metric.corpus_score(texts, streams).score


def test_there_are_cases_to_compare():
    assert len(CASES.cases) == len(CASES.expected) >= 12


@pytest.mark.parametrize("n", range(len(CASES.cases)))
def test_the_expected_score_is_sacrebleus(n):
    assert CASES.expected[n].value == pytest.approx(sacrebleus(**CASES.cases[n].arguments), abs=1e-9)
