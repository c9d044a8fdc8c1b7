"""Learned models: interatomic potentials, relaxation with them, and what they are trusted for."""
