"""The API's URLs as docs and schema write them."""

import re

from django.urls import URLResolver, get_resolver


def _placeholder(part: re.Match[str]) -> str:
    return "{index}" if part[1] == "index" else "{id}"


def addresses() -> list[str]:
    """Every address of the API, as docs and schema write it: /api/v1/scans/{id}/file/."""
    api = next(one for one in get_resolver().url_patterns if str(one.pattern) == "api/v1/")
    patterns = api.url_patterns if isinstance(api, URLResolver) else []
    return sorted({"/api/v1/" + re.sub(r"<int:(\w+)>", _placeholder, str(pattern.pattern)) for pattern in patterns})
