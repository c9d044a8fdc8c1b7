"""Judging generated crystals: what any generator wrote, read, measured and compared, every share with its interval."""
