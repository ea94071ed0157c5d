"""Writing files whole: whoever looks, at any instant, finds all of the old one or all of the new."""

import os
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a text file, making its folder. mode: who may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    opener = lambda name, flags: os.open(name, flags, mode)  # noqa: E731
    with open(part, "w", encoding="utf-8", errors="backslashreplace", newline="\n", opener=opener) as file:
        file.write(text)
    os.replace(part, path)
