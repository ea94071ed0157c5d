"""The class on one page: marks, mistakes, what needs a look, look-alikes."""
