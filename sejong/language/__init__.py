"""What a language needs that a nation's data only names: word segmenters, scripts, sentences."""
