"""OpenTelemetry traces, if OTEL_EXPORTER_OTLP_ENDPOINT is set. Nothing is imported for it otherwise."""

from django.conf import settings


def start() -> None:
    """In a process that serves requests or runs tasks, once it is forked: the exporter's thread would not be there."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from brainscan import spans

        spans.start(spans.exporter())


def stop() -> None:
    """Send what is left."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from brainscan import spans

        spans.stop()
