"""Interatomic potentials behind one interface, and the checks every one of them must pass."""
