"""One submission: read it, run it, judge it, and say so in a page."""
