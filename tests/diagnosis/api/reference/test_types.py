"""Types of a schema, in words."""

from typing import Any

import pytest

from diagnosis.api.reference.types import Components, Type, plain, shown

VALUES = ("draft", "signed")
STATE = {"$ref": "x/State"}
COMPONENTS = Components(
    {
        "Case": {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "integer"}, "at": {"$ref": "x/At"}},
        },
        "At": {"type": "object"},
        "State": {"enum": [*VALUES], "type": "string"},
        "BlankEnum": {"enum": [""]},
        "NullEnum": {"enum": [None]},
        "PaginatedCaseList": {"type": "object", "properties": {"results": {"items": {"$ref": "x/Case"}}}},
    }
)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, Type("text")),
        ({"type": "string", "format": "binary"}, Type("file")),
        ({"type": "integer", "maximum": 2**63 - 1}, Type("whole number")),
        ({"type": "integer", "minimum": 1, "maximum": 9}, Type("whole number", after="at least 1, at most 9")),
        ({"type": "boolean", "default": False}, Type("true or false", after="default false")),
        ({"type": "string", "maxLength": 64, "nullable": True}, Type("text", after="or null, at most 64 characters")),
        ({"type": "array", "items": {"type": "number"}}, Type("list of numbers")),
        ({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}, Type("list of 4 numbers")),
        ({"type": "array", "items": {"$ref": "x/Case"}}, Type("list of", object="Case")),
        ({"type": "array", "items": {"$ref": "x/State"}}, Type("any of", values=VALUES)),
        ({"type": "object", "additionalProperties": {"type": "number"}}, Type("object, each member number")),
        ({"type": "object", "additionalProperties": {}}, Type("object")),
        ({"allOf": [{"$ref": "x/State"}], "default": "draft"}, Type("one of", after="default draft", values=VALUES)),
        ({"oneOf": [STATE, {"$ref": "x/BlankEnum"}]}, Type("one of", after="or empty", values=VALUES)),
        ({"oneOf": [STATE, {"$ref": "x/NullEnum"}], "nullable": True}, Type("one of", after="or null", values=VALUES)),
        ({"$ref": "x/PaginatedCaseList"}, Type("page of", object="Case")),
        ({}, Type("anything")),
    ],
)  # fmt: skip
def test_a_type_in_words(schema: dict[str, Any], expected: Type) -> None:
    assert COMPONENTS.type_of(schema) == expected


def test_an_object_lists_its_members_and_which_are_required() -> None:
    fields = COMPONENTS.fields(COMPONENTS.schemas["Case"])
    assert [(field.name, field.type.words, field.type.object, field.required) for field in fields] == [
        ("id", "whole number", "", True),
        ("at", "", "At", False),
    ]


def test_values_and_pages_are_told_where_they_are_used() -> None:
    assert [name for name, schema in COMPONENTS.schemas.items() if shown(name, schema)] == ["Case", "At"]


def test_the_values_of_an_enumeration_are_not_told_twice() -> None:
    assert plain("Assigned to\n\n* `me` - Me\n* `nobody` - Nobody") == "Assigned to"


def test_a_paragraph_is_a_line() -> None:
    assert plain("One\nparagraph.\n\nAnother.") == "One paragraph.\nAnother."
