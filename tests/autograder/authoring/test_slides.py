"""Slides: what of a lesson stands on them, where they are cut, and that an exercise's solution is nowhere."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograder.authoring import run_through, slides
from autograder.authoring.lesson import read_lesson
from autograder.authoring.run_through import solved_notebook
from autograder.authoring.slides import PARTS, columns, lecture, main, markdown, page


def deck(*cells: tuple) -> nbformat.NotebookNode:
    """A notebook of (source, kind of slide, extra metadata or outputs) triples; code where there are outputs."""
    made = []
    for source, kind, *rest in cells:
        cell = (
            new_code_cell(source, outputs=rest[0]) if rest and isinstance(rest[0], list) else new_markdown_cell(source)
        )
        cell.metadata = {"slideshow": {"slide_type": kind}, "course": {"role": "prose"}}
        if rest and isinstance(rest[0], dict):
            cell.metadata["course"] = rest[0]
        made.append(nbformat.from_dict(cell))
    return nbformat.v4.new_notebook(cells=made)


def text(page: slides.Page) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", block) for block in page.blocks)


@pytest.fixture
def parts(tmp_path):
    """Stand-ins for reveal.js and MathJax."""
    for path in PARTS.values():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("/* </script> */")
    return tmp_path


def test_headings_start_columns_and_slides_wherever_they_stand():
    found = columns(deck(("# A\n\na", "slide"), ("b\n\n### C\n\nc\n\n## D\n\nd\n\n```\n## not a heading\n```", "-")))
    assert [[text(page).split()[0] for page in column] for column in found] == [["A", "C"], ["D"]]
    assert "not a heading" in text(found[1][0])


def test_the_words_of_an_author_about_slides_are_followed():
    cells = [
        ("# A", "slide"),
        ("b", "skip"),
        ("c", "fragment"),
        ("say this", "notes"),
        ("d", "subslide"),
        ("e", "slide"),
    ]
    found = columns(deck(*cells))
    assert [len(column) for column in found] == [2, 1]
    assert "fragment" in found[0][0].blocks[1] and "b" not in text(found[0][0]).split()
    assert "say this" in found[0][0].notes[0]


def test_an_exercise_is_a_pause_and_the_lecture_goes_on_on_a_new_slide():
    stub = "def entropy(p):\n    '''Of each row.'''\n    # YOUR CODE HERE\n    raise NotImplementedError('later')"
    exercise = {"role": "exercise", "exercise": "sample.entropy", "stub": stub}
    found = columns(
        deck(("## Coins", "slide"), ("### Exercise", "subslide"), ("the answer", "-", exercise), ("on", "-"))
    )
    assert [page.pause for page in found[0]] == ["", "sample.entropy", ""]
    statement = text(found[0][1])
    assert "Of each row" in statement and not re.search("the answer|YOUR CODE|NotImplementedError", statement)
    assert "Coins" in text(found[0][2]) and "continued" in text(found[0][2])


def test_a_demo_shows_its_page_before_its_picture_and_its_picture_before_its_text():
    rich = {"text/html": "<b>page</b>", "image/png": "aGk=", "text/plain": "words"}
    outputs = [
        new_output("stream", name="stderr", text="a warning"),
        new_output("display_data", {"text/plain": "Using your own entropy."}, metadata={"course": "remark"}),
        new_output("stream", name="stdout", text="10 %\r100 %\n"),
        new_output("display_data", data=rich),
        new_output("display_data", data={"image/png": "aGk=", "text/plain": "figure"}),
        new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "VBox()"}),
    ]
    shown = "".join(columns(deck(("x = 1 < 2", "-", outputs)))[0][0].blocks)
    assert "<b>page</b>" in shown and "data:image/png;base64,aGk=" in shown and "100 %" in shown
    assert not re.search("words|figure|VBox|warning|Using your own|>10 %", shown)
    assert "<details>" in shown, "a picture has the slide: the code is folded"


def test_short_code_that_prints_is_open_and_its_text_is_escaped():
    outputs = [new_output("stream", name="stdout", text="<eos> & more")]
    shown = columns(deck(("print(1)", "-", outputs)))[0][0].blocks[0]
    assert "&lt;eos&gt; &amp; more" in shown and "<details>" not in shown
    assert "<details>" in columns(deck(("x = 1\n" * 20, "-", outputs)))[0][0].blocks[0]
    assert "<details>" in columns(deck(("x = 1", "-", [])))[0][0].blocks[0]


def test_links_to_lessons_become_links_to_their_slides():
    assert 'href="03_ngrams.html"' in markdown("see [n-grams](03_ngrams.ipynb)")


def test_formulas_are_left_as_they_are_for_mathjax():
    assert r"$a_1 * b_1 * c$" in markdown(r"a $a_1 * b_1 * c$ z")
    assert r"\begin{aligned} a &amp;= b" in markdown(r"$$\begin{aligned} a &= b \end{aligned}$$")


def test_a_lesson_becomes_one_page_without_solutions_checks_or_addresses(sample, parts):
    made = page(sample, columns(lecture(solved_notebook(sample, full=True))), parts)
    for hidden in ("reference_word", "BEGIN SOLUTION", "check(", "show_answer(", "NotImplementedError"):
        assert hidden not in made
    assert re.search(r"Your turn · 2\s+points · sample.entropy", made)
    assert "marzipan" in re.search(r'<aside class="notes">(.*?)</aside>', made, re.DOTALL)[1]
    assert made.count("Your turn") == len(sample.exercises)
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=[\"']?(?!data:)", made)
    assert made.count("<script>") == made.count("</script>"), "a script must not end inside of itself"


def test_without_reveal_js_the_command_says_what_to_do(capsys, tmp_path, monkeypatch, sample):
    with pytest.raises(ValueError, match="run `make slides`"):
        page(sample, [], tmp_path)
    assert main(["no_such_lesson", "--to", str(tmp_path)]) == 2
    assert "no lesson 'no_such_lesson'" in capsys.readouterr().err


def test_a_lesson_that_breaks_is_named(capsys, tmp_path, solutions):
    lesson = solutions / "90_sample.py"
    lesson.write_text(lesson.read_text().replace("coin = torch", "coin = broken + torch"))
    assert main(["--solutions", str(solutions), "--to", str(tmp_path / "slides")]) == 1
    said = capsys.readouterr().err
    assert "90_sample.py" in said and "name 'broken' is not defined" in said


@pytest.mark.slow
def test_a_lesson_is_run_once_and_a_short_training_is_said_on_every_slide(
    capsys, monkeypatch, tmp_path, sample_path, built, parts
):
    arguments = ["--course", str(built.parent), "--solutions", str(sample_path.parent), "--parts", str(parts)]
    arguments += ["--to", str(tmp_path), "--short"]
    made = tmp_path / "90_sample.html"
    assert main(arguments) == 0
    first = made.read_text(encoding="utf-8")
    assert "tensor(0.6931)" in first and '<div class="short">short training' in first

    monkeypatch.setattr(run_through, "run_through", None)  # a second run would fail
    assert main(arguments) == 0 and made.read_text(encoding="utf-8") == first
    assert '<div class="short">' not in page(read_lesson(sample_path), [], parts)


def test_where_the_text_disagrees_with_the_run_it_is_told(capsys, monkeypatch, tmp_path, sample_path, sample, parts):
    finding = "90_sample.py:7: the text says 0.69; `h` is 0.7"
    notebook = solved_notebook(sample, full=True)
    notebook.cells[-1].outputs = [new_output("stream", name="stdout", text=json.dumps([finding]))]
    monkeypatch.setattr(slides, "executed", lambda lesson, course, full: notebook if full else None)
    arguments = ["--solutions", str(sample_path.parent), "--parts", str(parts), "--to", str(tmp_path)]
    assert main(arguments) == 0
    assert f"slides: {finding}" in capsys.readouterr().err
