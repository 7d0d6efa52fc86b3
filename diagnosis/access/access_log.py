"""The audit rows of a request as a whole: what it disclosed, and what it was refused.

| row | when |
| --- | --- |
| `results.viewed` | an answer told results: `predictions` names them, `cases` those of which it gave numbers |
| `picture.viewed` | an answer sent an image of a scan, large enough to read |
| `access.denied` | 403: somebody may not do this |
| `access.not_found` | 404 for an object: it does not exist, or they may not see it, which nobody is told |
| `token.refused` | 401 for an API token that is not valid |

A page is made of many requests. What an open page fetches (images, gray values, polled fragments) leaves one row for a
person and an object in ten minutes; a page or an answer to a script always leaves its own. All refusals are counted. A
person or address that has more than LOGGED_EACH in an hour gets a row, with the number, each time the number doubles,
so that nobody fills the trail by guessing.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase

from diagnosis.access import audit
from diagnosis.access.users import AnyUser
from diagnosis.access.viewing import Disclosures
from diagnosis.models import Scan

REPEAT_SECONDS = 600
"""Seconds until the same piece of a page counts as seen again."""
LOGGED_EACH = 20
"""Refusals in an hour that each leave a row."""
_HOUR = 3600

_REFUSALS = {403: "access.denied", 404: "access.not_found"}

_log = structlog.get_logger(__name__)
T = TypeVar("T")


def record(request: HttpRequest, response: HttpResponseBase, disclosed: Disclosures) -> None:
    """Write the rows of an answer that is ready to be sent."""
    if response.status_code < 300:
        _record_disclosure(request, response, disclosed)
    elif response.status_code in (401, 403, 404):
        _record_refusal(request, response.status_code)


def _record_disclosure(request: HttpRequest, response: HttpResponseBase, disclosed: Disclosures) -> None:
    if request.method == "HEAD":
        return
    read = disclosed.predictions if request.method == "GET" or _is_page(response) else disclosed.told
    results, cases, scans = read - disclosed.recorded, disclosed.counted, disclosed.scans
    if not (results or cases or scans):
        return
    user, page = request.user, _route(request)
    once = _is_piece(request, response)
    results = _remembered(user, "results", results, only_new=once)
    if results or cases:
        details = {"page": page} | ({"cases": sorted(cases)} if cases else {})
        audit.record_disclosure("results.viewed", actor=user, predictions=results, details=details)
    for scan in Scan.objects.filter(pk__in=_remembered(user, "scans", scans, only_new=True)):
        audit.record("picture.viewed", actor=user, target=scan, page=page)


def _is_page(response: HttpResponseBase) -> bool:
    return str(response.headers.get("Content-Type", "")).startswith("text/html")


def _is_piece(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer belongs to a page that is open already: browsers say so of what a page fetches."""
    content_type = str(response.headers.get("Content-Type", ""))
    fetched = request.headers.get("Sec-Fetch-Dest", "document") != "document" or "HX-Request" in request.headers
    return fetched or content_type.startswith(("image/", "application/octet-stream"))


def _remembered(user: AnyUser, object_type: str, ids: Iterable[int], *, only_new: bool) -> set[int]:
    """The ids; with `only_new` those that the person has not seen for REPEAT_SECONDS. All count as seen now."""
    keys = {f"seen:{user.pk}:{object_type}:{one}": one for one in ids}
    if not keys:
        return set()

    def known() -> set[int]:
        seen = cache.get_many(keys) if only_new else {}
        cache.set_many(dict.fromkeys(keys, 1), REPEAT_SECONDS)
        return {one for key, one in keys.items() if key not in seen}

    return _cached(known, otherwise=set(keys.values()))


def _record_refusal(request: HttpRequest, status: int) -> None:
    match = request.resolver_match
    if status == 401 and "Authorization" not in request.headers:
        return  # nobody yet: asked to log in, as pages do by leading to the login
    if status == 404 and not (match and match.kwargs and request.user.is_authenticated):
        return  # an address that does not exist
    action = _REFUSALS.get(status, "token.refused")
    who = request.user.pk or structlog.contextvars.get_contextvars().get("ip", "")
    times = _cached(lambda: _count(f"refused:{action}:{who}"), otherwise=1)
    if times <= LOGGED_EACH or times & (times - 1) == 0:
        target_type, target_id = _asked_for(match)
        seen = {"page": _route(request), "method": request.method, "times": times}
        audit.record_refusal(action, actor=request.user, target_type=target_type, target_id=target_id, **seen)


def _asked_for(match: Any) -> tuple[str, str]:
    """Type and id of the object that an address names: its first number. Text in an address is not kept."""
    numbers = ((name, str(value)) for name, value in (match.kwargs if match else {}).items())
    name, key = next(((name, key) for name, key in numbers if key.isascii() and key.isdecimal()), ("", ""))
    if name in ("pk", "object_id"):
        name = re.split(r"[-_:]", match.view_name.removeprefix("admin:diagnosis_").rpartition(":")[2])[0]
    return name.removesuffix("_id"), key


def _count(key: str) -> int:
    cache.add(key, 0, _HOUR)
    return int(cache.incr(key))


def _cached(ask: Callable[[], T], *, otherwise: T) -> T:
    """What the cache says; without one, every row is written."""
    try:
        return ask()
    except Exception as error:
        _log.warning("the cache does not answer, so each view leaves a row", error=str(error))
        return otherwise


def _route(request: HttpRequest) -> str:
    """The name of the address, which holds no text of anybody's."""
    match: Any = request.resolver_match
    return match.view_name if match else ""
