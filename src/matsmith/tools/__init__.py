"""Typed wrappers, one per capability, that an agent, a person or another program calls."""
