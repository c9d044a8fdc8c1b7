from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.report.markup import Markup, anchor, element, join, visible


class Seen(HTMLParser):
    """Collects tags and text as a browser would read them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Seen:
    seen = Seen()
    seen.feed(markup)
    seen.close()
    return seen


@given(st.text(max_size=60))
def test_any_text_stays_text_in_content_and_in_attributes(text: str) -> None:
    seen = read(element("p", text, title=text))
    shown = visible(text)
    assert seen.tags == ["p"]
    assert seen.text == shown
    assert seen.attributes == [("title", shown)]


def test_only_markup_passes_unescaped() -> None:
    assert join(["<i>", Markup("<b>"), ["&", None, 3]]) == "&lt;i&gt;<b>&amp;3"


def test_invisible_characters_are_dropped_and_long_text_is_cut() -> None:
    assert visible("a\u202eb\x00c\u200bd\x1b") == "abcd"
    assert visible("µ Å³ ± −\n") == "µ Å³ ± −\n"
    assert len(visible("x" * 10_000, limit=100)) < 200


@given(st.text(max_size=80))
def test_an_anchor_needs_no_escaping(text: str) -> None:
    assert all(
        character.isascii() and (character.isalnum() or character in "-_") for character in anchor("r", text)
    )


def test_a_made_up_attribute_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no name"):
        element("a", **{"x onload": "1"})
