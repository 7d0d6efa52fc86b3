"""A curl command for each operation, to paste into a shell where TOKEN and SITE are set."""

import json
import mimetypes
import re
from collections.abc import Sequence
from typing import Any

from diagnosis.api.reference.types import Components, Schema

_IDS = {"id": "23", "index": "0"}
_TOLD: dict[str, Any] = {
    "accession": "A1001",
    "action": "assign",
    "case": "STUDY-7",
    "case_id": 4,
    "finding": "tumor",
    "ids": [23, 24],
    "labels": ["teaching"],
    "name": "Urgent",
    "prediction": 23,
    "query": "reading=unread&sort=triage",
    "reason": "The edema was read as tumor.",
    "reference": "STUDY-9",
    "state": "signed",
    "text": "Compare with the scan of May.",
    "user": "grace",
}
"""What a field is filled with, by its name."""

_NOT_TOGETHER = frozenset({"case_id"})
"""Named by another field of the same body already, unless it is required."""


def command(
    verb: str, path: str, *, body: Schema | None, media: str, files: Sequence[str], components: Components
) -> str:
    """The command, one group of arguments a line. media: of the body. files: the types of an answer to be kept."""
    lines = ['curl -H "Authorization: Token $TOKEN"']
    if verb != "get" and not (verb == "post" and body):
        lines[0] += f" -X {verb.upper()}"
    if body and media == "multipart/form-data":
        lines.append("-F files=@slice_01.png -F files=@slice_02.png -F case=STUDY-7")
    elif body:
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(filled(body, components))}'")
    if files:
        lines[0] += _kept(path, files)
    address = re.sub(r"\{(\w+)\}", lambda part: _IDS.get(part[1], "1"), path)
    return " \\\n     ".join([*lines, f'"$SITE{address}"'])


def _kept(path: str, files: Sequence[str]) -> str:
    """Where the answer goes: under the name that the site gives it if its type varies, else under the address's."""
    if len(files) > 1:
        return " -OJ"
    name = path.strip("/").rpartition("/")[2]
    ending = ".json" if files[0].endswith("+json") else mimetypes.guess_extension(files[0]) or ".bin"
    return f" -o {'pixels' if name.startswith('{') else name}{ending}"


def filled(body: Schema, components: Components) -> dict[str, Any]:
    """A body with what is required and what people usually send."""
    required = body.get("required", [])
    return {
        name: _TOLD[name] if name in _TOLD else _first(schema, components)
        for name, schema in body["properties"].items()
        if name in required or (name in _TOLD and name not in _NOT_TOGETHER)
    }


def _first(schema: Schema, components: Components) -> Any:
    """The first allowed value, for fields whose name says nothing more."""
    whole = components.resolved(schema)
    return whole["enum"][0] if "enum" in whole else ""
