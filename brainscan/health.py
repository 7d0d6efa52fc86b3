"""`/health/live` and `/health/ready`, for process managers and load balancers. They need no login."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from diagnosis.inference import broker, model_versions


@login_not_required
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database, broker and model are usable, else 503. `worker` tells whether one is loaded and waiting."""
    database, reached, model = _database(), broker.broker_status(), model_versions.status()
    report: dict[str, Any] = {
        "database": database,
        "broker": reached,
        "model": {"ready": model.usable, "label": model.label, "problem": model.problem},
        "worker": broker.worker_status() if reached["ready"] else {"ready": False, "count": 0},
    }
    usable = database["ready"] and reached["ready"] and model.usable
    return JsonResponse({"status": "ok" if usable else "unavailable"} | report, status=200 if usable else 503)


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return {"ready": False, "problem": "The database does not answer."}
    return {"ready": True}
