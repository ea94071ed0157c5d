"""Each slip of the catalogue is made where it can be, and nothing else of the program changes."""

import ast

import pytest

from autograder.authoring.mutants.make import mutants_of


def slips_in(body, parameters="x", first=None, doc=""):
    """Return the mutants of a function with this body, as {slip: [changes]}."""
    source = f"def f({parameters}):\n    '''{doc or 'A function.'}'''\n    " + body.replace("\n", "\n    ")
    found = {}
    for mutant in mutants_of(source, "f", first or {}):
        ast.parse(mutant.source)
        found.setdefault(mutant.slip, []).append(mutant.change)
    return found


@pytest.mark.parametrize(
    "body, slip, after",
    [
        ("return x.softmax(-1)", "other_dimension", "x.softmax(-2)"),
        ("return torch.cumsum(x, dim=1)", "other_dimension", "torch.cumsum(x, dim=0)"),
        ("return x.mean((-2, -1))", "other_dimension", "x.mean((-2,))"),
        ("return x.sum(-1, keepdim=True)", "keepdim_left_out", "x.sum(-1)"),
        ("return x.sum(-1)", "mean_for_sum", "x.mean(-1)"),
        ("return x.amax(-1, keepdim=True)", "over_all_dimensions", "x.amax()"),
        ("return x[x < 0.5]", "boundary", "x[x <= 0.5]"),
        ("return x.topk(k)[0][:, :-1]", "first_for_last", "x.topk(k)[-1]"),
        ("return x[1:]", "first_for_last", "x[:-1]"),
        ("return x[:k]", "other_part", "x[k:]"),
        ("return x / (v + eps).sqrt()", "outside_for_inside", "v.sqrt() + eps"),
        ("return torch.log(v + eps)", "outside_for_inside", "torch.log(v) + eps"),
        ("return -x.log()", "sign_left_out", "x.log()"),
        ("return x.log()", "log2_for_log", "x.log2()"),
        ("return x.transpose(1, 2)", "reshaped_for_transposed", "x.reshape(x.transpose(1, 2).shape)"),
        ("return x @ x.mT", "transposition_left_out", "x @ x"),
        ("return x[:, None, 0]", "new_dimension_elsewhere", "x[None, :, 0]"),
        ("return x.masked_fill(m, 0)", "mask_inverted", "x.masked_fill(~m, 0)"),
        ("return x.tril()", "diagonal_moved", "x.tril(1)"),
        ("return x.tril()", "triu_for_tril", "x.triu()"),
        ("return x.masked_fill(m, -torch.inf)", "large_number_for_infinity", "-1000000000.0"),
        ("return F.dropout(x, p)", "other_probability", "F.dropout(x, 1 - p)"),
        ("return F.dropout(x, p)", "dropout_left_out", "x"),
        ("return x.clamp(min=0)", "clamp_left_out", "x"),
        ("return x.clamp(min=0)", "in_place", "x.clamp_(min=0)"),
        ("return x.argmax(-1)", "other_tie", "last_argmax(x, -1)"),
        ("return max(x, key=len)", "other_tie", "max([*x][::-1], key=len)"),
        ("return torch.rand(3, generator=g)", "generator_left_out", "torch.rand(3)"),
        ("return torch.zeros(3, device=device)", "device_left_out", "torch.zeros(3)"),
        ("return x.float()", "float_left_out", "x"),
        ("return a and not b", "other_operator", "a or not b"),
        ("return [i for i in x if i]", "condition_left_out", "[i for i in x]"),
        ("return ' '.join(x)", "empty_text", "''.join"),
        ("return x * 0.5", "right_side_left_out", "x"),
        ("return attend(q, k)", "arguments_exchanged", "attend(k, q)"),
        ("if x is None: raise ValueError\nreturn x", "branch_left_out", "if False:"),
        ("for i in x:\n    y += i\nreturn y", "round_left_out", "for i in [*x][1:]:"),
        ("for i in x:\n    y += i\nreturn y", "overwritten", "y = i"),
        ("x = x + 1\nreturn x", "in_place", "x += 1"),
        ("x = x + 1\nreturn x", "step_left_out", "pass"),
        ("model.eval()\nreturn x", "step_left_out", "pass"),
        ("while True:\n    break", "goes_on", "pass"),
        ("with torch.no_grad():\n    return x", "gradients_kept", "if True:"),
        ("return out, weights", "other_order", "(weights, out)"),
    ],
)
def test_a_slip_is_made(body, slip, after):
    made = slips_in(body)
    assert after in {change.split(" → ")[1].removeprefix("return ") for change in made[slip]}


def test_an_argument_with_a_default_is_ignored_once_and_others_are_not():
    made = slips_in("return x * eps", "x, eps=1e-5, *, base=2.0")
    assert made["eps_ignored"] == ["f: eps_ignored"] and "base_ignored" in made and "x_ignored" not in made


def test_an_argument_is_fixed_at_its_value_in_the_first_case():
    assert "k_fixed" in slips_in("return x[:k]", "x, k", {"k": 3}) and "k_fixed" not in slips_in("return x[:k]", "x, k")


def test_a_gradient_is_lost_where_the_docstring_speaks_of_it_and_in_every_forward():
    assert "gradient_lost" not in slips_in("return x")
    assert "gradient_lost" in slips_in("return x", doc="The gradient reaches x.")
    module = "class M(nn.Module):\n    def __init__(self):\n        pass\n    def forward(self, x):\n        return x"
    assert [m.change for m in mutants_of(module, "M", {}) if m.slip == "gradient_lost"] == [
        "return x → return detached(x)"
    ]


def test_half_precision_is_lost_where_the_docstring_speaks_of_it():
    assert "float32_for_half" not in slips_in("return x")
    assert "float32_for_half" in slips_in("return x", doc="float16 comes back as float16.")


def test_annotations_messages_and_docstrings_are_left_alone():
    source = "def f(x: 'Tensor[3]') -> 'Tensor[4]':\n    '''Takes 5.'''\n    raise ValueError(f'{x + 1} is not 2')"
    assert mutants_of(source, "f", {}) == []


def test_a_small_change_is_shown_with_what_it_is_in_and_no_program_is_made_twice():
    mutants = mutants_of("def f(x):\n    return torch.where(x > 0, x, 1)", "f", {})
    assert "torch.where(x > 0, x, 1) → torch.where(x > 0, x, 2)" in [mutant.change for mutant in mutants]
    assert len({mutant.source for mutant in mutants}) == len(mutants)
