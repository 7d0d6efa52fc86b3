"""Shared by the pages with a passkey form: whether one can be used here, and answers to failures."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

from diagnosis.access import lockout, webauthn
from diagnosis.access.refusals import Refused

_LOOPBACK = ("127.0.0.1", "::1")


def passkey_form(request: HttpRequest) -> dict[str, Any]:
    """For the context of a page.

    passkeys_work: whether the address, by which the page was opened, allows passkeys. passkeys_at: where they do work,
    if it was opened by a number of this machine.
    """
    if webauthn.site_of(request) is not None:
        return {"passkeys_work": True}
    here = urlsplit(f"//{request.get_host()}")
    port = f":{here.port}" if here.port else ""
    return {"passkeys_at": f"{request.scheme}://localhost{port}" if here.hostname in _LOOPBACK else ""}


def with_error(response: HttpResponse, error: Refused | lockout.Locked) -> HttpResponse:
    """The page that says what was refused, with the status that goes with it."""
    response.status_code = 400
    if isinstance(error, lockout.Locked):
        response.status_code = 429
        response["Retry-After"] = str(error.seconds)
    return response
