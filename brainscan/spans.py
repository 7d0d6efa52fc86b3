"""Spans of requests, messages, tasks and predictions, with the ids of predictions and nothing else of a case.

OpenTelemetry's instrumentation notes addresses, queries, and the text of exceptions, which may hold file names and
references. So a span is exported with the attributes in ALLOWED only, without events and descriptions.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from celery.signals import before_task_publish, task_prerun
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, Status

from diagnosis.inference import tasks, transitions  # noqa: F401 - without its task, a message's span ends at once

ALLOWED = frozenset(
    {
        *("http.method", "http.request.method", "http.route", "http.status_code", "http.response.status_code"),
        *("celery.action", "celery.state", "celery.task_name", "messaging.operation", "error.type"),
        *("brainscan.prediction", "brainscan.request_id", "brainscan.state"),
    }
)
"""The attributes that leave, by the names that OpenTelemetry's conventions and we give them."""

_provider: TracerProvider | None = None


class AllowedAttributes(SpanExporter):
    """Exports spans with the attributes in ALLOWED and no others."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_reduced(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def exporter() -> SpanExporter:
    """To the collector that OTEL_EXPORTER_OTLP_ENDPOINT names; OpenTelemetry reads its other variables, too."""
    return OTLPSpanExporter()


def start(exporter: SpanExporter) -> None:
    """Make spans from now on. Before Django loads its middleware."""
    global _provider
    _provider = TracerProvider(resource=Resource.create({"service.name": settings.OTEL_SERVICE_NAME}))
    _provider.add_span_processor(BatchSpanProcessor(AllowedAttributes(exporter)))
    DjangoInstrumentor().instrument(tracer_provider=_provider, response_hook=_name_request)
    CeleryInstrumentor().instrument(tracer_provider=_provider)  # type: ignore[no-untyped-call]
    before_task_publish.connect(_name_message)
    task_prerun.connect(_name_task)
    transitions.ended.connect(_add_prediction)


def stop() -> None:
    """Send what is left, and make no more."""
    global _provider
    if _provider is None:
        return
    before_task_publish.disconnect(_name_message)
    task_prerun.disconnect(_name_task)
    transitions.ended.disconnect(_add_prediction)
    CeleryInstrumentor().uninstrument()  # type: ignore[no-untyped-call]
    DjangoInstrumentor().uninstrument()
    _provider.shutdown()
    _provider = None


def _reduced(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in ALLOWED},
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _name_request(span: Span, request: HttpRequest, response: HttpResponse) -> None:
    span.set_attribute("brainscan.request_id", getattr(request, "request_id", ""))
    if match := request.resolver_match:
        name = "pk" if "predictions/<int:pk>/" in match.route else "prediction_id"
        if name in match.kwargs:
            span.set_attribute("brainscan.prediction", int(match.kwargs[name]))


def _name_message(body: Any, **_: Any) -> None:
    """body: positional and named arguments of the task, then Celery's own."""
    _set_prediction(body[1])


def _name_task(kwargs: dict[str, Any], **_: Any) -> None:
    _set_prediction(kwargs)


def _set_prediction(arguments: dict[str, Any]) -> None:
    if "prediction_id" in arguments:
        trace.get_current_span().set_attribute("brainscan.prediction", arguments["prediction_id"])


def _add_prediction(*, prediction_id: int, started: datetime, finished: datetime, state: str, **_: Any) -> None:
    """A task also ends predictions that were queued after its own."""
    assert _provider is not None
    span = _provider.get_tracer("brainscan").start_span("prediction", start_time=_nanoseconds(started))
    span.set_attributes({"brainscan.prediction": prediction_id, "brainscan.state": state})
    span.end(_nanoseconds(finished))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
