"""Conversations of the page: each in a thread of its own, its turns one after another, the worker shared among all."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.app.structure_text import refuse_huge
from matsmith.app.web.shared_worker import SharedExecutor, SharedWorker
from matsmith.core.errors import UsageError
from matsmith.core.executor import EndableExecutor

if TYPE_CHECKING:
    from matsmith.agents.conversation.chat_tools import Confirmation
    from matsmith.agents.conversation.conversation import Conversation
    from matsmith.agents.conversation.tool_loop import TurnEvent
    from matsmith.core.settings import Settings

MOST_OPEN = 12
CONFIRM_WITHIN_S = 600.0
_ENDS_WITHIN_S, _LOOK_EVERY_S = 5.0, 0.1
_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONG_KINDS = (".csv", ".xy", ".pdf", ".txt", ".md", ".json", ".html", ".xml", ".bib")
KINDS = (".cif", ".vasp", ".poscar", *_LONG_KINDS)


@dataclass
class Talk:
    """One conversation that is open: its own thread of the program, and the turn that it is in."""

    name: str
    executor: SharedExecutor
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="talk"))
    conversation: Conversation | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    answer: queue.Queue[bool] = field(default_factory=queue.Queue[bool])
    busy: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` once the turn was stopped."""
        if self.stopped.is_set():
            raise KeyboardInterrupt


