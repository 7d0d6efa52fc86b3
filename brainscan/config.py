"""Parse environment variables into settings. Errors are ImproperlyConfigured and name the variable."""

import hashlib
import re
from collections.abc import MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured

from diagnosis.dicom.allowed_aes import is_ae_title
from ml.engines import CHOICES, unavailable_reason

TAKEN_PATHS = frozenset(
    {
        "api", "archive", "audit", "cases", "confirm", "dicomweb", "health", "history", "login", "logout", "metrics",
        "password", "predictions", "queue", "scans", "second-factor", "sessions", "slice-results", "slices", "sso",
        "static", "status", "tokens", "trash", "upload",
    }
)  # fmt: skip
"""First parts of the addresses of pages, which the admin cannot have."""


def secret_key(value: str, *, data_dir: Path) -> str:
    """SECRET_KEY from the environment, or the key that `run_site` stored in DATA_DIR."""
    if value:
        return value
    file = data_dir / "secret_key"
    if file.is_file():
        return file.read_text(encoding="ascii").strip()
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to a long random string that stays the same, "
        'for example: python -c "import secrets; print(secrets.token_urlsafe(64))". `make run` makes one by itself.'
    )


def secret_key_fallbacks(value: list[str], *, data_dir: Path) -> list[str]:
    """SECRET_KEY_FALLBACKS, or the lines of the file in DATA_DIR, where a restore or a rotation of keys puts them."""
    file = data_dir / "secret_key_fallbacks"
    return value or (file.read_text(encoding="ascii").split() if file.is_file() else [])


def deid_secret(value: str, *, secret_key: str, data_dir: Path) -> bytes:
    """DEID_SECRET, the one that a restore or a rotation has put into DATA_DIR, or one derived from SECRET_KEY.

    A site sets it to keep its UIDs when its SECRET_KEY changes. Any text counts as it is; `hex:…` as those bytes, so
    that one that is derived or in a file can be set.
    """
    file = data_dir / "deid_secret"
    if not value and file.is_file():
        return bytes.fromhex(file.read_text(encoding="ascii").strip())
    if value.startswith("hex:"):
        try:
            found = bytes.fromhex(value.removeprefix("hex:"))
        except ValueError:
            raise ImproperlyConfigured("DEID_SECRET starts with hex: but is not hexadecimal.") from None
        if not found:
            raise ImproperlyConfigured("DEID_SECRET is empty after hex:, so everybody would know it.")
        return found
    return value.encode() or hashlib.sha256(f"de-identification {secret_key}".encode()).digest()


def database(env: environ.Env, *, data_dir: Path) -> dict[str, Any]:
    """DATABASE_URL as a Django database; by default SQLite in DATA_DIR, in WAL mode with immediate transactions."""
    try:
        options = dict(env.db_url("DATABASE_URL", default=f"sqlite:///{data_dir / 'db.sqlite3'}"))
        sqlite = options["ENGINE"].endswith("sqlite3")  # none where there is no scheme
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read. Examples: postgres://user:password@host:5432/name, sqlite:////path/db.sqlite3"
        ) from error
    if sqlite:
        # WAL lets readers run beside one writer; the next writer waits up to 20 s instead of failing halfway.
        options["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        options["CONN_HEALTH_CHECKS"] = True
    options["CONN_MAX_AGE"] = 60  # seconds; a new connection per request or task costs a millisecond or more
    return options


def cookie_name(name: str, *, https: bool) -> str:
    """With TLS, one with a prefix for which browsers accept it from this host only, and over TLS only."""
    return f"__Host-{name}" if https else name


def second_factor(value: str) -> str:
    """SECOND_FACTOR: who needs a second factor."""
    if value not in ("optional", "staff", "all"):
        raise ImproperlyConfigured("SECOND_FACTOR must be optional, staff (who may open the admin) or all.")
    return value


def breached_passwords_url(value: str) -> str:
    """BREACHED_PASSWORDS_URL, to which five characters of a hash are appended."""
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if value and not (parts.hostname and (parts.scheme == "https" or local) and value.endswith("/")):
        raise ImproperlyConfigured(
            "BREACHED_PASSWORDS_URL must be an https address that ends with /, such as "
            "https://api.pwnedpasswords.com/range/."
        )
    return value


def days(name: str, value: int, *, least: int = 0) -> int:
    """A number of days. A hundred years is more than any rule asks for, and fits into every date."""
    if not least <= value <= 36_500:
        raise ImproperlyConfigured(f"{name} must be a number of days from {least} to 36500.")
    return value


def at_least(name: str, value: int, *, least: int) -> int:
    """`value`, which must be at least `least`. Raises ImproperlyConfigured."""
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}.")
    return value


