import pytest
import torch

from course_lib.figures.embeddings import answers, plane, purities, word_map


def test_the_plane_is_that_of_scikit_learns_principal_components():
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    theirs = torch.tensor(decomposition.PCA(2).fit(unit.numpy()).components_.T)
    torch.testing.assert_close(plane(vectors).abs(), theirs.abs(), atol=1e-4, rtol=0)


def test_a_map_names_a_word_of_each_kind_and_gives_each_kind_an_entry():
    vectors = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    figure = word_map(vectors, plane(vectors), ["cat", "dog", "eat"], ["noun", "noun", "verb"], "Two kinds")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["cat", "eat"]
    assert [line.get_label() for line in axis.lines] == ["noun: cat, dog …", "verb: eat …"]


def test_a_map_refuses_more_kinds_than_it_can_tell_apart():
    with pytest.raises(ValueError, match="at most 8"):
        word_map(torch.eye(9), torch.eye(9)[:, :2], list("abcdefghi"), list("abcdefghi"), "")


def test_purities_draw_a_bar_for_each_method_and_a_dot_for_each_seed():
    (axis,) = purities({"a": [0.5, 0.6], "b": [0.7, 0.9]}, 0.1, "").axes
    assert [round(bar.get_width(), 2) for bar in axis.patches] == [0.55, 0.8]
    assert list(axis.lines[0].get_xdata()) == [0.5, 0.6]


def test_answers_are_stacked_to_one():
    (axis,) = answers({"allowed": {"right": 0.2, "c": 0.8}, "not": {"right": 0.7, "c": 0.3}}, "").axes
    assert [round(bar.get_x() + bar.get_width(), 6) for bar in axis.patches] == [0.2, 0.7, 1.0, 1.0]
