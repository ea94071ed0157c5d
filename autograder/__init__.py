"""What graders run: lesson → notebook (`build`), are the checks any good (`verify`), submission → marks (`grade`)."""

from autograder.late_grammar import build_grammar_when_asked
from course_lib import __version__ as __version__

build_grammar_when_asked()
