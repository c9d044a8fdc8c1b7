from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.reasoners.secrets_out import Scrubber

KEY = "sk-planted-0123456789abcdef"


@given(
    st.text(alphabet="sk-pl0 x", max_size=60), st.integers(0, 60), st.lists(st.integers(1, 9), max_size=20)
)
def test_a_key_never_shows_however_it_is_cut(noise: str, at: int, cuts: list[int]) -> None:
    """Words that are released piece by piece hold no key, and nothing else is lost."""
    text = noise[:at] + KEY + noise[at:]
    scrubber = Scrubber([KEY])
    shown, waiting, position = "", "", 0
    for cut in [*cuts, len(text)]:
        waiting = scrubber.text(waiting + text[position : position + cut])
        position += cut
        held = scrubber.held_back(waiting)
        shown += waiting[: len(waiting) - held]
        waiting = waiting[len(waiting) - held :]
    shown += scrubber.text(waiting)
    assert KEY not in shown
    assert shown == text.replace(KEY, "***")


@pytest.mark.parametrize("word", ["ollama", "no-key", "x", "EMPTY"])
def test_words_that_stand_in_for_a_key_stay_in_answers(word: str) -> None:
    scrubber = Scrubber([word])
    assert scrubber.text(f"I am {word}.") == f"I am {word}."
    assert word not in scrubber.line(f"bad key {word}")


def test_what_a_server_says_becomes_one_line() -> None:
    said = Scrubber().line("no\nsuch \x1b[31mkey sk-abcdefgh" + "." * 400)
    assert "\n" not in said
    assert "\x1b" not in said
    assert "sk-abcdefgh" not in said
    assert len(said) == 300
