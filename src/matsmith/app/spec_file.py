"""Specifications as files that a person reads and edits: YAML to write, YAML or JSON to read, and what an edit has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from matsmith.core.errors import SpecError, UsageError

if TYPE_CHECKING:
    from matsmith.core.spec import DesignSpec

_LARGEST_SPEC_BYTES = 1_000_000
_YAML = (".yaml", ".yml")
_ABSENT = "nothing"


def read_spec(path: Path) -> DesignSpec:
    """Read a specification: a `DesignSpec`, or what `matsmith plan --json` prints. Raises `SpecError` that names the fault.

    A file that ends in .yaml or .yml is read as YAML, any other as JSON.
    """
    from pydantic import ValidationError

    from matsmith.core.spec import DesignSpec

    try:
        if path.stat().st_size > _LARGEST_SPEC_BYTES:
            raise SpecError(f"{path} is too large for a plan.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The plan {path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path} is no JSON: it is no text.", hint="Make one with `matsmith plan OBJECTIVE --json`."
        ) from error
    data = _yaml(text, path) if path.suffix.lower() in _YAML else _json(text, path)
    inner = cast("dict[str, Any]", data).get("spec", data) if isinstance(data, dict) else data
    try:
        return DesignSpec.model_validate(inner)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise SpecError(f"{path}: {where}: {first['msg']}.", hint="Correct it and try again.") from error


def write_spec(path: Path, spec: DesignSpec, *, note: str) -> None:
    """Write a specification in the form that its ending is read in: YAML under a note, or JSON, which holds none.

    Raises `UsageError` for a path that cannot be written.
    """
    fields = spec.model_dump(mode="json")
    text = _as_yaml(fields, note=note) if path.suffix.lower() in _YAML else _as_json(fields)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The plan cannot be written to {path}: {error.strerror}.", hint="Give another --edit-file."
        ) from error


def changes(before: DesignSpec, after: DesignSpec) -> list[str]:
    """What differs between two specifications, a line each: `targets.0.value: 150.0 -> 180.0`."""
    old, new = (dict(_leaves(spec.model_dump(mode="json"))) for spec in (before, after))
    return [
        f"{name}: {old.get(name, _ABSENT)} -> {new.get(name, _ABSENT)}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name, _ABSENT) != new.get(name, _ABSENT)
    ]


def visible_line(text: str) -> str:
    """A text from outside as one line that can be printed."""
    from matsmith.agents.report.markup import visible

    return " ".join(visible(text).split())


def _leaves(value: object, name: str = "") -> list[tuple[str, object]]:
    """Every value of nested plain data under its dotted name; lists of plain values are one value."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return [leaf for key, part in fields.items() for leaf in _leaves(part, f"{name}.{key}".lstrip("."))]
    if isinstance(value, list):
        parts = cast("list[object]", value)
        if any(isinstance(part, dict | list) for part in parts):
            return [leaf for index, part in enumerate(parts) for leaf in _leaves(part, f"{name}.{index}")]
    return [(name, cast("object", value))]


def _as_json(fields: dict[str, Any]) -> str:
    import json

    return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"


def _as_yaml(fields: dict[str, Any], *, note: str) -> str:
    import yaml

    body: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    comment = "".join(f"# {line}\n" for line in note.splitlines())
    return f"{comment}\n{body}"


def _json(text: str, path: Path) -> object:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(
            f"{path} is no JSON: {error}.", hint="Make one with `matsmith plan OBJECTIVE --json`."
        ) from error


def _yaml(text: str, path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise SpecError(
            f"{path} is no YAML: {said}.", hint="Correct it, or write the plan anew with --edit-file."
        ) from error
