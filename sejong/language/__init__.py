"""What a language needs that a nation's data only names: word segmenters, scripts, sentences."""

Span = tuple[int, int]  # where a piece of a text starts and ends, in characters
