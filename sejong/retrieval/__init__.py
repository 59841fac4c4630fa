"""Passages of the corpus, their BM25 index, and the decision that nothing in it fits a question."""

from sejong.retrieval.index import Hit, Index, open_index

__all__ = ["Hit", "Index", "open_index"]
