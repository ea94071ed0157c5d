"""What graders run: lesson → notebook (`build`), are the checks any good (`verify`), submission → marks (`grade`)."""
