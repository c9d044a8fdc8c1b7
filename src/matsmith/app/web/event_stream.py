"""Server-sent events as an answer."""

from __future__ import annotations

from fastapi.responses import StreamingResponse


class EventStream(StreamingResponse):
    """A stream that a browser's EventSource reads."""

    media_type = "text/event-stream"
