"""`/metrics` in Prometheus's text format, for clients with METRICS_TOKEN; if that is not set, there is no such page.

The site's own figures come from the database, the broker and the disk at the moment they are asked for, so every web
process tells the same. Requests are counted by the process that answers them; with several processes (WEB_CONCURRENCY)
prometheus_client adds them up through files in PROMETHEUS_MULTIPROC_DIR, which brainscan/gunicorn.py sets.
No label holds a name, a reference or an address.
"""

import hmac
import os
import shutil
from collections.abc import Callable, Iterator
from time import perf_counter

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.utils import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from brainscan import memory
from diagnosis.inference import broker, heartbeats, workload

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}

REQUESTS = Histogram(
    "brainscan_request_seconds", "Time to answer a request.", ("method", "page", "status"), buckets=_SECONDS
)


class RequestTimes:
    """Measures each request under the name of its address, never under the address itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        page = (match.view_name or match.route) if match else "unknown"
        method = request.method if request.method in _METHODS else "OTHER"
        REQUESTS.labels(method, page, response.status_code).observe(perf_counter() - begun)
        return response


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Needs `Authorization: Bearer METRICS_TOKEN`. 404 without METRICS_TOKEN, 401 for any other token."""
    if not settings.METRICS_TOKEN:
        raise Http404
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(
            "Send the token of METRICS_TOKEN.\n", "text/plain", 401, headers={"WWW-Authenticate": "Bearer"}
        )
    registry = CollectorRegistry()
    registry.register(SiteFigures())
    requests = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        requests = CollectorRegistry()
        MultiProcessCollector(requests)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry) + generate_latest(requests), CONTENT_TYPE_LATEST)


class SiteFigures(Collector):
    """Figures of the database, the broker and the disk. One that does not answer counts as down."""

    def collect(self) -> Iterator[Metric]:
        """Each metric once."""
        yield from _from_database()
        up = broker.broker_status()["ready"]
        yield _gauge("brainscan_broker_up", "1 if the broker answers.", int(up))
        yield _gauge("brainscan_messages", "Messages that wait in the broker.", broker.length() or 0 if up else 0)
        usage = shutil.disk_usage(settings.DATA_DIR)
        yield _gauge("brainscan_free_bytes", "Free space on the disk of DATA_DIR.", usage.free)
        yield _gauge("brainscan_disk_bytes", "Size of the disk of DATA_DIR.", usage.total)
        if (allocated := memory.allocated()) is not None:
            text = "What the web process that answers has allocated; the free room of its heap does not count."
            yield _gauge("brainscan_web_allocated_bytes", text, allocated)


def _from_database() -> Iterator[Metric]:
    try:
        found, workers = workload.current(), heartbeats.worker_status()
        beat = heartbeats.beat_status()
    except DatabaseError:
        yield _gauge("brainscan_database_up", "1 if the database answers.", 0)
        return
    yield _gauge("brainscan_database_up", "1 if the database answers.", 1)
    yield _gauge("brainscan_workers", "Worker processes whose heartbeat is recent.", workers["count"])
    yield _gauge("brainscan_workers_ready", "1 if a worker can predict and none says that it cannot.", workers["ready"])
    yield _gauge("brainscan_beat_up", "1 if beat runs.", beat["ready"])
    yield _gauges("brainscan_predictions", "Predictions queued and running.", ("state",), found.active)
    yield _gauge("brainscan_queue_oldest_seconds", "How long the first in the queue has waited.", found.oldest_seconds)
    minutes = f"within {workload.RECENT.total_seconds() / 60:.0f} minutes"
    yield _gauges(
        "brainscan_predictions_ended_recently",
        f"Of the newest 1,000 predictions, those that ended {minutes}.",
        ("state", "outcome"),
        found.ended,
    )
    yield _gauges("brainscan_actions_recently", f"Rows of the audit trail {minutes}.", ("action",), found.actions)
    seconds = {stage: milliseconds / 1000 for stage, milliseconds in found.stages.items()}
    yield _gauges("brainscan_stage_seconds", "Mean time of the newest 100 analyses in each stage.", ("stage",), seconds)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _gauges(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: "dict[str, int] | dict[str, float] | dict[tuple[str, str], int]",
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if isinstance(key, str) else list(key), value)
    return family
