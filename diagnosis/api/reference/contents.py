"""Sorts the OpenAPI schema into groups of operations and the objects that they speak of."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings

from diagnosis.api.problems import MEDIA_TYPE
from diagnosis.api.reference.examples import command
from diagnosis.api.reference.types import Components, Field, Schema, Type, plain, shown
from diagnosis.api.schema import ALWAYS


@dataclass(frozen=True, slots=True)
class Answer:
    """What may come back. type: None where there is no body."""

    status: int
    text: str
    type: Type | None
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A verb at an address. opens: the address as a link, if a browser can show it as it stands."""

    id: str
    verb: str
    path: str
    title: str
    text: str
    parameters: tuple[Field, ...]
    media: tuple[str, ...]
    body_text: str
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    example: str
    opens: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The operations on one kind of thing."""

    name: str
    text: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """A named schema."""

    name: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page."""

    groups: tuple[Group, ...]
    objects: tuple[Object, ...]


@cache
def contents() -> Reference:
    """The reference. It does not depend on who asks, so it is made once."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    components = Components(schema["components"]["schemas"])
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            by_tag[operation["tags"][0]].append(_operation(verb, path, operation, components))
    texts = {tag["name"]: tag["description"] for tag in spectacular_settings.TAGS}
    in_order = sorted(by_tag, key=list(texts).index)
    return Reference(
        groups=tuple(Group(tag, texts[tag], tuple(by_tag[tag])) for tag in in_order),
        objects=tuple(
            Object(name, plain(named.get("description", "")), components.fields(named))
            for name, named in components.schemas.items()
            if shown(name, named)
        ),
    )


def _operation(verb: str, path: str, operation: Schema, components: Components) -> Operation:
    bodies = operation.get("requestBody", {}).get("content", {})
    media = tuple(bodies)
    body = components.resolved(bodies[media[0]]["schema"]) if media else None
    answers = _answers(operation, components)
    parameters = tuple(
        Field(
            given["name"],
            components.type_of(given["schema"]),
            plain(given.get("description", "")),
            given.get("required", False),
            given["in"],
        )
        for given in operation.get("parameters", ())
    )
    return Operation(
        id=operation["operationId"],
        verb=verb,
        path=path,
        title=operation.get("summary", ""),
        text=plain(operation.get("description", "")),
        parameters=parameters,
        media=media,
        body_text=plain(body.get("description", "")) if body else "",
        body=components.fields(body) if body else (),
        answers=answers,
        example=command(verb, path, body=body, media="".join(media[:1]), files=_files(answers), components=components),
        opens=verb == "get" and "{" not in path,
    )


def _answers(operation: Schema, components: Components) -> tuple[Answer, ...]:
    """Those of this operation, without the problems that every address may answer with."""
    answers = []
    for status, answer in sorted(operation["responses"].items()):
        if int(status) in ALWAYS:
            continue
        content = answer.get("content", {})
        media = tuple(content)
        body_type = components.type_of(content[media[0]]["schema"]) if media else None
        text = answer.get("description") or HTTPStatus(int(status)).phrase
        answers.append(Answer(int(status), text, body_type, tuple(m for m in media if m != MEDIA_TYPE)))
    return tuple(answers)


def _files(answers: tuple[Answer, ...]) -> tuple[str, ...]:
    """The media types in which a file is answered; none where the answer is no file."""
    return tuple(m for answer in answers if answer.type and answer.type.words == "file" for m in answer.media)
