"""Where the lesson files are, without reading any: what every command begins with."""

from pathlib import Path

from course_lib.course_folder import LESSON_FILES
from course_lib.wrong_usage import WrongUsage


def find_lessons(solutions: Path, names: tuple[str, ...] = ()) -> list[Path]:
    """Return the lesson files, in order: all, or those named ("01_information" or "information").

    Raises WrongUsage when the folder has no lesson at all, or none of that name.
    """
    found = sorted(solutions.glob(LESSON_FILES))
    if not found:
        what = "has no lesson files (NN_name.py)" if solutions.is_dir() else "is not a folder"
        raise WrongUsage(f"{solutions} {what}. Lessons are read from the folder `solutions` of the course.")
    if not names:
        return found
    by_name = {path.stem: path for path in found} | {path.stem.split("_", 1)[1]: path for path in found}
    for name in names:
        if name not in by_name:
            raise WrongUsage(
                f"There is no lesson {name!r} in {solutions}. There are: {', '.join(p.stem for p in found)}."
            )
    return sorted({by_name[name] for name in names})
