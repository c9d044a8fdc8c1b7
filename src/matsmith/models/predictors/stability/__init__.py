"""Stability from composition: three views of a formula, stacked, say how likely it lies on the hull of a database."""
