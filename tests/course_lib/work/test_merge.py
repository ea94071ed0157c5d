"""What becomes of each cell when a new version of a lesson is merged into a learner's copy."""

from copy import deepcopy

import nbformat
import pytest

from course_lib.released import is_as_released, was_released
from course_lib.work.merge import first_copy, is_made_from, merge
from tests.course_lib.work.small_lesson import (
    DONE,
    STUB,
    add,
    answer,
    check,
    demo,
    edit,
    exercise,
    find,
    lesson,
    own,
    paste,
    prose,
    run,
    setup,
    texts,
    without_ids,
    without_metadata,
)

NEW_STUB = "def double(x, by=2):\n    raise NotImplementedError"
CELLS = (prose("# Doubling"), setup(), demo("show(1)"), exercise("double", STUB), check("double"), prose("The end."))
OLD = lesson(*CELLS)
NEW = lesson(*CELLS[:-1], prose("The end, after all."), version="2")


@pytest.fixture
def mine():
    """A learner's fresh copy of the lesson."""
    return first_copy(OLD)


def with_stub(stub):
    """Return the lesson with another stub of its exercise."""
    return lesson(*(exercise("double", stub) if cell["source"] == STUB else cell for cell in CELLS))


# ---- which version a copy was made from


def test_a_copy_is_the_lesson_with_a_note_of_the_cells_that_it_was_made_from(mine):
    assert mine["cells"] == OLD["cells"]
    assert mine["metadata"]["course"].items() > OLD["metadata"]["course"].items()
    assert is_made_from(mine, OLD) and not is_made_from(mine, NEW) and not is_made_from(mine, with_stub(NEW_STUB))


def test_a_new_number_of_the_version_alone_is_nothing_new(mine):
    assert is_made_from(mine, lesson(*CELLS, version="2"))


def test_a_copy_that_was_merged_is_made_from_the_new_version(mine):
    assert is_made_from(merge(mine, NEW).notebook, NEW)


def test_a_notebook_without_the_note_is_made_from_nothing_known():
    assert not is_made_from(OLD, OLD)


# ---- what is released


def test_text_demos_setup_and_checks_are_renewed_and_come_in_the_new_order(mine):
    new = lesson(
        setup("import torch, math"), prose("# More doubling"), exercise("double", STUB), check("double", "check_it()")
    )
    merged = merge(mine, new)
    assert texts(merged.notebook) == texts(new)
    assert merged.notebook["cells"] == new["cells"]
    assert (merged.tasks, merged.replaced, merged.kept) == ([], [], [])


def test_where_the_text_is_the_same_the_outputs_and_the_learners_metadata_stay(mine):
    run(mine, "show(1)", "1")
    find(mine, "show(1)")["metadata"] |= {"tags": ["mine"], "slideshow": {"slide_type": "skip"}}
    cell = find(merge(mine, NEW).notebook, "show(1)")
    assert cell["outputs"][0]["text"] == "1" and cell["execution_count"] == 3
    assert cell["metadata"]["tags"] == ["mine"]
    assert cell["metadata"]["slideshow"] == {"slide_type": "-"}, "the slides are the lesson's"


def test_where_the_text_is_another_the_outputs_go(mine):
    run(mine, "import torch", "a warning")
    new = lesson(setup("import torch, math"), *CELLS[2:])
    cell = find(merge(mine, new).notebook, "import torch, math")
    assert cell["outputs"] == [] and cell["execution_count"] is None


def test_an_edited_demo_is_as_released_again_and_that_is_said(mine):
    edit(mine, "show(1)", "show(1000)")
    merged = merge(mine, NEW)
    assert "show(1)" in texts(merged.notebook) and "show(1000)" not in texts(merged.notebook)
    assert merged.replaced == ["show(1)"]


def test_metadata_that_the_builder_sets_no_longer_go(mine):
    new = deepcopy(NEW)
    del find(new, "import torch")["metadata"]["editable"]
    assert "editable" not in find(merge(mine, new).notebook, "import torch")["metadata"]


def test_a_cell_that_is_released_no_longer_goes_if_it_is_untouched(mine):
    assert "The end." not in texts(merge(mine, NEW).notebook)


