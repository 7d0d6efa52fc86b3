"""Traces: whole from a request to its prediction, and without a name in them; none where they are not asked for."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.app.trace import build_tracer
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import Client
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from brainscan import config, spans, tracing
from diagnosis.inference.broker import QUEUE, RUN_PREDICTION
from diagnosis.inference.tasks import run_prediction
from tests import builders
from tests.factories import PredictionFactory

SECRET = "Zebedee"


@pytest.fixture
def ended() -> Iterator[Callable[[], list[ReadableSpan]]]:
    """Ends the tracing that it has begun, and gives what was sent."""
    sent = InMemorySpanExporter()
    spans.start(sent)

    def end() -> list[ReadableSpan]:
        spans.stop()
        return list(sent.get_finished_spans())

    yield end
    spans.stop()


def named(found: list[ReadableSpan], name: str) -> ReadableSpan:
    [one] = [span for span in found if span.name == name]
    return one


@pytest.mark.django_db(transaction=True)
def test_one_trace_leads_from_the_upload_to_its_prediction(
    as_user: Client, valkey: Any, ended: Callable[[], list[ReadableSpan]]
) -> None:
    image = ContentFile(builders.png_bytes(builders.phantom(128)), name=f"{SECRET}.png")
    as_user.post(f"/upload/?q={SECRET}", {"case": SECRET, "files": image})
    [message] = [json.loads(raw) for raw in valkey.lrange(QUEUE, 0, -1)]
    kwargs = json.loads(message["headers"]["kwargsrepr"].replace("'", '"'))
    as_a_worker_does = build_tracer(RUN_PREDICTION, run_prediction, app=run_prediction.app)
    as_a_worker_does(message["headers"]["id"], [], kwargs, message["headers"])
    found = ended()

    request, message_span = named(found, "POST upload/"), named(found, f"apply_async/{RUN_PREDICTION}")
    task_span, prediction = named(found, f"run/{RUN_PREDICTION}"), named(found, "prediction")
    assert {span.context.trace_id for span in (request, message_span, task_span, prediction)} == {
        request.context.trace_id
    }
    for parent, child in ((request, message_span), (message_span, task_span), (task_span, prediction)):
        assert child.parent is not None and child.parent.span_id == parent.context.span_id
        assert child.attributes is not None and child.attributes["brainscan.prediction"] == kwargs["prediction_id"]
    assert prediction.attributes is not None and prediction.attributes["brainscan.state"] == "failed"  # no model here
    assert request.attributes is not None and request.attributes["brainscan.request_id"]
    assert SECRET not in "".join(span.to_json() for span in found)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "route"),
    [("/predictions/", "predictions/<int:prediction_id>/"), ("/api/v1/predictions/", "api/v1/predictions/<int:pk>/")],
)
def test_a_page_of_a_prediction_names_it_and_no_query(
    as_user: Client, user: Any, ended: Callable[[], list[ReadableSpan]], address: str, route: str
) -> None:
    prediction = PredictionFactory(scan__case__owner=user)
    assert as_user.get(f"{address}{prediction.pk}/?list=q={SECRET}").status_code == 200
    [span] = ended()
    assert span.name == f"GET {route}"
    assert span.attributes is not None and span.attributes["brainscan.prediction"] == prediction.pk
    assert 200 in span.attributes.values() and set(span.attributes) <= spans.ALLOWED
    assert SECRET not in span.to_json()


def test_spans_leave_out_the_text_of_errors() -> None:
    sent = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans.AllowedAttributes(sent)))
    with (
        pytest.raises(OSError),
        provider.get_tracer("test").start_as_current_span("reads", attributes={"path": SECRET}),
    ):
        raise OSError(f"{SECRET}.png cannot be read")
    [span] = sent.get_finished_spans()
    assert not span.status.is_ok and SECRET not in span.to_json()


@pytest.mark.django_db
def test_no_span_is_recorded_after_tracing_has_stopped(
    as_user: Client, ended: Callable[[], list[ReadableSpan]]
) -> None:
    assert ended() == []
    as_user.get("/history/")
    assert ended() == []


def test_spans_go_to_the_endpoint_in_the_environment(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(spans, "start", started.append)
    tracing.start()
    assert started == []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9"
    tracing.start()
    [exporter] = started
    assert exporter._endpoint == "http://127.0.0.1:9/v1/traces"  # type: ignore[attr-defined]
    tracing.stop()


@pytest.mark.slow
def test_opentelemetry_is_not_imported_while_tracing_is_off() -> None:
    """redis-py imports the SDK by itself where it is installed; it sends nothing."""
    code = (
        "import sys, brainscan.wsgi, brainscan.celery; ours = 'brainscan.spans', 'opentelemetry.instrumentation', "
        "'opentelemetry.exporter'; sys.exit(any(name.startswith(ours) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("endpoint", "installed", "complaint"), [("ftp://a", True, "http"), ("http://a", False, "make setup-traces")]
)
def test_a_wrong_endpoint_and_missing_packages_stop_the_start(
    endpoint: str, installed: bool, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "find_spec", lambda name: installed or None)
    with pytest.raises(ImproperlyConfigured, match=complaint):
        config.traces(endpoint)
    assert config.traces("") == ""
