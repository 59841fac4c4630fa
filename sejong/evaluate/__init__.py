"""Measure a model: bits per byte beside baselines, retrieval and refusal, samples."""
