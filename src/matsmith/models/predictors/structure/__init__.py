"""Predictors that see the crystal and its conditions: one architecture for any property of a table with structures."""