def minutes(name: str, value: int, *, least: int = 1) -> int:
    """A number of minutes, at most a week."""
    if not least <= value <= 10_080:
        raise ImproperlyConfigured(f"{name} must be a number of minutes from {least} to 10080.")
    return value


def broker_url(redis_url: str) -> str:
    """REDIS_URL as Celery spells it: kombu calls a unix socket `redis+socket`, and checks certificates if told."""
    scheme, query = urlsplit(redis_url).scheme, urlsplit(redis_url).query
    if scheme == "unix":
        return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    if scheme == "rediss" and "ssl_cert_reqs" not in parse_qs(query):  # redis-py checks it by itself
        return f"{redis_url}{'&' if query else '?'}ssl_cert_reqs=required"
    if scheme in ("redis", "rediss"):
        return redis_url
    raise ImproperlyConfigured(f"REDIS_URL starts with {scheme!r}; use redis://, rediss:// or unix:///path/to/socket.")


def storage(url: str, *, data_dir: Path) -> dict[str, Any]:
    """STORAGE_URL as a Django storage: `file:///folder`, `s3://bucket?endpoint_url=…`; default: in DATA_DIR."""
    parts = urlsplit(url)
    folder = str(data_dir / "storage")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        url, folder = "", parts.path
    if not url:
        return {
            "BACKEND": "brainscan.storage.WholeFiles",
            "OPTIONS": {"location": folder, "base_url": None},
        }
    if parts.scheme != "s3" or not parts.netloc:
        raise ImproperlyConfigured(f"STORAGE_URL {url!r} is not understood; use file:///folder or s3://bucket.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = set(query) - {"endpoint_url", "region_name", "location"}
    if unknown:
        raise ImproperlyConfigured(f"STORAGE_URL has unknown options: {', '.join(sorted(unknown))}.")
    private = {"bucket_name": parts.netloc, "default_acl": None, "querystring_auth": True, "file_overwrite": False}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": private | query}


def admin_path(value: str) -> str:
    """ADMIN_PATH, one part of an address that no other page has."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value) or value in TAKEN_PATHS:
        raise ImproperlyConfigured(
            f"ADMIN_PATH is {value!r}; it has lowercase letters, digits, - and _, and is no other page's address "
            f"({', '.join(sorted(TAKEN_PATHS))})."
        )
    return value


def engine(value: str) -> str:
    """ML_ENGINE, if it names an engine that exists and is installed."""
    if value not in CHOICES:
        raise ImproperlyConfigured(f"ML_ENGINE is {value!r}; valid engines: {', '.join(CHOICES)}.")
    if trouble := unavailable_reason(value):
        raise ImproperlyConfigured(f"ML_ENGINE is {value!r}, but {trouble}")
    return value


def reading_mode(value: str) -> str:
    """READING_MODE, if there is such a mode."""
    if value not in ("open", "blind_first"):
        raise ImproperlyConfigured(f"READING_MODE is {value!r}; valid modes: open, blind_first.")
    return value


def readings_required(value: int) -> int:
    """READINGS_REQUIRED, which is 1 or 2."""
    if value not in (1, 2):
        raise ImproperlyConfigured(f"READINGS_REQUIRED is {value}; a scan needs 1 or 2 signed readings.")
    return value


def prevalence(value: float | None) -> float | None:
    """PREVALENCE, the fraction of this site's scans that show a tumor; None if it is not set."""
    if value is not None and not 0 < value < 1:
        raise ImproperlyConfigured(f"PREVALENCE is {value}; it is a fraction between 0 and 1, such as 0.05.")
    return value


def report_font(path: str) -> str:
    """REPORT_FONT, if ReportLab can read it: TrueType outlines, not PostScript ones (most .otf, and Noto Sans CJK)."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            start = file.read(16)
            if start.startswith(b"ttcf"):  # a collection; its first font counts
                file.seek(int.from_bytes(start[12:16]))
                start = file.read(4)
    except OSError as error:
        raise ImproperlyConfigured(f"REPORT_FONT {path!r} cannot be read: {error.strerror}.") from None
    if start[:4] not in (b"\0\1\0\0", b"true"):
        raise ImproperlyConfigured(
            f"REPORT_FONT {path!r} is no TrueType font (.ttf, .ttc); those of Debian's fonts-droid-fallback are."
        )
    return path


def api_rate(value: str) -> str:
    """API_RATE, as REST framework reads it at the first request: so many per second, minute, hour or day."""
    if not re.fullmatch(r"[1-9][0-9]*/[smhd][a-z]*", value):
        raise ImproperlyConfigured(f"API_RATE is {value!r}; it is a number per sec, min, hour or day, such as 60/min.")
    return value


def ae_title(value: str) -> str:
    """DICOM_AE_TITLE without surrounding spaces."""
    title = value.strip(" ")
    if not is_ae_title(title):
        raise ImproperlyConfigured("DICOM_AE_TITLE must have 1 to 16 plain characters, and no backslash.")
    return title


def dicom_port(value: int) -> int:
    """DICOM_PORT; 0 for no listener."""
    if not 0 <= value <= 65_535:
        raise ImproperlyConfigured(f"DICOM_PORT is {value}; it is a port from 1 to 65535, or 0 for no listener.")
    return value


def dicomweb_url(value: str) -> str:
    """DICOMWEB_URL, the base address of the archive's /studies. Errors never quote it: it may contain a password."""
    parts = urlsplit(value)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number
        usable = False
    if value and (not usable or parts.query or parts.fragment):
        raise ImproperlyConfigured(
            "DICOMWEB_URL must be an http or https address without ? and #, "
            "for example https://user:password@pacs.example.org/dicom-web."
        )
    return value


def traces(endpoint: str) -> str:
    """OTEL_EXPORTER_OTLP_ENDPOINT, where the packages that send traces are installed."""
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise ImproperlyConfigured("OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https address.")
    if endpoint and find_spec("opentelemetry") is None:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the packages that send traces are missing: make setup-traces."
        )
    return endpoint


