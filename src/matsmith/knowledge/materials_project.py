"""The Materials Project's entries for a chemical system, live through its own client or from the last answer kept.

Energies are those of the PBE and PBE+U calculations with the project's 2020 corrections (Wang et al. 2021, Sci. Rep. 11,
15496), as the server gives them. The default of the service mixes in r2SCAN energies; they are another method and are not
asked for. CHGNet is trained on this very scale, so that its energies stand beside these without any correction.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError
from matsmith.knowledge.formulas import reduced_key


class MaterialsProjectError(DataError):
    """The Materials Project cannot be asked, or did not answer with entries."""


THERMO_TYPE = "GGA_GGA+U"
FRESH_FOR = timedelta(days=30)
"""A kept answer older than this is asked for anew; where that fails it is used with its date."""
QUIET_S = 300.0
"""After a failure the server is left alone for so long: a run judges many candidates and must not wait for each."""
_failures: dict[tuple[str | None, str], tuple[float, MaterialsProjectError]] = {}
_STATUS = re.compile(r"status code (\d{3})")


@dataclass(frozen=True, kw_only=True)
class ProjectEntries:
    """The entries of a chemical system and all its subsystems: lowest energy of each formula, and when they were taken."""

    elements: tuple[str, ...]
    energies_ev_per_atom: Mapping[str, float]
    date: str

    def elemental_energies(self) -> dict[str, float]:
        """Return the energy of each element's lowest phase in eV/atom. Raises `MaterialsProjectError` when one is missing."""
        missing = [symbol for symbol in self.elements if symbol not in self.energies_ev_per_atom]
        if missing:
            raise MaterialsProjectError(
                f"The Materials Project's answer has no phase of pure {missing[0]}.",
                hint="The next source of reference phases is used.",
            )
        return {symbol: self.energies_ev_per_atom[symbol] for symbol in self.elements}


def project_entries(
    elements: Collection[str],
    *,
    api_key: str | None,
    cache_dir: Path | None,
    endpoint: str | None = None,
    timeout_s: float = 60.0,
    now: datetime | None = None,
) -> ProjectEntries:
    """Return the entries of a system: kept ones while fresh, else from the server, else kept ones whatever their age.

    Raises `MaterialsProjectError` when there is neither key nor kept answer, the client is not installed, or the server
    refuses, fails or does not answer in time; `retryable` says whether it may work later.
    """
    system = tuple(check_elements(elements))
    path = None if cache_dir is None else cache_dir / "materials_project" / f"{'-'.join(sorted(system))}.json"
    kept = None if path is None else _read(path, system=system)
    moment = now or datetime.now(UTC)
    if kept is not None and moment - datetime.fromisoformat(kept.date) < FRESH_FOR:
        return kept
    try:
        energies = _ask_unless_quiet(system, api_key=api_key, endpoint=endpoint, timeout_s=timeout_s)
    except MaterialsProjectError:
        if kept is not None:
            return kept
        raise
    found = ProjectEntries(
        elements=system, energies_ev_per_atom=energies, date=moment.isoformat(timespec="seconds")
    )
    found.elemental_energies()
    if path is not None:
        _write(path, found)
    return found


def recent_failure(api_key: str | None, *, endpoint: str | None = None) -> MaterialsProjectError | None:
    """Return why the server is left alone at present, or None when it would be asked."""
    moment, last = _failures.get((endpoint, api_key or ""), (0.0, None))
    return last if last is not None and time.monotonic() - moment < QUIET_S else None


def _ask_unless_quiet(
    elements: tuple[str, ...], *, api_key: str | None, endpoint: str | None, timeout_s: float
) -> dict[str, float]:
    if not api_key:
        raise MaterialsProjectError(
            "There is no key for the Materials Project.",
            hint="Set MP_API_KEY to use its phases as references.",
        )
    last = recent_failure(api_key, endpoint=endpoint)
    if last is not None:
        raise MaterialsProjectError(last.message, hint=last.hint, retryable=last.retryable)
    try:
        return _ask_in_time(elements, api_key=api_key, endpoint=endpoint, timeout_s=timeout_s)
    except MaterialsProjectError as error:
        _failures[endpoint, api_key] = (time.monotonic(), error)
        raise


