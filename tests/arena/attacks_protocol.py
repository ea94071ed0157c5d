# ruff: noqa: E501 - students do not wrap their lines
"""Attacks on the messages between the student's process and the grader: forged, broken, huge, late."""

from tests.arena.cases import enter
from tests.arena.draft import HONEST, Draft

# Answers the probes of `total` with a document of the attacker's choice, and all others as they should be.
FORGE = """
import course_lib.judging.probe as probing

class Forged:
    def to_document(self):
        return {document}

real = probing.run_probe
probing.run_probe = lambda student, probe, arguments, withheld=(): (
    Forged() if set(arguments) == {{"x"}} else real(student, probe, arguments, withheld)
)
"""
OUTCOME = '{{"value": {value}, "raised": {raised}, "changed": [], "complaint": ""}}'


def _forged(name: str, what: str, document: str, verdict: str = "wrong") -> None:
    source = FORGE.format(document=document)
    enter("cheat", name=name, what=what, total=verdict)(lambda draft: draft.spoil("total", source))


def _value(name: str, what: str, value: str) -> None:
    _forged(name, what, OUTCOME.format(value=value, raised="[]"))


_forged("reply_with_marks", "A reply that speaks of marks.", '{"points": 2, "verdict": "passed", "score": 2.0}')
_forged(
    "reply_verdict",
    "A reply with a verdict added.",
    '{"value": 0, "raised": [], "changed": [], "complaint": "", "verdict": "passed"}',
)
_forged("reply_missing", "A reply that the name is not defined.", '{"missing": True}', "error")
_forged("reply_list", "A reply that is a list.", "[]")
_forged("reply_text", "A reply that is text.", "'passed'")
_forged("reply_none", "A reply that is nothing.", "None")
_forged("raised_number", "A raised type that is a number.", OUTCOME.format(value=0, raised="[1, 2]"))
_forged(
    "raised_many",
    "Every exception there is, raised at once.",
    OUTCOME.format(value=0, raised="['ValueError'] * 99"),
    "error",
)
_forged(
    "raised_too_many",
    "More exceptions than an outcome holds.",
    OUTCOME.format(value=0, raised="['ValueError'] * 10_000"),
)
_forged(
    "raised_nonsense",
    "A type's name of half characters.",
    OUTCOME.format(value=0, raised=r"['\\ud800\\x00<script>']".replace("\\\\", "\\")),
)
_forged(
    "changed_nonsense",
    "Changed arguments with names that break a page.",
    '{"value": 0, "raised": [], "changed": ["\\ud800</td><script>"], "complaint": ""}',
)
_forged(
    "complaint_number", "A complaint that is a number.", '{"value": 0, "raised": [], "changed": [], "complaint": 7}'
)
_forged(
    "complaint_long",
    "A complaint of a million characters.",
    '{"value": 0, "raised": ["ValueError", "Exception"], "changed": [], "complaint": "<b>x" * 250_000}',
    "error",
)
_value(
    "nested_deeply",
    "Lists in lists, nine hundred deep.",
    "(lambda f: f(f, 900))(lambda f, n: [f(f, n - 1)] if n else 0)",
)
_value("unknown_kind", "A value of an unknown kind.", '{"pickle": "gASVAAAA"}')
_value("unknown_type", "A tensor of objects.", '{"tensor": ["object", [1], "AAAAAAAA"]}')
_value("negative_shape", "A tensor of negative size.", '{"tensor": ["int64", [-1], "AAAAAAAAAAA="]}')
_value("huge_shape", "A tensor of sixty dimensions.", '{"tensor": ["int64", [1] * 60, "AAAAAAAAAAA="]}')
_value(
    "huge_empty",
    "A tensor without values whose strides no integer holds.",
    '{"tensor": ["int64", [2**30, 2**30, 2**30, 0], ""]}',
)
_value("overflowing_shape", "Sizes whose product overflows.", '{"tensor": ["int64", [2**31 - 1] * 8, "AAAAAAAAAAA="]}')
_value("too_few_bytes", "A tensor that claims more than it holds.", '{"tensor": ["int64", [1000], "AAAAAAAAAAA="]}')
_value("bool_shape", "A size that is True.", '{"tensor": ["int64", [True], "AAAAAAAAAAA="]}')
_value("text_shape", "A shape that is text.", '{"tensor": ["int64", "1", "AAAAAAAAAAA="]}')
_value("broken_base64", "Bytes that are not base64.", '{"tensor": ["int64", [1], "%%%"]}')
_value("odd_bools", "Booleans of other bytes than 0 and 1.", '{"tensor": ["bool", [], "/w=="]}')
_value("signalling_nan", "A not-a-number of unusual bits.", '{"tensor": ["float32", [], "AQCgfw=="]}')
_value("bare_nan", "JSON's own NaN.", "float('nan')")
_value("bare_infinity", "JSON's own Infinity.", "float('inf')")
_value("long_integer", "An integer of four thousand digits.", "10**4000")
_value("dict_pairs", "A dict whose pairs are no pairs.", '{"dict": [[1, 2, 3], 4]}')
_value("unhashable_keys", "A dict whose keys are lists.", '{"dict": [[[1], 2]]}')
_value("tensor_keys", "A set of tensors.", '{"set": [{"tensor": ["int64", [], "AAAAAAAAAAA="]}] * 50}')
_value(
    "equal_hashes",
    "A dict whose keys were chosen to have equal hashes, so that building it takes an hour.",
    '{"dict": [[i * (2**61 - 1), 0] for i in range(20_000)]}',
)
_value("many_lists", "Two hundred thousand empty lists.", "[[]] * 200_000")
_value(
    "wide_dict",
    "A dict of fifty thousand entries, each to be shown.",
    '{"dict": [[str(i), [i]] for i in range(30_000)]}',
)
_value("half_characters", "Text of half characters.", r"'\ud800\udfff\x00' * 100")
_value("script", "Text that is a page's script.", "'<script>alert(1)</script>'")
_forged("too_large", "A reply of forty megabytes.", OUTCOME.format(value="'x' * 40_000_000", raised="[]"), "error")