def test_a_cell_that_is_released_no_longer_stays_as_the_learners_if_they_edited_it(mine):
    edit(mine, "The end.", "The end. I want more!")
    merged = merge(mine, NEW)
    assert texts(merged.notebook)[-2:] == ["The end. I want more!", "The end, after all."]
    assert not was_released(find(merged.notebook, "The end. I want more!"))
    assert merged.kept == ["The end. I want more!"] and merged.replaced == []


def test_a_cell_that_the_learner_deleted_comes_back_with_a_new_version(mine):
    mine["cells"].remove(find(mine, "# Doubling"))
    assert texts(merge(mine, NEW).notebook)[0] == "# Doubling"


# ---- answers


def test_an_answer_stays_with_its_outputs(mine):
    edit(mine, STUB, DONE)
    run(mine, DONE, "done")
    merged = merge(mine, NEW)
    cell = find(merged.notebook, DONE)
    assert cell["outputs"][0]["text"] == "done"
    assert cell["metadata"] == find(NEW, STUB)["metadata"]
    assert merged.tasks == [] and STUB not in texts(merged.notebook)


def test_an_untouched_stub_is_renewed(mine):
    merged = merge(mine, with_stub(NEW_STUB))
    assert find(merged.notebook, NEW_STUB) and STUB not in texts(merged.notebook)
    assert merged.tasks == []


def test_an_answer_stays_when_the_task_changes_and_that_is_said(mine):
    edit(mine, STUB, DONE)
    merged = merge(mine, with_stub(NEW_STUB))
    assert find(merged.notebook, DONE) and NEW_STUB not in texts(merged.notebook)
    assert merged.tasks == ["small.double"]


def test_an_answer_that_was_kept_is_known_as_one_ever_after(mine):
    edit(mine, STUB, DONE)
    notebook = merge(mine, with_stub(NEW_STUB)).notebook
    assert not is_as_released(find(notebook, DONE))
    again = merge(notebook, lesson(*with_stub(NEW_STUB)["cells"], prose("P.S.")))
    assert find(again.notebook, DONE) and again.tasks == [], "the task is the one that was spoken of"


def test_an_answer_in_words_stays(mine):
    question, stub = prose("Why?"), answer("why")
    mine = first_copy(lesson(*CELLS, question, stub))
    edit(mine, "*Your answer.*", "Because.")
    merged = merge(mine, lesson(*CELLS, question, answer("why", "*Your answer, in two sentences.*")))
    assert texts(merged.notebook)[-2:] == ["Why?", "Because."] and merged.tasks == ["small.why"]


def test_an_answer_to_an_exercise_that_is_gone_stays_as_a_cell_of_the_learners(mine):
    edit(mine, STUB, DONE)
    merged = merge(mine, lesson(*CELLS[:3], CELLS[-1]))
    cell = find(merged.notebook, DONE)
    assert cell["metadata"] == {} and cell["id"] != "small-double-answer"
    assert texts(merged.notebook) == ["# Doubling", "import torch", "show(1)", DONE, "The end."]
    assert merged.kept == ["def double(x):"]


def test_an_answer_to_an_exercise_that_is_gone_is_not_taken_for_another_with_the_same_stub():
    mine = first_copy(lesson(answer("why"), answer("how")))
    mine["cells"][0]["source"] = "Because."
    merged = merge(mine, lesson(answer("how"), answer("when")))
    assert texts(merged.notebook) == ["Because.", "*Your answer.*", "*Your answer.*"]
    assert not was_released(merged.notebook["cells"][0])


def test_an_answer_that_was_made_a_text_cell_stays_beside_the_stub(mine):
    cell = find(mine, STUB)
    cell.update(cell_type="markdown", source=DONE)
    del cell["outputs"], cell["execution_count"]
    notebook = merge(mine, NEW).notebook
    assert texts(notebook)[2:6] == ["show(1)", DONE, STUB, 'check("small.double")']
    assert find(notebook, DONE)["metadata"] == {}


# ---- the learner's own cells


def test_own_cells_stay_behind_the_cell_that_they_followed(mine):
    add(mine, own("top", id="a1"))
    add(mine, own("try 2", id="a3"), after="show(1)")
    add(mine, own("try 1", id="a2"), after="show(1)")
    new = lesson(demo("show(1)"), prose("# Doubling"), demo("show(2)"))
    assert texts(merge(mine, new).notebook) == ["top", "show(1)", "try 1", "try 2", "# Doubling", "show(2)"]


