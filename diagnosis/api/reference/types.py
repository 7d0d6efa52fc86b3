"""A schema's types in words: `list of Scan`, `one of draft, signed`, `text, at most 64 characters`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

Schema = Mapping[str, Any]

_WORDS = {
    ("string", ""): "text",
    ("string", "date"): "date",
    ("string", "date-time"): "date and time",
    ("string", "uri"): "address",
    ("string", "binary"): "file",
    ("integer", ""): "whole number",
    ("number", ""): "number",
    ("boolean", ""): "true or false",
    ("object", ""): "object",
}
_LARGEST_ID = 2**63 - 1  # what the database can hold, which is no limit of the API's


@dataclass(frozen=True, slots=True)
class Type:
    """Words, perhaps the object that they lead to, what follows it, and the values if only some are allowed."""

    words: str
    object: str = ""
    after: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a member of an object. location: `path` or `query` for parameters."""

    name: str
    type: Type
    text: str
    required: bool
    location: str = ""


@dataclass(frozen=True, slots=True)
class Components:
    """The named schemas of a description."""

    schemas: Mapping[str, Schema]

    def type_of(self, schema: Schema) -> Type:
        """The type in words."""
        inner = self._bare(schema)
        after = [inner.after] if inner.after else []
        after += ["or null"] if schema.get("nullable") and inner.after != "or null" else []
        return replace(inner, after=", ".join([*after, *_limits(schema)]))

    def fields(self, schema: Schema) -> tuple[Field, ...]:
        """The members of an object."""
        required = schema.get("required", ())
        return tuple(
            Field(name, self.type_of(member), plain(member.get("description", "")), name in required)
            for name, member in schema.get("properties", {}).items()
        )

    def resolved(self, schema: Schema) -> Schema:
        """The schema that a reference names; any other as it is."""
        return self.schemas[_name(schema["$ref"])] if "$ref" in schema else schema

    def _bare(self, schema: Schema) -> Type:
        if "$ref" in schema:
            return self._named(_name(schema["$ref"]))
        if choices := schema.get("allOf") or schema.get("oneOf"):
            return self._chosen(choices)
        if "enum" in schema:
            return Type("one of", values=tuple(map(str, schema["enum"])))
        if schema.get("type") == "array":
            return self._listed(schema)
        if isinstance(of := schema.get("additionalProperties"), Mapping) and of:
            each = self._bare(of)
            return replace(each, words=f"object, each member {each.words}".rstrip())
        json_type, form = schema.get("type", ""), schema.get("format", "")
        return Type(_WORDS.get((json_type, form)) or _WORDS.get((json_type, ""), "anything"))

    def _named(self, name: str) -> Type:
        schema = self.schemas[name]
        if "enum" in schema:
            return Type("one of", values=tuple(map(str, schema["enum"])))
        if name.startswith("Paginated"):
            return replace(self._bare(schema["properties"]["results"]["items"]), words="page of")
        return Type("", object=name)

    def _chosen(self, choices: list[Schema]) -> Type:
        """One of several schemas; drf-spectacular writes enumerations that may be empty or null like this."""
        whole, empty, null = [], False, False
        for choice in choices:
            allowed = self.resolved(choice).get("enum")
            empty, null = empty or allowed == [""], null or allowed == [None]
            whole += [choice] if allowed not in ([""], [None]) else []
        return replace(self._bare(whole[0]), after="or null" if null else "or empty" if empty else "")

    def _listed(self, schema: Schema) -> Type:
        each, size = self._bare(schema["items"]), schema.get("minItems")
        if each.values:
            return replace(each, words="any of")
        count = f"{size} " if size and size == schema.get("maxItems") else ""
        several = each.words + "s" if each.words in _WORDS.values() else each.words
        return replace(each, words=f"list of {count}{several}".rstrip())


def shown(name: str, schema: Schema) -> bool:
    """Whether a named schema has a place of its own; lists of values and pages are told where they are used."""
    return "enum" not in schema and not name.startswith("Paginated")


def plain(text: str) -> str:
    """A description's paragraphs, a line each, without the list of an enumeration's values, which the type says."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("* `"))
    return re.sub(r"(?<!\n)\n(?!\n)", " ", kept).replace("\n\n", "\n").strip()


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _limits(schema: Schema) -> list[str]:
    limits = []
    if "maxLength" in schema:
        limits.append(f"at most {schema['maxLength']} characters")
    if "minimum" in schema:
        limits.append(f"at least {schema['minimum']}")
    if schema.get("maximum", _LARGEST_ID) != _LARGEST_ID:
        limits.append(f"at most {schema['maximum']}")
    if schema.get("default", "") not in ("", None):
        default = schema["default"]
        limits.append(f"default {str(default).lower() if isinstance(default, bool) else default}")
    return limits
