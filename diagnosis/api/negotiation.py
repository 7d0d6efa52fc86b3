"""Content negotiation for endpoints whose answer has one format."""

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request


class IgnoreAccept(BaseContentNegotiation):
    """Ignores the Accept header: the client gets the file, or a problem as JSON."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
