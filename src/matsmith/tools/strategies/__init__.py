"""Strategies of the generator: each is one module with one way to propose candidates, behind one protocol."""
