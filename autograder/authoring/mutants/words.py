"""A mutant's slip in words that follow “a solution with one slip:”, and which of equal ones says most."""

import re

from autograder.authoring.mutants.make import Mutant

WORDS = {
    "boundary": "a comparison takes in the boundary where it should not, or leaves it out where it should not",
    "off_by_one": "a number in it is off by one",
    "other_constant": "a constant in it has another value",
    "empty_text": "a text that separates or marks something is missing",
    "sign_left_out": "a minus sign is left out",
    "negation_left_out": "a mask or a condition is not negated",
    "condition_left_out": "one of several conditions is left out",
    "always_the_first": "two cases that need different treatment are treated alike",
    "always_the_other": "two cases that need different treatment are treated alike",
    "first_for_last": "the first is taken where the last belongs, or the last where the first belongs",
    "other_part": "the other part of a sequence is taken",
    "outside_for_inside": "a small number is added outside the root or logarithm, not inside",
    "other_tie": "among equal candidates the last is taken, not the first",
    "transposition_left_out": "a transposition is left out",
    "reshaped_for_transposed": "dimensions are exchanged by a reshape, which leaves the numbers in the old order",
    "new_dimension_elsewhere": "a new dimension is put in another place, so that broadcasting goes the other way",
    "mask_inverted": "the mask is inverted",
    "diagonal_moved": "the diagonal where a triangle begins is one off",
    "large_number_for_infinity": "a large negative number is used in place of −∞",
    "other_probability": "dropout is applied with another probability than the one that is given",
    "branch_left_out": "a special case is not treated",
    "branch_always_taken": "what belongs to a special case is always done",
    "round_left_out": "the first or the last round of a loop is left out",
    "goes_on": "a loop goes on where it should stop, or skip",
    "step_left_out": "one step is left out",
    "overwritten": "a running total is overwritten in each round",
    "in_place": "a tensor is changed in place",
    "gradients_kept": "gradients are recorded where they are not wanted",
    "gradient_lost": "the result is cut off from its gradient",
    "float32_for_half": "half precision comes back as float32",
    "other_order": "the two results are returned in the other order",
}
LEFT_OUT = {
    "+": "a summand", "-": "a subtraction", "*": "a factor", "/": "a division", "@": "one side of a matrix product",
    "&": "one of two conditions", "|": "one of two conditions",
}  # fmt: skip
VAGUE = (
    "step_left_out", "branch_left_out", "branch_always_taken", "off_by_one", "always_the_first", "always_the_other",
    "other_constant", "other_operator", "round_left_out", "in_place",
)  # fmt: skip


def words_of(mutant: Mutant) -> str:
    """Return the words for a mutant's slip. They name functions and arguments, and quote no code."""
    slip = mutant.slip
    if slip in WORDS:
        return WORDS[slip]
    if slip in ("right_side_left_out", "left_side_left_out"):
        return f"{LEFT_OUT[mutant.operator]} is left out" if mutant.operator in LEFT_OUT else "a part is left out"
    if slip == "other_operator":
        return f"another operator is used in place of `{mutant.operator}`"
    if slip == "sides_exchanged":
        return f"the two sides of `{mutant.operator}` are exchanged"
    if slip == "arguments_exchanged":
        return f"two arguments of `{mutant.function}` are exchanged"
    if slip == "other_dimension":
        return f"`{mutant.function}` goes along another dimension"
    if slip == "over_all_dimensions":
        return f"`{mutant.function}` is taken over everything, not along one dimension"
    if match := re.fullmatch(r"(\w+)_for_(\w+)", slip):
        return f"`{match[1]}` is used in place of `{match[2]}`"
    if match := re.fullmatch(r"(\w+)_(left_out|ignored|fixed)", slip):
        said = {"left_out": "is left out", "ignored": "is ignored", "fixed": "always has the same value"}[match[2]]
        return f"`{match[1]}` {said}"
    raise ValueError(f"There are no words for the slip {slip!r}.")


def vagueness(mutant: Mutant) -> int:
    """Return how little the words say: of mutants with equal outcomes the one with the least is told."""
    return VAGUE.index(mutant.slip) + 1 if mutant.slip in VAGUE else 0
