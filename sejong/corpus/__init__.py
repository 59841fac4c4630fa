"""From files to a corpus: fetch, read, identify, filter, deduplicate, redact, split."""
