"""A lesson, from the author's text file to what students open: read, build, verify, release, slides."""
