"""matsmith turns a materials-design objective written in plain language into verified crystals.

    import matsmith

    result = matsmith.design("a stable binary oxide with a bulk modulus above 180 GPa", budget_s=120)
    result.to_pandas()

What a program calls stands in `matsmith.agents` and is found here under the same names; `__init__.pyi` says which.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Take what is public from `matsmith.agents` on first use: `import matsmith` alone imports nothing else."""
    if not name.startswith("_"):
        agents = import_module("matsmith.agents")
        if name in agents.__all__:
            return getattr(agents, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("matsmith.agents").__all__})
