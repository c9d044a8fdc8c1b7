"""JSON schemas as servers with strict output want them, and the way back.

Strict output knows neither optional fields nor maps with free keys: every property is required, `additionalProperties` is false, and
keywords for defaults and limits are refused by some servers. So a default is told in the description of its field, a map such as `{"Fe": 2.0}` is asked for as
`[{"key": "Fe", "value": 2.0}]`, and limits are left to the validation that every answer goes through anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel

Json = dict[str, Any]

_KEPT = ("type", "description", "enum", "const")
_NO_FIELDS: Mapping[str, frozenset[str]] = {}

FIELDS_SET_BY_CODE: dict[str, frozenset[str]] = {
    "DesignSpec": frozenset({"objective", "budget", "probability_met"}),
}
"""Fields of a specification that no model is asked for, because they would let it change its own limits."""


def strict_schema(model: type[BaseModel], *, omit: Mapping[str, frozenset[str]] = _NO_FIELDS) -> Json:
    """JSON schema of a model for strict output.

    `omit` names, per title of an object, fields that are left out because code sets them.
    """
    schema = model.model_json_schema()
    definitions = cast("Json", schema.pop("$defs", {}))
    result = _strict(schema, omit)
    used = {name: _strict(cast("Json", part), omit) for name, part in definitions.items()}
    reachable = _reachable(result, used)
    if reachable:
        result["$defs"] = {name: used[name] for name in sorted(reachable)}
    return result


def plain_schema(model: type[BaseModel], *, omit: Mapping[str, frozenset[str]] = _NO_FIELDS) -> Json:
    """JSON schema of a model for a reader: maps are maps and limits are stated, the fields that code sets are left out."""
    schema = model.model_json_schema()
    definitions = cast("Json", schema.get("$defs", {}))
    for part in (schema, *cast("list[Json]", list(definitions.values()))):
        left_out = omit.get(str(part.get("title")), frozenset[str]())
        for name in left_out:
            cast("Json", part.get("properties", {})).pop(name, None)
    used = _reachable({key: part for key, part in schema.items() if key != "$defs"}, definitions)
    if definitions:
        schema["$defs"] = {name: definitions[name] for name in sorted(used)}
    return schema


def without_hidden(
    data: object, *, model: type[BaseModel], omit: Mapping[str, frozenset[str]] = _NO_FIELDS
) -> object:
    """The data of a model without the fields that its schema does not show, since only code writes them; unknown fields stay."""
    if not isinstance(data, dict):
        return data
    asked = cast("Json", _schema_of(model).get("properties", {}))
    hidden = (set(model.model_fields) - set(asked)) | omit.get(model.__name__, frozenset[str]())
    kept: Json = {}
    for name, value in cast("Json", data).items():
        field = model.model_fields.get(name)
        inner = None if field is None else field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            value = without_hidden(value, model=inner, omit=omit)
        if name not in hidden:
            kept[name] = value
    return kept


def maps_from_pairs(data: object, *, model: type[BaseModel]) -> object:
    """Turn the lists of key and value of a strict answer back into maps; anything else is returned as it is."""
    schema = _schema_of(model)
    return _from_pairs(data, schema, cast("Json", schema.get("$defs", {})))


@lru_cache(maxsize=32)
def _schema_of(model: type[BaseModel]) -> Json:
    """The schema to read answers by; shared, so never changed."""
    return model.model_json_schema()


def _strict(schema: Json, omit: Mapping[str, frozenset[str]]) -> Json:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # strict output takes nothing beside a reference
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _strict(schema["allOf"][0], omit)
    result: Json = {key: schema[key] for key in _KEPT if key in schema}
    for key in ("anyOf", "oneOf"):
        if key in schema:
            result["anyOf"] = [_strict(part, omit) for part in schema[key]]
    if "items" in schema:
        result["items"] = _strict(schema["items"], omit)
    if schema.get("type") != "object":
        return result
    values = schema.get("additionalProperties")
    if "properties" not in schema and isinstance(values, dict):
        pair = {"key": {"type": "string"}, "value": _strict(cast("Json", values), omit)}
        return {**result, "type": "array", "items": _closed(pair)}
    left_out = omit.get(str(schema.get("title")), frozenset[str]())
    properties = cast("Json", schema.get("properties", {}))
    return {
        **result,
        **_closed({name: _field(part, omit) for name, part in properties.items() if name not in left_out}),
    }


def _field(schema: Json, omit: Mapping[str, frozenset[str]]) -> Json:
    """One field; its default stands in its description, since strict output asks for every field and knows no keyword for it."""
    result = _strict(schema, omit)
    default = schema.get("default")
    if "$ref" in result or default in (None, "", [], {}):
        return result
    about = f"{result['description']}; " if "description" in result else ""
    return {**result, "description": f"{about}{json.dumps(default)} unless the question says otherwise"}


def _closed(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _reachable(schema: Json, definitions: Json) -> set[str]:
    found: set[str] = set()
    waiting: list[object] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            part = cast("Json", part)
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name in definitions and name not in found:
                found.add(name)
                waiting.append(definitions[name])
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(cast("list[object]", part))
    return found


def _from_pairs(data: object, schema: Json, definitions: Json) -> object:
    if "$ref" in schema:
        schema = definitions[str(schema["$ref"]).removeprefix("#/$defs/")]
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        data = _from_pairs(data, part, definitions)
    if isinstance(data, list):
        return _list_from_pairs(cast("list[object]", data), schema, definitions)
    if isinstance(data, dict) and "properties" in schema:
        properties = cast("Json", schema["properties"])
        fields = cast("Json", data)
        return {
            name: _from_pairs(value, properties[name], definitions) if name in properties else value
            for name, value in fields.items()
        }
    return cast("object", data)


def _list_from_pairs(data: list[object], schema: Json, definitions: Json) -> object:
    if "items" in schema:
        return [_from_pairs(item, schema["items"], definitions) for item in data]
    if schema.get("type") != "object" or not isinstance(schema.get("additionalProperties"), dict):
        return data
    pairs = [cast("Json", item) for item in data if isinstance(item, dict)]
    if len(pairs) != len(data) or any(set(pair) != {"key", "value"} for pair in pairs):
        return data
    return {str(pair["key"]): pair["value"] for pair in pairs}
