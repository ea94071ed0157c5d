"""A WordPiece that was read as a BERT's has the ids of transformers' BertTokenizer, whatever the text."""

import random
import unicodedata

import pytest

from course_lib.tokenization import WordPiece
from course_lib.tokenization.pretokenize import bert_normalised

#: what Unicode knew in 2002, and knows the same of today: their tables are older than Python's
OLD = [
    chr(code)
    for code in range(0x2FA20)
    if unicodedata.ucd_3_2_0.category(chr(code)) == unicodedata.category(chr(code)) not in ("Cn", "Cs")
]
ODD = (
    "\x00\t\n\r\x0b\x1f\x7f\x85\xa0\xad\u200b\u2028\u3000\ufeff\ufffd"
    "'’-–_$+<=>^`|~[]#@İIıßΣσςéÉe\u0301Åñ你好㐀\U00020000ᾳﬁ"
)
PLAIN = "abcABC 1,."


def random_text(rng):
    alphabets = ("".join(rng.sample(OLD, 20)), ODD, PLAIN, "ab" * 30 + PLAIN)
    return "".join(rng.choice(rng.choice(alphabets)) for _ in range(rng.randint(0, 40)))


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def pair(request, tmp_path_factory):
    """Our tokenizer and theirs, read from one vocab.txt, which knows every other character and some pairs of them."""
    transformers = pytest.importorskip("transformers")
    pieces = dict.fromkeys("abcABCé1,.'你#ßσς$[]-–" + "".join(OLD[::2]))
    tokens = [*pieces, *(f"##{piece}" for piece in pieces), "ab", "##ab", "##bc", "aa", "##aa"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(t for t in tokens if t.split() == [t] and t != "#")]
    path = tmp_path_factory.mktemp("bert") / "vocab.txt"
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    theirs = transformers.BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, do_lower_case=request.param)
    return WordPiece.load(path, uncased=request.param), theirs


def test_random_texts_have_their_ids(pair):
    ours, theirs = pair
    rng, known = random.Random(0), 0
    for _ in range(4000):
        text = random_text(rng)
        ids = theirs.encode(text, add_special_tokens=False)
        assert ours.encode(text) == ids, (text, ours.encode(text), ids)
        known += sum(i != ours.ids["[UNK]"] for i in ids)
    assert known > 20_000  # or both would say nothing but [UNK]


@pytest.mark.parametrize("letters", [99, 100, 101, 300])
def test_a_word_of_more_than_a_hundred_letters_is_unknown_as_theirs_is(pair, letters):
    ours, theirs = pair
    for text in ("a" * letters, "é" * letters + " b", "," * letters, "你" * letters, "a\u0301" * (letters // 2 + 1)):
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False)


def test_every_old_character_is_normalised_as_theirs_is(pair):
    from tokenizers import normalizers

    uncased = pair[0].uncased
    theirs = normalizers.BertNormalizer(lowercase=uncased)
    wrong = [c for c in OLD if bert_normalised(f"a{c}b", uncased) != theirs.normalize_str(f"a{c}b")]
    assert wrong == []


def test_a_tokenizer_of_ones_own_takes_its_text_as_it_is(tmp_path):
    made = WordPiece(["[UNK]", "É", "##a", "a"])
    assert made.encode("É" + "a" * 200) == [1, *[2] * 200] and made.uncased is None
    made.save(tmp_path / "vocab.txt")
    assert WordPiece.load(tmp_path / "vocab.txt").encode("Éa") == [1, 2]
