"""Content negotiation for endpoints whose answer has one format."""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class IgnoreAccept(DefaultContentNegotiation):
    """Ignores the Accept header: the client gets the file or DICOM JSON, or a problem."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
