"""Processes of a pool that end with the process that started them, whatever ended it.

A worker of `concurrent.futures` waits for its next task on a pipe that it holds open itself, so that after a `kill -9` of its parent it
would wait for ever, with all its memory.
"""

from __future__ import annotations

import multiprocessing
import os
import threading

_LOOK_EVERY_S = 1.0


def end_with_parent() -> None:
    """End this process about a second after its parent has gone: to be given as `initializer` of a pool. Nothing without such a parent."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # A brother that was forked later holds the pipe by which a parent's end is heard too; its number tells it all the same.
    number = os.getppid()

    def watch() -> None:
        while parent.is_alive() and os.getppid() == number:
            parent.join(_LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