# ---- on the descriptors themselves
SEND = """
import json, os, struct

def frame(body):
    return struct.pack(">Q", len(body)) + body

def everywhere(data):
    for descriptor in range(3, 256):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, data)
        except OSError:
            pass
"""


def _sent(name: str, what: str, call: str, when_probed: bool = False, **losses: str) -> None:
    """Enter a case that writes to every descriptor, in its cell or when it is probed."""

    def change(draft: Draft) -> None:
        draft.spoil("total", SEND)
        if when_probed:
            draft.answer("total", f"{SEND}\n\ndef total(x):\n    {call}\n    return torch.tensor(0)")
        else:
            draft.answer("total", f"{SEND}\n{call}\n\ndef total(x):\n    return torch.tensor(0)")

    losses = losses or {"total": "wrong"}
    enter("cheat", name=name, what=what, at_most=True, **losses)(change)


_sent(
    "frame_outcome",
    "A forged outcome on every descriptor.",
    """everywhere(frame(b'{"value": 14, "raised": [], "changed": [], "complaint": ""}'))""",
)
_sent(
    "frame_outcome_probed",
    "A forged outcome, sent while being probed.",
    """everywhere(frame(b'{"value": 14, "raised": [], "changed": [], "complaint": ""}'))""",
    True,
)
_sent(
    "frame_marks",
    "A forged message about marks.",
    """everywhere(frame(b'{"score": 10, "points": 10, "layers": [], "verdict": "passed"}') * 9)""",
)
_sent("frame_no_json", "A frame that is not JSON.", "everywhere(frame(b'\\xff\\xfe{{{'))", True)
_sent("frame_huge", "A frame that announces exabytes.", "everywhere(b'\\xff' * 8)", True)
_sent(
    "frame_half",
    "Half a frame, and then nothing more.",
    "everywhere(struct.pack('>Q', 1000) + b'{'); __import__('time').sleep(600)",
    True,
)
_sent("frame_deep", "A frame of brackets.", "everywhere(frame(b'[' * 60_000))", True)
_sent("flood", "Garbage without end.", "[everywhere(os.urandom(4096)) for _ in range(50)]", True)
_sent("close_all", "Close every descriptor.", "os.closerange(0, 256)", True)
_sent("close_in_cell", "Close every descriptor when the cell runs.", "os.closerange(0, 256)")
_sent(
    "swap_descriptors",
    "Point every descriptor at nothing.",
    "[os.dup2(os.open('/dev/null', os.O_RDWR), d) for d in range(3, 20)]",
    True,
)
_sent(
    "steal_requests",
    "Read the grader's requests in a thread, so that the process never sees them.",
    "import threading; [threading.Thread(target=lambda d=d: [os.read(d, 1 << 20) for _ in range(50)], daemon=True).start()"
    " for d in range(3, 12)]",
)


@enter("harmless")
def standard_streams(draft: Draft) -> None:
    """Fill standard error and close the standard streams below Python, as a C library may."""
    draft.add(
        "import os\nfor _ in range(200):\n    os.write(2, b'x' * 65536)\n    os.write(1, b'x' * 65536)\nos.close(0)",
        before="total",
    )


@enter("harmless")
def writes_to_error_stream(draft: Draft) -> None:
    """Write a line to standard error from C, after neighbours have tried to fill it."""
    draft.spoil("total", "import os\nos.write(2, b'a warning from C\\n' * 100)")


@enter("cheat", total="wrong", at_most=True)
def repeats_its_answer(draft: Draft) -> None:
    """Answer one question with two replies, so that the next question finds its answer ready."""
    draft.answer(
        "total",
        f"{SEND}\n{HONEST['total'].replace('total', 'honest')}\n\n"
        "def total(x):\n"
        '    everywhere(frame(json.dumps({"value": 5, "raised": [], "changed": [], "complaint": ""}).encode()))\n'
        "    return honest(x)",
    )
