"""Conversation: one thread over the same tools as a design run, with a language model or by rules."""
