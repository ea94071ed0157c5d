"""The public cases travel inside an installed `course_lib`, so that a notebook alone is enough.

In this folder, and where it is installed with `-e`, they stay in `notebooks/cases`, where `autograder build` writes
them. All else about the packages is in pyproject.toml.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CASES = Path("notebooks", "cases")


class WithCases(build_py):
    """Builds the packages, and copies the public cases to `course_lib/cases`."""

    def run(self) -> None:
        """Build; an editable installation finds the cases where they are."""
        super().run()
        if not self.editable_mode:
            for source, copy in self._cases():
                self.mkpath(str(copy.parent))
                self.copy_file(str(source), str(copy))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return the files that were built."""
        return [*super().get_outputs(include_bytecode), *(str(copy) for _, copy in self._cases())]

    def _cases(self) -> list[tuple[Path, Path]]:
        to = Path(self.build_lib, "course_lib", "cases")
        return [(source, to / source.name) for source in sorted(CASES.glob("[0-9][0-9]_*.json"))]


setup(cmdclass={"build_py": WithCases})
