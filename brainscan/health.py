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

_NOT_KNOWN = "Unknown: only the database says which processes live."
_UNKNOWN = model_versions.Status(usable=False, problem="Unknown: only the database says which model is active.")


@login_not_required
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 if everything that a prediction needs is there, else 503; `problem` of each part says what is missing.

    `space` does not change the status: if the disk is almost full, uploads are refused and reading goes on.
    """
    found = report()
    usable = all(part["ready"] for name, part in found.items() if name != "space")
    answer = JsonResponse({"status": "ok" if usable else "unavailable"} | found, status=200 if usable else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark: a probe leaves no error line
    return answer


def report() -> dict[str, dict[str, Any]]:
    """What the site needs, by name: each with `ready`, and `problem` where it is not."""
    database, broker_status = _database(), broker.broker_status()
    database_ready = database["ready"]
    model = model_versions.status() if database_ready else _UNKNOWN
    return {
        "database": database,
        "broker": broker_status,
        "model": {"ready": model.usable, "label": model.label, "problem": model.problem},
        "worker": heartbeats.worker_status() if database_ready else {"ready": False, "count": 0, "problem": _NOT_KNOWN},
        "beat": heartbeats.beat_status() if database_ready else {"ready": False, "problem": _NOT_KNOWN},
        "space": _space(),
    }


def _space() -> dict[str, Any]:
    """Without the folder's name, because this address needs no login."""
    found = free_space.status()
    report = {"ready": found.enough, "free_mb": found.megabytes, "least_mb": found.least}
    return report if found.enough else report | {"problem": "The disk is almost full: uploads are refused."}


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        explained = unavailable.of_error(error)
        return {"ready": False, "problem": explained.reason if explained else "The database does not answer."}
    return {"ready": True}
