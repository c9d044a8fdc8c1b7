"""One Markdown file per role: what a language model is told before it is asked."""

from __future__ import annotations

from matsmith.prompts.loader import Message, Prompt, load_prompt

__all__ = ["Message", "Prompt", "load_prompt"]
