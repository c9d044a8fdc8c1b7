"""Reasoners: what answers the agents' typed questions, by built-in rules or through a language model's server."""
