"""The first program of a run's process: it gives up what a run does not need, then becomes the program that it was asked for.

Run by its path with the standard library alone: `python -I -S launch.py '{"parent": 1, ...}' PROGRAM ARGUMENTS...`. It dies with the
process that started it, has limits on memory, processor time, size and number of files, leaves no core, and, where the
kernel can (Landlock), may write nowhere but in its own folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 38, 9
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
# Of the rights of Landlock's first version, those that change files: write, and remove or make any kind of entry.
_WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE, _MAKE = 1 << 1, 1 << 4, 1 << 5, 0b1111111 << 6
_CHANGES = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE


def limit(name: int, most: int) -> None:
    """Lower one limit of this process; what the system cannot limit stays as it is."""
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(name)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (bound, bound))


def die_with(parent: int) -> None:
    """Be killed when the parent goes; at once if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(70)


def write_only_in(folders: list[str]) -> bool:
    """Let this process and its children change files below these folders alone (Linux 5.13 and later); whether that holds."""
    if sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    rights = ctypes.c_uint64(_CHANGES)
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rights), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    for folder in folders:
        place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        # struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of the descriptor
        rule = bytes(ctypes.c_uint64(_CHANGES if Path(folder).is_dir() else _WRITE_FILE)) + bytes(
            ctypes.c_int32(place)
        )
        added = libc.syscall(_LANDLOCK_ADD, ruleset, 1, ctypes.c_char_p(rule), 0)
        os.close(place)
        if added < 0:
            return False
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0


def main() -> None:
    """Set the limits of the first argument and become the program of the others."""
    wanted: dict[str, Any] = json.loads(sys.argv[1])
    die_with(wanted["parent"] or os.getppid())
    limits = {
        resource.RLIMIT_AS: wanted.get("memory_bytes"),
        resource.RLIMIT_FSIZE: wanted.get("file_bytes"),
        resource.RLIMIT_CPU: wanted.get("cpu_s"),
        resource.RLIMIT_NOFILE: wanted.get("open_files"),
        resource.RLIMIT_CORE: 0,
    }
    for name, most in limits.items():
        if most is not None:
            limit(name, int(most))
    if wanted.get("writable"):
        write_only_in(list(wanted["writable"]))
    os.execve(sys.argv[2], sys.argv[2:], dict(os.environ))  # noqa: S606 - the point of this program


if __name__ == "__main__":
    main()
