"""Requests of an open upload page: announce, reload and dismiss rows, and restore the session."""

import json
import uuid
from typing import Any, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.intake import clean_name, namesakes, rejections
from diagnosis.models import UploadPreview
from diagnosis.presentation import upload_list
from diagnosis.uploads import rows as upload_rows
from diagnosis.uploads.rows import MAX_ROWS, Announced
from diagnosis.views.status import ids_in
from diagnosis.views.upload import wants_rows

_MEGABYTE = 1024 * 1024


@require_http_methods(["GET", "HEAD", "POST"])
def rows(request: HttpRequest) -> HttpResponse:
    """The list's rows, for a page that is open already. POST: announce files as `rows`, JSON; 204, or 400."""
    if request.method == "POST":
        try:
            files = _announced(json.loads(request.POST.get("rows", "")))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return HttpResponse("The list of files cannot be read.", status=400, content_type="text/plain")
        upload_rows.announce(cast(User, request.user), files=files, reference=_reference(request.POST))
        return HttpResponse(status=204)
    context = {"rows": upload_list.listing(request.user), "view": "upload"}
    return render(request, "diagnosis/_fragments/upload_rows.html", context)


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Take rows off the list: by `row`, by `key`, or with `finished` all that have a result."""
    upload_rows.dismiss(
        cast(User, request.user),
        ids=ids_in(request.POST.getlist("row")),
        keys=_keys(request.POST.getlist("key")),
        finished="finished" in request.POST,
    )
    return HttpResponse(status=204) if wants_rows(request) else redirect("upload")


@require_safe
def image(request: HttpRequest, row_id: int) -> HttpResponse:
    """The image of a row that asks about its text: JPEG, for the row's person alone. 404 once it is answered."""
    row = get_object_or_404(selectors.upload_rows(request.user), pk=row_id)
    found = UploadPreview.objects.filter(row=row).first()
    if found is None:
        raise Http404("this row has no image, or no longer")
    response = HttpResponse(bytes(found.data), content_type="image/jpeg")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def session(request: HttpRequest) -> HttpResponse:
    """Where a login leads that an open upload page asked for. For its script: who is logged in, and the new token."""
    if wants_rows(request):
        return JsonResponse({"user": request.user.pk, "name": request.user.get_username(), "token": get_token(request)})
    return render(request, "diagnosis/upload_session.html")


@require_safe
def same_name(request: HttpRequest) -> HttpResponse:
    """The question that a case reference raises if another owner's case has it; 204 if there is none."""
    try:
        namesakes.check(cast(User, request.user), reference=_reference(request.GET))
    except namesakes.ReferenceInUse as in_use:
        return render(request, "diagnosis/_fragments/namesakes.html", {"in_use": in_use})
    return HttpResponse(status=204)


def _reference(data: QueryDict) -> str:
    return data.get("case", "").strip().replace("\0", "")


def _announced(found: Any) -> list[Announced]:
    """Raises ValueError, TypeError, KeyError or OverflowError for anything but a list of files."""
    if not isinstance(found, list) or len(found) > MAX_ROWS:
        raise ValueError("not a list of files")
    return [
        Announced(
            uuid.UUID(str(one["key"])), clean_name(str(one["name"])), size := _size(one["size"]), _problem(one, size)
        )
        for one in found
    ]


def _size(value: Any) -> int:
    size = int(value)
    if not 0 <= size < 2**53:
        raise ValueError("not a size")
    return size


def _problem(one: dict[str, Any], size: int) -> tuple[str, str] | None:
    """The page itself refuses files that are too large, with the server's sentence."""
    if not one.get("too_large"):
        return None
    over = size > settings.MAX_ARCHIVE_MB * _MEGABYTE
    error = rejections.too_large(settings.MAX_ARCHIVE_MB if over else settings.MAX_UPLOAD_MB)
    return error.code, error.message


def _keys(values: list[str]) -> list[uuid.UUID]:
    found = []
    for value in values:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return found
