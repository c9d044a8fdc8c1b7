"""Composition predictors: a property from a formula alone, in a millisecond, with an interval that was checked on left-out formulas."""
