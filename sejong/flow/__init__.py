"""Artifacts on disk: identity, manifest, cache, atomic commit, resume, progress."""

from sejong.flow.artifact import Artifact, SourceFile, the_only
from sejong.flow.files import atomic, scratch, sha256_file

__all__ = ["Artifact", "SourceFile", "atomic", "scratch", "sha256_file", "the_only"]
