"""The page `/api/docs/`: the API's reference, for people."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.api import reference
from diagnosis.api.schema import ALWAYS


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters, body, answers and an example; then the objects."""
    context = {
        "reference": reference.contents(),
        "always": [(status, HTTPStatus(status).phrase) for status in ALWAYS],
        "site_address": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "diagnosis/api_docs.html", context)
