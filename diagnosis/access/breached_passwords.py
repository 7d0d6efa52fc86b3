"""Passwords known from breaches: looked up in a local file, or asked of a service that learns next to nothing.

Both are those of Have I Been Pwned, or anything in its formats. The file has one line for each password, `SHA-1:count`,
in the order of the hashes. The service is given the first five of a hash's forty characters and answers with all
breached ones that begin like this, padded so that its length tells nothing (k-anonymity).
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from typing import IO

from django.conf import settings

_LINE = re.compile(rb"[0-9A-Fa-f]{40}(?::\d+)?\s*")
_LONGEST_LINE = 80
"""Bytes; 40 of the hash, a colon, a count."""
_TIMEOUT = (2, 2)
"""Seconds to connect, and between two reads."""
_SECONDS = 5.0
"""For the service's whole answer."""
_MOST = 512 * 1024
"""Bytes of an answer; one has about 40 KB."""
_SAMPLES = 2000
"""Positions at which a file's order is checked; the whole one has 40 GB."""


class NotChecked(Exception):
    """File or service did not answer; the message says why."""


def is_breached(password: str) -> bool:
    """Whether the password is known from a breach. Raises NotChecked where that could not be found out.

    False where neither BREACHED_PASSWORDS_FILE nor BREACHED_PASSWORDS_URL is set.
    """
    digest = hashlib.sha1(password.encode("utf-8", "replace"), usedforsecurity=False).hexdigest().upper()
    if settings.BREACHED_PASSWORDS_FILE and _is_in_file(settings.BREACHED_PASSWORDS_FILE, digest.encode()):
        return True
    return bool(settings.BREACHED_PASSWORDS_URL) and _is_known_to_service(settings.BREACHED_PASSWORDS_URL, digest)


def problem_of_file(path: str) -> str:
    """What is wrong with a file of hashes, read at some thousand positions; empty if nothing is."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (one way to open it for both functions)
            size = os.fstat(file.fileno()).st_size
            if not size:
                return "it is empty"
            last = b""
            for position in range(0, size, max(1, size // _SAMPLES)):
                _to_next_line(file, position)
                if not (line := file.readline(_LONGEST_LINE)):
                    break
                if not _LINE.fullmatch(line):
                    return f"the line at byte {file.tell() - len(line)} is no SHA-1 hash with a count"
                if line[:40].upper() < last:
                    return "it is not sorted by hash; download the version that is ordered by hash"
                last = line[:40].upper()
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return ""


def _is_in_file(path: str, digest: bytes) -> bool:
    """Binary search over bytes: about forty reads of a line in a file of 40 GB."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            low, high = 0, os.fstat(file.fileno()).st_size  # the line begins in [low, high)
            while low < high:
                middle = (low + high) // 2
                _to_next_line(file, middle)
                start, line = file.tell(), file.readline(_LONGEST_LINE)
                if start >= high:  # no line begins in the upper half
                    high = middle
                    continue
                if not _LINE.fullmatch(line):
                    raise NotChecked(f"BREACHED_PASSWORDS_FILE is damaged at byte {start}")
                found = line[:40].upper()
                if found == digest:
                    return True
                low, high = (file.tell(), high) if found < digest else (low, middle)
    except OSError as error:
        raise NotChecked(f"BREACHED_PASSWORDS_FILE cannot be read ({error.strerror})") from None
    return False


def _to_next_line(file: IO[bytes], position: int) -> None:
    """Go to the first line that begins at `position` or behind it."""
    file.seek(max(0, position - 1))
    if position:
        file.readline(_LONGEST_LINE)


def _is_known_to_service(url: str, digest: str) -> bool:
    import requests  # takes a tenth of a second, which a site without a service saves

    headers = {"Add-Padding": "true", "User-Agent": "brainscan", "Accept-Encoding": "identity"}
    try:
        with requests.get(
            url + digest[:5], headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False
        ) as answer:
            if answer.status_code != 200:
                raise NotChecked(f"the service of breached passwords answered {answer.status_code}")
            body = b"".join(_bounded(answer.iter_content(16 * 1024)))
    except requests.RequestException as error:
        raise NotChecked(f"the service of breached passwords cannot be reached ({type(error).__name__})") from None
    wanted = digest[5:].encode()
    rows = (line.strip().partition(b":") for line in body.splitlines())
    return any(suffix.upper() == wanted and count != b"0" for suffix, _, count in rows)  # 0: padding


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    deadline, size = time.monotonic() + _SECONDS, 0
    for chunk in chunks:
        size += len(chunk)
        if size > _MOST or time.monotonic() > deadline:
            raise NotChecked("the answer of the service of breached passwords is too long or too slow")
        yield chunk