class Threads:
    """All conversations of one person."""

    def __init__(self, *, settings: Settings, worker: SharedWorker) -> None:
        self.settings = settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._worker = worker
        self._talks: dict[str, Talk] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every conversation; what was said is kept."""
        with self._lock:
            talks = list(self._talks.values())
            self._talks.clear()
        for talk in talks:
            self._end(talk)

    def list(self) -> list[dict[str, Any]]:
        """All threads, the last spoken in first."""
        from matsmith.agents.conversation.thread_store import list_threads

        return [
            {
                "name": info.name,
                "turns": info.turns,
                "last_at": info.last_at.isoformat() if info.last_at else "",
                "last_said": info.last_said[:200],
            }
            for info in list_threads(self.settings)
        ]

    def history(self, name: str) -> list[dict[str, Any]]:
        """What was said in a thread so far; nothing for a new one."""
        from matsmith.agents.conversation.thread_store import TURNS, TurnStore, thread_folder

        path = thread_folder(name, settings=self.settings) / TURNS
        if not path.is_file():
            return []
        store = TurnStore(path)
        try:
            return [
                {
                    "seq": turn.seq,
                    "said": turn.said,
                    "answered": turn.answered,
                    "ended": turn.ended,
                    "pieces": [piece.model_dump(mode="json") for piece in turn.pieces],
                }
                for turn in store.turns(last=60)
            ]
        finally:
            store.close()

    def take_file(self, thread: str, name: str, content: bytes) -> str:
        """Keep a file for a thread; returns the name it is known by. Raises `UsageError` for a kind that nothing here reads."""
        from matsmith.agents.conversation.thread_store import thread_folder

        plain = _FILE_NAME.sub("-", Path(name).name).strip("-.")[:80] or "file"
        known = plain.lower().endswith(KINDS) or plain.upper().startswith(("POSCAR", "CONTCAR"))
        if not known:
            raise UsageError(
                f"Nothing here reads a file like {plain}.", hint=f"Send one of {', '.join(KINDS)}."
            )
        if not plain.lower().endswith(_LONG_KINDS):
            refuse_huge(content.decode("latin-1"), plain)
        folder = thread_folder(thread, settings=self.settings) / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        target, count = folder / plain, 1
        while target.exists() and target.read_bytes() != content:
            count += 1
            target = folder / f"{Path(plain).stem}-{count}{Path(plain).suffix}"
        target.write_bytes(content)
        return target.name

    def say(
        self, thread: str, text: str, *, files: Sequence[str], tell: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """Answer one thing said; `tell` hears everything as it happens. Raises `UsageError` while the last turn still runs."""
        from matsmith.agents.conversation.thread_store import thread_folder

        talk = self._talk(thread)
        if not talk.busy.acquire(blocking=False):
            raise UsageError("The last turn of this thread still runs.", hint="Wait for it, or stop it.")
        try:
            talk.stopped.clear()
            while not talk.answer.empty():
                talk.answer.get_nowait()
            uploads = thread_folder(thread, settings=self.settings) / "uploads"
            known = {path.name: path for path in uploads.glob("*")} if uploads.is_dir() else {}
            missing = [name for name in files if name not in known]
            if missing:
                raise UsageError(f"There is no file {missing[0]!r} in this thread.", hint="Send it again.")
            paths = [known[name] for name in files]
            talk.pool.submit(self._turn_of, talk, text, paths, tell).result()
        finally:
            talk.busy.release()

    def stop(self, thread: str) -> None:
        """End the turn that runs; what was said stays."""
        talk = self._talks.get(thread)
        if talk is None:
            return
        talk.stopped.set()
        talk.answer.put(False)
        limit = time.monotonic() + _ENDS_WITHIN_S
        # A calculation may be about to begin, with nothing there to be ended yet. The next turn takes the mark away.
        while talk.stopped.is_set() and talk.busy.locked() and time.monotonic() < limit:
            talk.executor.close()
            time.sleep(_LOOK_EVERY_S)

    def confirm(self, thread: str, *, yes: bool) -> None:
        """Answer what the turn waits for. Raises `UsageError` when it waits for nothing."""
        talk = self._talks.get(thread)
        if talk is None or not talk.busy.locked():
            raise UsageError("Nothing waits for an answer here.", hint="Reload the page.")
        talk.answer.put(yes)

    def _talk(self, name: str) -> Talk:
        with self._lock:
            held = self._talks.get(name)
            if held is not None:
                return held
            idle = next((talk for talk in self._talks.values() if not talk.busy.locked()), None)
            if len(self._talks) >= MOST_OPEN and idle is None:
                raise UsageError(f"{MOST_OPEN} conversations are busy.", hint="Wait for one to answer.")
            if len(self._talks) >= MOST_OPEN and idle is not None:
                del self._talks[idle.name]
                self._end(idle)
            talk = Talk(name=name, executor=self._worker.share())
            self._talks[name] = talk
            return talk

    def _turn_of(
        self, talk: Talk, text: str, files: Sequence[Path], tell: Callable[[Mapping[str, Any]], None]
    ) -> None:
        def on_event(event: TurnEvent) -> None:
            talk.check()
            tell(_as_data(event))

        def ask(question: Confirmation) -> bool:
            tell({"kind": "confirm", "sentence": question.sentence, "tool": question.tool})
            try:
                return talk.answer.get(timeout=CONFIRM_WITHIN_S)
            except queue.Empty:
                return False

        conversation = self._open(talk)
        conversation.confirm = ask
        try:
            result = conversation.say(text, files=files, on_event=on_event)
        except KeyboardInterrupt:
            # Stopped before the turn had begun to work, as while it read the files.
            tell({"kind": "failed", "text": "Stopped.", "hint": ""})
            return
        tell(
            {
                "kind": "end",
                "text": result.text,
                "ended": str(result.ended),
                "error": result.error,
                "hint": result.hint,
                "pieces": [piece.model_dump(mode="json") for piece in result.pieces],
                "runs": [path.name for path in result.runs],
                "seconds": round(result.seconds, 2),
            }
        )

    def _open(self, talk: Talk) -> Conversation:
        if talk.conversation is None:
            from matsmith.agents.conversation.conversation import Conversation
            from matsmith.agents.conversation.thread_store import thread_folder

            # A worker that a stop has ended is not tried again.
            executor = EndableExecutor(talk.executor, check=talk.check)
            folder = thread_folder(talk.name, settings=self.settings)
            if self.settings.reasoner == "rules":
                talk.conversation = Conversation(folder=folder, settings=self.settings, executor=executor)
            else:
                from matsmith.agents.reasoners.chat_model import make_chat_model
                from matsmith.agents.session import make_reasoner

                talk.conversation = Conversation(
                    folder=folder,
                    settings=self.settings,
                    model=make_chat_model(self.settings),
                    reasoner=make_reasoner(self.settings.reasoner, settings=self.settings),
                    executor=executor,
                )
        return talk.conversation

    def _end(self, talk: Talk) -> None:
        def close() -> None:
            if talk.conversation is not None:
                talk.conversation.close()

        talk.stopped.set()
        talk.answer.put(False)
        talk.executor.close()
        talk.pool.submit(close)
        talk.pool.shutdown(wait=True)


def _as_data(event: TurnEvent) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": event.kind, "text": event.text, "name": event.name}
    if event.kind == "call":
        found["arguments"] = {key: str(value)[:300] for key, value in event.arguments.items()}
    if event.reply is not None:
        found["failed"] = event.reply.failed
        found["pieces"] = [piece.model_dump(mode="json") for piece in event.reply.pieces]
    return found