def test_own_cells_behind_a_cell_that_goes_follow_the_nearest_that_stays(mine):
    add(mine, own("a note"), after="show(1)")
    assert texts(merge(mine, lesson(CELLS[0], CELLS[-1])).notebook) == ["# Doubling", "a note", "The end."]


def test_own_cells_behind_nothing_that_stays_come_first(mine):
    add(mine, own("a note"), after="# Doubling")
    assert texts(merge(mine, lesson(CELLS[2], CELLS[-1])).notebook) == ["a note", "show(1)", "The end."]


def test_an_own_function_with_the_name_of_a_new_exercise_stays_where_it_is(mine):
    mine["cells"].insert(3, own("def half(x):\n    return x / 2"))
    new = lesson(*CELLS, exercise("half", "def half(x):\n    raise NotImplementedError"), check("half"))
    notebook = merge(mine, new).notebook
    assert texts(notebook)[3] == texts(mine)[3] and notebook["cells"][3]["metadata"] == {}
    assert texts(notebook)[-2:] == texts(new)[-2:]


@pytest.mark.parametrize("text", ["# Doubling", "show(1)", "import torch", 'check("small.double")'])
def test_a_pasted_copy_is_the_learners_own_cell(mine, text):
    paste(mine, text)
    notebook = merge(mine, NEW).notebook
    first, second = [cell for cell in notebook["cells"] if cell["source"] == text]
    assert first["metadata"] == find(NEW, text)["metadata"]
    assert second["metadata"] == {} and second["id"] not in {cell["id"] for cell in NEW["cells"]}


def test_an_edited_copy_of_a_demo_stays(mine):
    paste(mine, "show(1)")["source"] = "show(1000)"
    merged = merge(mine, NEW)
    assert texts(merged.notebook)[2:4] == ["show(1)", "show(1000)"]
    assert (merged.replaced, merged.kept) == ([], [])


def test_a_copy_of_an_answer_stays_and_graders_still_know_what_it_answers(mine):
    paste(mine, STUB)["source"] = DONE
    merged = merge(mine, with_stub(NEW_STUB))
    assert texts(merged.notebook)[3:5] == [NEW_STUB, DONE]
    assert find(merged.notebook, DONE)["metadata"] == find(merged.notebook, NEW_STUB)["metadata"]
    assert merged.tasks == ["small.double"]


def test_a_spare_stub_is_renewed_like_the_first(mine):
    """Otherwise the old one would later be taken for an answer."""
    edit(mine, STUB, DONE)
    add(mine, deepcopy(find(OLD, STUB)) | {"id": "7b1d9e02"}, after=DONE)
    assert texts(merge(mine, with_stub(NEW_STUB)).notebook)[3:5] == [DONE, NEW_STUB]


def test_two_cells_with_one_id_get_two(mine):
    paste(mine, "show(1)", id=find(mine, "show(1)")["id"])["source"] = "show(2)"
    add(mine, own("1", id="same"))
    add(mine, own("2", id="same"))
    notebook = merge(mine, NEW).notebook
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert texts(notebook)[:2] == ["2", "1"] and texts(notebook)[4:6] == ["show(1)", "show(2)"]


def test_a_cell_that_has_become_the_learners_is_theirs_when_it_is_released_once_more(mine):
    edit(mine, "The end.", "The end. I want more!")
    without = merge(without_metadata(mine), NEW).notebook
    again = merge(without, OLD)
    assert texts(again.notebook)[-2:] == ["The end. I want more!", "The end."] and again.replaced == []


# ---- notebooks that have been through other tools


def test_without_ids_cells_are_known_by_nbgraders_and_by_their_text(mine):
    edit(mine, STUB, DONE)
    add(mine, own("a note"), after="show(1)")
    merged = merge(without_ids(mine), with_stub(NEW_STUB))
    assert texts(merged.notebook) == [*texts(OLD)[:3], "a note", DONE, *texts(OLD)[4:]]
    assert merged.notebook["nbformat_minor"] == 5
    nbformat.validate(nbformat.from_dict(merged.notebook))


