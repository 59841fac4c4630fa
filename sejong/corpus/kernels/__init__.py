"""Compiled loops over the UTF-8 bytes of Arrow buffers: what the quality rules count, millions of characters a second.

Every kernel takes plain arrays, allocates its own scratch (so that any number of threads may run it) and gives up the
interpreter's lock. A position in a document is counted in bytes from the document's start and fits in 32 bits.
"""
