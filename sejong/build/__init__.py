"""The build: what was asked, resolved; the stages in order; a run's folder."""