def _ask_in_time(
    elements: tuple[str, ...], *, api_key: str, endpoint: str | None, timeout_s: float
) -> dict[str, float]:
    """Ask in a thread of its own: the client has no limit on time, and a server that hangs must not hold up a run."""
    answer: dict[str, float] = {}
    failure: list[BaseException] = []

    def ask() -> None:
        try:
            answer.update(_ask(elements, api_key=api_key, endpoint=endpoint))
        except BaseException as error:  # noqa: BLE001 (handed over to the caller, who raises it)
            failure.append(error)

    worker = threading.Thread(target=ask, name="materials-project", daemon=True)
    worker.start()
    worker.join(timeout_s)
    if worker.is_alive():
        raise MaterialsProjectError(
            f"The Materials Project did not answer in {timeout_s:g} s.",
            hint="Try again later.",
            retryable=True,
        )
    if failure:
        raise failure[0]
    return answer


def _ask(elements: tuple[str, ...], *, api_key: str, endpoint: str | None) -> dict[str, float]:
    try:
        from mp_api.client import MPRester  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from mp_api.client.core.exceptions import (  # pyright: ignore[reportMissingImports]
            MPRestError,  # pyright: ignore[reportUnknownVariableType]
        )
    except ImportError as error:
        raise MaterialsProjectError(
            "The Materials Project's client is not installed.",
            hint='Install it: pip install mp-api "boto3>=1.40".',
        ) from error
    import requests

    client: Any = cast("Any", MPRester)
    refusal = cast("type[Exception]", MPRestError)
    try:
        with client(api_key, endpoint=endpoint, mute_progress_bars=True, notify_db_version=False) as session:
            entries: list[Any] = session.get_entries_in_chemsys(
                list(elements), additional_criteria={"thermo_types": [THERMO_TYPE]}
            )
    except (refusal, requests.RequestException, OSError, ValueError) as error:
        raise _explain(error) from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise MaterialsProjectError(
            "The Materials Project's answer is not one that its client understands.",
            hint="Update mp-api.",
            retryable=True,
        ) from error
    lowest: dict[str, float] = {}
    for entry in entries:
        key = reduced_key({str(symbol): float(amount) for symbol, amount in entry.composition.items()})
        energy = float(entry.energy_per_atom)
        lowest[key] = min(energy, lowest.get(key, energy))
    return lowest


def _explain(error: Exception) -> MaterialsProjectError:
    text = " ".join(str(error).split())
    status = _STATUS.search(text)
    code = int(status[1]) if status else 0
    if code in (401, 403) or "api key" in text.lower():
        return MaterialsProjectError("The Materials Project refused the key.", hint="Check MP_API_KEY.")
    if code == 429 or "too many 429" in text:
        return MaterialsProjectError(
            "The Materials Project limits how often it is asked.",
            hint="Try again in a few minutes.",
            retryable=True,
        )
    if (
        isinstance(error, OSError) and code == 0
    ):  # what the client's transport raises, time-outs and names included
        return MaterialsProjectError(
            "The Materials Project cannot be reached.", hint="Check the network.", retryable=True
        )
    return MaterialsProjectError(
        f"The Materials Project could not be asked: {text[:200].rstrip('.')}.",
        hint="Check the network.",
        retryable=code == 0 or code >= 500,
    )


def _read(path: Path, *, system: tuple[str, ...]) -> ProjectEntries | None:
    """Return a kept answer, or None when there is none or it is damaged (the server is then asked)."""
    try:
        held: Any = json.loads(path.read_text(encoding="utf-8"))
        energies = {str(key): float(value) for key, value in held["energies_ev_per_atom"].items()}
        if held["thermo_type"] != THERMO_TYPE or tuple(held["elements"]) != system:
            return None
        if datetime.fromisoformat(held["date"]).tzinfo is None:
            return None
        return ProjectEntries(elements=system, energies_ev_per_atom=energies, date=held["date"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, entries: ProjectEntries) -> None:
    """Keep an answer; a folder that cannot be written only means that the server is asked again."""
    text = json.dumps(
        {
            "source": "Materials Project, CC BY 4.0",
            "thermo_type": THERMO_TYPE,
            "date": entries.date,
            "elements": list(entries.elements),
            "energies_ev_per_atom": dict(sorted(entries.energies_ev_per_atom.items())),
        }
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8"
        ) as target:
            target.write(text)
        Path(target.name).replace(path)
    except OSError:
        return
