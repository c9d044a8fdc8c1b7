"""Molecular dynamics with LAMMPS: typed protocols, rendered to input that nobody writes freely, run in a process with limits."""
