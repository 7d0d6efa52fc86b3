"""What the site answers to many requests, in a form that can be compared."""

import re

from django.db import transaction
from django.test import Client


def answers(client: Client, asked: list[tuple[str, str, dict[str, str]]]) -> dict[str, str]:
    """What each address answers: status, headers and body, without what differs from call to call."""
    return {
        f"{method} {path} {headers or ''}": answer(client, method, path, headers) for method, path, headers in asked
    }


def answer(client: Client, method: str, path: str, headers: dict[str, str]) -> str:
    with transaction.atomic():
        response = getattr(client, method.lower())(path, headers=headers)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.set_rollback(True)
    heads = sorted((name, value) for name, value in response.headers.items() if name != "Expires")
    text = f"{response.status_code} {heads}\n{body.decode('latin-1')}".replace(
        response.headers.get("X-Request-ID", "-"), ""
    )
    text = re.sub(r"saw it, [\d :-]+UTC|Free space: [\d,]+ MB", "", text)
    return re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": ?|nonce=)"[^"]*"', r"\1", text)


def difference(first: str, second: str) -> str:
    at = next((n for n, pair in enumerate(zip(first, second, strict=False)) if len(set(pair)) > 1), 0)
    return f"{first[max(at - 60, 0) : at + 30]!r} or {second[max(at - 60, 0) : at + 30]!r}"
