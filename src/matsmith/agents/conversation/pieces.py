"""What a turn shows besides its words, as plain data that a terminal and a page draw alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.record import Record

Tone = Literal["plain", "heading", "quiet", "good", "bad", "unsure"]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class TextPiece(BaseModel):
    """Some lines of text. Numbers in it are filled in already; `tone` says how it is meant."""

    model_config = _STRICT

    kind: Literal["text"] = "text"
    text: str
    tone: Tone = "plain"


class TablePiece(BaseModel):
    """A small table; `note` stands below it."""

    model_config = _STRICT

    kind: Literal["table"] = "table"
    title: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class RecordPiece(BaseModel):
    """What a tool returned, whole: every number stands with its record."""

    model_config = _STRICT

    kind: Literal["record"] = "record"
    title: str = ""
    record: Record


Piece = Annotated[TextPiece | TablePiece | RecordPiece, Field(discriminator="kind")]


def says(text: str, tone: Tone = "plain") -> TextPiece:
    """A piece of text."""
    return TextPiece(text=text, tone=tone)
