"""The arena: every cheat and every accident that we know, handed in by one class and graded at once (docs/arena.md)."""
