"""Health checks for process managers and load balancers, without a login: `/health/live` and `/health/ready`."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from diagnosis.inference import broker, heartbeats, model_versions
from diagnosis.intake import free_space
from diagnosis.presentation import unavailable

_UNKNOWN = model_versions.Status(usable=False, problem="Unknown: only the database says which model is active.")


@login_not_required
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 if database, broker and model are usable, else 503. `worker` says whether any worker has loaded a model; it
    does not change the status, because uploads are accepted without one. Nor does `space`, which says whether uploads
    are refused because the disk is almost full: reading goes on."""
    database, broker_status = _database(), broker.broker_status()
    model = model_versions.status() if database["ready"] else _UNKNOWN
    report: dict[str, Any] = {
        "database": database,
        "broker": broker_status,
        "model": {"ready": model.usable, "label": model.label, "problem": model.problem},
        "space": _space(),
        "worker": heartbeats.worker_status() if database["ready"] else {"ready": False, "count": 0},
    }
    usable = database["ready"] and broker_status["ready"] and model.usable
    return JsonResponse({"status": "ok" if usable else "unavailable"} | report, status=200 if usable else 503)


def _space() -> dict[str, Any]:
    """Without the folder's name, as nobody has to log in here."""
    found = free_space.status()
    report = {"ready": found.enough, "free_mb": found.megabytes, "least_mb": found.least}
    return report if found.enough else report | {"problem": "The disk is almost full: uploads are refused."}


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        known = unavailable.of_error(error)
        return {"ready": False, "problem": known.reason if known else "The database does not answer."}
    return {"ready": True}
