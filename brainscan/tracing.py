"""OpenTelemetry traces, if OTEL_EXPORTER_OTLP_ENDPOINT is set. Nothing is imported for it otherwise."""

from django.conf import settings


def start() -> None:
    """Start in a process that serves requests or runs tasks. Call it after the fork, which the exporter's thread
    would not survive."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from brainscan import spans

        spans.start(spans.exporter())


def stop() -> None:
    """Send what is left."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from brainscan import spans

        spans.stop()