_RENDERERS: dict[str, structlog.typing.Processor] = {
    "logfmt": structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
    "json": structlog.processors.JSONRenderer(),
}


def drop_probes(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drops the log line of a probe that was answered "not ready": the answer says why, and probes ask every few
    seconds."""
    if event.get("request") == "GET /health/ready" and event.get("code") == 503:
        raise structlog.DropEvent
    return event


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
]
# One list for the whole process: a logger keeps the list that it had at its first line, and
# `structlog.testing.capture_logs` changes that of the last call of `logging`. They have to be the same one.
_PROCESSORS: list[structlog.typing.Processor] = [
    *_SHARED,
    drop_probes,
    structlog.stdlib.filter_by_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.format_exc_info,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def logging(*, level: str, form: str) -> dict[str, Any]:
    """Log lines to standard error with the request's id and user: `logfmt` (key=value) or `json`, one object a line.

    Raises ImproperlyConfigured for another form.
    """
    if form not in _RENDERERS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {form!r}; it must be {' or '.join(_RENDERERS)}.")
    structlog.configure(
        processors=_PROCESSORS, logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processor": _RENDERERS[form],
        "foreign_pre_chain": _SHARED,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            "django_structlog": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},  # "received", for every task
            # These log what is sent and queried: patient names, accession numbers.
            "pynetdicom": {"level": "CRITICAL"},
            "pydicom": {"level": "CRITICAL"},
            "dicomweb_client": {"level": "CRITICAL"},
            "urllib3": {"level": "ERROR"},
            "fido2": {"level": "WARNING"},  # ids of passkeys
            "django.request": {"level": "ERROR"},  # django-structlog logs each request's status
        },
    }
