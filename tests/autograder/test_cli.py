"""The command line: exit codes that scripts can trust, and messages that name what to do."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from autograder.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
SOLUTIONS = Path(__file__).parent.parent / "lessons"
COMMANDS = ("build", "verify", "release", "collect", "grade", "return", "report", "replay", "doctor")


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)], ids=" ".join)
def test_help_is_there_for_everything(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert "usage: autograder" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["marzipan"], ["grade"], ["build", "--marzipan"], ["grade", "x", "--jobs", "many"]]
)
def test_wrong_usage_is_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["build", "marzipan"], "There is no lesson 'marzipan'"),
        (["verify", "marzipan"], "There are: 90_sample"),
        (["grade", "no_such_folder"], "is not a folder"),
        (["grade", ".", "--jobs", "0"], "--jobs must be at least 1"),
        (["grade", "."], "There are no submissions"),
    ],
)
def test_what_makes_no_sense_is_2_with_a_sentence(arguments, sentence, solutions, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty") if a == "." else a for a in arguments]
    assert main([*arguments, "--solutions", str(solutions)]) == 2
    assert sentence in capsys.readouterr().err


COURSE_COMMANDS = (
    "build", "verify", "release 90_sample --to x", "collect submitted --from folder", "grade submitted",
    "return 90_sample --for canvas", "replay ada entropy",
)  # fmt: skip


@pytest.mark.parametrize("command", COURSE_COMMANDS)
def test_every_command_says_where_it_looked_for_the_course_and_ends_with_2(command, tmp_path, monkeypatch, capsys):
    (tmp_path / "submitted").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 2
    assert f"There is no course in {tmp_path}, nor in any folder above it" in capsys.readouterr().err
    assert main([*command.split(), "--course", "typo"]) == 2
    assert f"There is no course in {tmp_path / 'typo'}" in capsys.readouterr().err
    monkeypatch.setenv("COURSE", str(tmp_path / "moved"))
    assert main(command.split()) == 2
    assert "named by the environment variable COURSE" in capsys.readouterr().err


def test_build_writes_then_has_nothing_to_do_then_notices_a_change(solutions, tmp_path, capsys):
    command = ["build", "--course", str(solutions.parent)]
    assert main([*command, "--check"]) == 1
    assert not (tmp_path / "notebooks").exists()
    assert main(command) == 0
    assert capsys.readouterr().out.count("wrote: ") == 3
    assert main(command) == 0
    assert capsys.readouterr().out == ""
    assert main([*command, "--check"]) == 0
    lesson = solutions / "90_sample.py"
    lesson.write_text(lesson.read_text(encoding="utf-8") + "\n# %%\nprint(1)\n", encoding="utf-8")
    assert main([*command, "--check"]) == 1
    notebook = tmp_path / "notebooks" / "90_sample.ipynb"
    assert f"differs: {notebook}" in capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out == f"wrote: {notebook}\n"


def test_an_authoring_error_is_1_with_the_line_and_builds_nothing(solutions, tmp_path, capsys):
    path = solutions / "90_sample.py"
    path.write_text(path.read_text(encoding="utf-8").replace("points=2", "pionts=2"), encoding="utf-8")
    assert main(["build", "--course", str(solutions.parent)]) == 1
    assert f"{path}:" in capsys.readouterr().err
    assert not (tmp_path / "notebooks").exists()
    assert main(["verify", "--solutions", str(solutions)]) == 1


def test_verify_is_0_when_all_hold_and_1_when_one_does_not(solutions, capsys):
    assert main(["verify", "--solutions", str(solutions)]) == 0
    assert "100 %" in capsys.readouterr().out
    path = solutions / "90_sample.py"
    judge = 'judge_draws(case["probs"], case["n"], got)'
    path.write_text(path.read_text(encoding="utf-8").replace(judge, "True"), encoding="utf-8")
    assert main(["verify", "--solutions", str(solutions)]) == 1
    assert "✗ sample.draw: mistake uniform, public" in capsys.readouterr().out


def test_verify_without_anything_to_verify_is_wrong_usage(solutions, capsys):
    path = solutions / "90_sample.py"
    header, cells = path.read_text(encoding="utf-8").split("\n# %%", 1)
    path.write_text(f"{header}\n# %%{cells.split('# %%', 1)[0]}", encoding="utf-8")
    assert main(["verify", "--solutions", str(solutions)]) == 2
    assert f"There is no exercise to verify in {solutions}" in capsys.readouterr().err
    path.unlink()
    assert main(["verify", "--solutions", str(solutions)]) == 2
    assert "has no lesson files" in capsys.readouterr().err


def test_what_is_no_folder_of_submissions_is_2_and_says_how_to_make_one(solutions, tmp_path, capsys):
    (tmp_path / "turned" / "90_sample" / "ada").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("Ada Lovelace_12345_assignsubmission_file_/90_sample.ipynb", "{}")
    for name, sentence in (("turned", "the wrong way round"), ("class.zip", "class.zip --from moodle")):
        assert main(["grade", str(tmp_path / name), "--solutions", str(solutions)]) == 2
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "gradebook.db").exists() and not (tmp_path / ".grading").exists()


def test_grade_is_0_for_a_whole_class_and_1_when_one_is_left(solutions, tmp_path, hand_in, solved, sandbox, capsys):
    submitted = tmp_path / "submitted"
    hand_in(submitted, "ada", solved())
    command = ["grade", str(submitted), "--solutions", str(solutions), "--seed", "1", "--sandbox", sandbox]
    assert main(command) == 0
    assert "13/16" in capsys.readouterr().out
    for name in ("gradebook.db", "grades.csv", "results.jsonl", "feedback", "autograded"):
        assert (tmp_path / name).exists()
    hand_in(submitted, "ben", "{")
    assert main(command) == 1
    assert "ben / 90_sample not graded: The file is not a whole notebook" in capsys.readouterr().out.replace("\n", " ")


def test_a_gradebook_that_cannot_be_opened_is_1_with_a_sentence(solutions, tmp_path, hand_in, solved, sandbox, capsys):
    hand_in(tmp_path / "submitted", "ada", solved())
    db = f"sqlite:///{tmp_path / 'nowhere' / 'gradebook.db'}"
    command = ["grade", str(tmp_path / "submitted"), "--solutions", str(solutions), "--db", db, "--sandbox", sandbox]
    assert main(command) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_doctor_names_what_this_machine_has(capsys):
    main(["doctor"])
    out = capsys.readouterr().out
    assert "✓ Python: 3." in out and "torch" in out and "sandbox" in out


def test_the_module_runs_as_a_program():
    done = subprocess.run([sys.executable, "-m", "autograder", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "usage: autograder" in done.stdout


def test_a_gradebook_that_is_no_address_is_wrong_usage_and_a_password_is_not_shown(tmp_path, capsys):
    (tmp_path / "submitted" / "ada" / "90_sample").mkdir(parents=True)
    grade = ["grade", str(tmp_path / "submitted"), "--solutions", str(SOLUTIONS), "--db"]
    assert main([*grade, "nonsense"]) == 2
    assert "--db must be a URL" in capsys.readouterr().err
    assert main([*grade, "postgresql+psycopg://ada:marzipan@127.0.0.1:1/course"]) == 1
    said = capsys.readouterr().err
    assert "cannot be used" in said and "marzipan" not in said and "127.0.0.1" in said
