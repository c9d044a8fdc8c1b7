"""Measured thermochemistry: Gibbs energies of gases, solids and liquids, and equilibria between them."""
