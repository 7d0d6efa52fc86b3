"""Where to return to: the address that a request names, if it is on this site."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def safe_target(request: HttpRequest, target: str) -> str:
    """The address, or the worklist's if it leads to another site."""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else reverse("history")