def test_with_other_ids_too(mine):
    edit(mine, STUB, DONE)
    for number, cell in enumerate(mine["cells"]):
        cell["id"] = f"new-{number}"
    merged = merge(mine, NEW)
    assert texts(merged.notebook) == [DONE if text == STUB else text for text in texts(NEW)]


def test_without_ids_the_last_answer_is_the_one_that_counts(mine):
    paste(mine, STUB)["source"] = DONE
    edit(mine, STUB, "def double(x):\n    return x")
    mine["cells"].append(mine["cells"].pop(3))  # the first, moved to the end
    notebook = merge(without_ids(mine), NEW).notebook
    known = next(cell for cell in notebook["cells"] if cell["id"] == "small-double-answer")
    assert known["source"] == "def double(x):\n    return x"
    assert DONE in texts(notebook)


def test_without_metadata_cells_are_known_by_their_ids(mine):
    edit(mine, STUB, DONE)
    merged = merge(without_metadata(mine), NEW)
    assert texts(merged.notebook) == [DONE if text == STUB else text for text in texts(OLD)] + ["The end, after all."]
    assert find(merged.notebook, DONE)["metadata"] == find(NEW, STUB)["metadata"]


@pytest.mark.parametrize(
    "text", [DONE, "double = lambda x: 2 * x", "def double(x):\n    return 2 *", "class double: 3"]
)
def test_without_ids_and_metadata_answers_are_known_by_the_name_that_they_define(mine, text):
    edit(mine, STUB, text)
    add(mine, own("double == 3"), after=text)
    notebook = merge(without_ids(without_metadata(mine)), NEW).notebook
    expected = ["# Doubling", "import torch", "show(1)", text, "double == 3", 'check("small.double")']
    assert texts(notebook)[:6] == expected


def test_without_ids_and_metadata_the_last_definition_is_the_one_that_counts(mine):
    edit(mine, STUB, DONE)
    add(mine, own("def double(x):\n    return x"), after="# Doubling")
    notebook = merge(without_ids(without_metadata(mine)), NEW).notebook
    assert texts(notebook)[:5] == ["# Doubling", "def double(x):\n    return x", "import torch", "show(1)", DONE]
    assert find(notebook, DONE)["id"] == "small-double-answer"


def test_sources_may_be_lists_of_lines(mine):
    edit(mine, STUB, DONE)
    for cell in mine["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    notebook = merge(mine, NEW).notebook
    assert ["".join(source) for source in texts(notebook)] == [DONE if t == STUB else t for t in texts(NEW)]


def test_the_notebooks_own_metadata_stay_and_the_lessons_are_renewed(mine):
    mine["metadata"]["kernelspec"] = {"name": "mine", "display_name": "Mine"}
    mine["metadata"]["widgets"] = {"state": {}}
    metadata = merge(mine, NEW).notebook["metadata"]
    assert metadata["kernelspec"]["name"] == "mine" and metadata["widgets"] == {"state": {}}
    assert metadata["course"]["version"] == "2"


def test_a_notebook_without_a_kernel_gets_the_lessons(mine):
    assert merge(without_metadata(mine), NEW).notebook["metadata"]["kernelspec"] == NEW["metadata"]["kernelspec"]


def test_a_newer_format_stays(mine):
    mine["nbformat_minor"] = 9
    assert merge(mine, NEW).notebook["nbformat_minor"] == 9


def test_a_notebook_that_the_builder_did_not_make_is_never_taken_from_the_learner():
    """Somebody put a notebook of another kind into `notebooks/`: what was edited in the copy stays."""
    plain = {"cells": [own("a", id="p1"), own("b", id="p2")], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    mine = first_copy(plain)
    edit(mine, "a", "my a")
    new = {**plain, "cells": [own("a, improved", id="p1"), own("b, improved", id="p2"), own("c", id="p3")]}
    assert texts(merge(mine, new).notebook) == ["my a", "b", "c"]


def test_merging_leaves_its_arguments_as_they_are(mine):
    edit(mine, STUB, DONE)
    before = deepcopy((mine, NEW))
    merged = merge(mine, NEW)
    merged.notebook["cells"][0]["metadata"]["x"] = 1
    assert (mine, NEW) == before
