"""Which packages are installed, whether they fit what matsmith asks for, and whether they are the ones it was tested with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from matsmith.app.findings import Finding, State

_MAIN_JOB = ("torch", "pymatgen.core", "spglib", "chgnet", "langgraph.graph", "scipy.spatial")
_PIN = re.compile(r"^\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;#]+)", re.MULTILINE)


def package_findings() -> Iterator[Finding]:
    """Yield a finding for each required package, each optional extra, and the imports of the main job."""
    wanted = requirements()
    pins = read_pins(Path(__file__).parents[3] / "constraints.txt")
    if not wanted:
        yield Finding(
            section="Packages",
            name="matsmith",
            state=State.WARNING,
            detail="is not installed as a package, so that its needs are not known",
            mend="pip install -e . in the source folder",
        )
    for requirement in wanted:
        if extra_of(requirement) is None:
            yield _required(requirement, pins)
    extras: dict[str, list[Requirement]] = {}
    for requirement in wanted:
        name = extra_of(requirement)
        if name is not None:
            extras.setdefault(name, []).append(requirement)
    for name, group in extras.items():
        yield _extra(name, group)
    for name in _MAIN_JOB:
        try:
            import_module(name)
        except (ImportError, OSError) as error:
            yield Finding(
                section="Packages",
                name=name,
                state=State.BAD,
                detail=f"cannot be imported: {error}",
                mend=f"pip install --force-reinstall {name.split('.')[0]}",
            )


def requirements() -> list[Requirement]:
    """Return what the installed matsmith declares that it needs; empty when it is not installed."""
    try:
        return [Requirement(line) for line in requires("matsmith") or []]
    except PackageNotFoundError:
        return []


def extra_of(requirement: Requirement) -> str | None:
    """Return the optional extra that a requirement belongs to, or None when it is always needed."""
    found = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", str(requirement.marker or ""))
    return found[1] if found else None


def read_pins(path: Path) -> dict[str, str]:
    """Return the exact versions that matsmith is tested with, by canonical name; empty outside of its source folder."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {canonicalize_name(name): pinned for name, pinned in _PIN.findall(text)}


def installed_version(name: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _required(requirement: Requirement, pins: dict[str, str]) -> Finding:
    found = installed_version(requirement.name)
    line = f'pip install "{requirement.name}{requirement.specifier}"'
    if found is None:
        return Finding(
            section="Packages", name=requirement.name, state=State.BAD, detail="is not installed", mend=line
        )
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(
            section="Packages",
            name=requirement.name,
            state=State.BAD,
            detail=f"{found}, but {requirement.specifier} is needed",
            mend=line,
        )
    pinned = pins.get(canonicalize_name(requirement.name))
    if pinned is None:
        return Finding(section="Packages", name=requirement.name, state=State.GOOD, detail=found)
    # A build tag such as +cpu is no other version.
    if Version(found).public == Version(pinned).public:
        return Finding(
            section="Packages", name=requirement.name, state=State.GOOD, detail=f"{found}, as tested"
        )
    return Finding(
        section="Packages",
        name=requirement.name,
        state=State.WARNING,
        detail=f"{found}; tested with {pinned}",
        mend=f'pip install "{requirement.name}=={pinned}"',
    )


def _extra(name: str, group: list[Requirement]) -> Finding:
    missing = [
        requirement.name
        for requirement in group
        if (found := installed_version(requirement.name)) is None
        or not requirement.specifier.contains(found, prereleases=True)
    ]
    return Finding(
        section="Optional",
        name=name,
        state=State.ABSENT if missing else State.GOOD,
        detail=f"{', '.join(missing)} missing" if missing else "installed",
        mend=f'pip install "matsmith[{name}]"' if missing else "",
    )
