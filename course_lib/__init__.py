"""What the lessons import: models, data, training, decoding, figures, widgets, checks. It loads nothing by itself."""

__version__ = "0.1.0"  # as in pyproject.toml; written here, too, for folders that were handed out and not installed
