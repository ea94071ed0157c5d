"""What the course remembers between sessions on this computer: small JSON files in one folder.

The folder is `$COURSE_HOME`, or `~/.language-model-course`. Writing is atomic; a file that cannot be read is set aside,
never overwritten, and the course goes on with an empty one.
"""

import json
import os
import tempfile
import warnings
from pathlib import Path


def folder() -> Path:
    """Return the folder of the course's own files; it is made when something is saved."""
    return Path(os.environ.get("COURSE_HOME") or Path.home() / ".language-model-course")


def load(name: str) -> dict:
    """Return what was saved under this name (a file `name.json`), or {} when there is nothing, or nothing readable."""
    path = folder() / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not a JSON object")
        return content
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as problem:
        aside = path.with_suffix(".unreadable.json")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_suffix(f".unreadable-{number}.json")
        try:
            path.replace(aside)
            warnings.warn(f"{path} could not be read ({problem}). It was kept as {aside.name}.", stacklevel=2)
        except OSError:
            warnings.warn(f"{path} could not be read ({problem}).", stacklevel=2)
        return {}


def save(name: str, content: dict) -> None:
    """Save a dict of JSON values under this name. On a read-only disk it warns: a lesson must not stop for that."""
    home, text = folder(), json.dumps(content, indent=1, ensure_ascii=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=home, suffix=".part", delete=False) as part:
            part.write(text)
        os.replace(part.name, home / f"{name}.json")
    except OSError as problem:
        warnings.warn(f"Your progress could not be saved in {home}: {problem}", stacklevel=2)
