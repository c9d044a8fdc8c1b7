"""Measuring the agents: tasks with answers that code checks, three ways to work on them, and what came of it.

A suite is YAML; each task is tried in a process of its own under the same limits whoever works on it. Success, and whether anything was
claimed that does not hold, is decided here from records, files and recomputation, never from what a text says of itself.
"""
