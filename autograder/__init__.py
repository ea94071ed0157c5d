"""What graders run: lesson → notebook (`build`), are the checks any good (`verify`), submission → marks (`grade`)."""

from course_lib import __version__ as __version__
