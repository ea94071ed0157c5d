"""Mutants: every reference with one slip put in, by rules that know nothing of the lesson.

`verify` asks the checks about the mistakes that their authors foresaw. A mutant is a mistake that nobody foresaw: each
must fail on the public cases, and on hidden ones of ten seeds, or the lesson says why it is no mistake.
"""
