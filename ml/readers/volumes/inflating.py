"""Gzipped volumes, inflated within limits."""

import io
import zlib

from ml.contracts import UnreadableImage
from ml.readers.packed import InflatesTooLarge, gunzipped

MAX_INFLATED = 1_000_000_000
"""Bytes that a gzipped volume may inflate to."""
MAX_RATIO = 100
"""How many times its packed size a volume beyond _UNSUSPICIOUS may inflate to. A head in wide margins reaches 20."""
_UNSUSPICIOUS = 64_000_000


def inflate(data: bytes, *, limit: int = MAX_INFLATED) -> bytes:
    """Gunzip all members; what follows the last one is ignored, as gunzip does.

    Raises UnreadableImage with code `truncated`, `damaged` or `too_large`.
    """
    limit = min(limit, max(_UNSUSPICIOUS, MAX_RATIO * len(data)))
    size = 0
    try:
        for piece in gunzipped(data):  # before memory of that size is taken
            size += len(piece)
            if size > limit:
                raise InflatesTooLarge
        whole = io.BytesIO()
        for piece in gunzipped(data):
            whole.write(piece)
        return whole.getvalue()
    except InflatesTooLarge:
        raise UnreadableImage("too_large", f"The gzip file holds more than {limit // 1_000_000} MB.") from None
    except EOFError as error:
        raise UnreadableImage(
            "truncated", f"The gzip file is cut off: it ends after {len(data):,} bytes, which hold {size:,}."
        ) from error
    except zlib.error as error:
        raise UnreadableImage("damaged", "The gzip file is damaged and cannot be unpacked.") from error
