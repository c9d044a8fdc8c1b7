"""What the first calls of a server need, loaded while nobody waits: modules, units, the model that compares meanings and its index."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

from matsmith.core.errors import MatsmithError

if TYPE_CHECKING:
    from matsmith.core.settings import Settings

_NEEDED_SOON = (
    "matsmith.agents.session",
    "matsmith.agents.planner",
    "matsmith.agents.report.collect",
    "matsmith.agents.conversation.conversation",
    "matsmith.tools.registry",
    "pymatgen.core",
)
_QUESTION = "Which garnet conducts lithium ions best?"


def warm_up_soon(settings: Settings) -> threading.Thread:
    """Begin to load in a thread of its own, which ends with the process."""
    thread = threading.Thread(target=warm_up, args=(settings,), name="warm-up", daemon=True)
    thread.start()
    return thread


def warm_up(settings: Settings) -> None:
    """Load what the first calls need: the quick parts first, then what a question to the literature needs, by asking one."""
    for name in _NEEDED_SOON:
        importlib.import_module(name)
    from matsmith.agents.literature_answer import answer
    from matsmith.agents.session import make_reasoner
    from matsmith.core.units import registry
    from matsmith.knowledge.literature.corpus import open_corpus

    registry()
    try:
        with open_corpus(settings.library_dir) as corpus:
            answer(_QUESTION, corpus=corpus, reasoner=make_reasoner("rules", settings=settings))
    except MatsmithError:
        return  # whoever asks first is told what is wrong with the library, with what to do
