"""gunicorn's configuration, for `make run` and compose alike.

Threads rather than processes: requests wait for database and files, and the model runs in the worker.
"""

import contextlib
import os
import resource
import tempfile
import threading
from typing import Any

bind = f"{os.environ.get('BIND') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"
worker_class = "brainscan.web_worker.Worker"  # gthread, to which slow clients cost no thread
workers = int(os.environ.get("WEB_CONCURRENCY") or "1")
# Uploads wait for memory, and each one that waits holds a thread. They may take three quarters of the threads
# (`UPLOADS_AT_ONCE`), so there must be enough that the rest can serve pages and polls.
threads = int(os.environ.get("WEB_THREADS") or "32")
timeout = 120  # seconds; a batch of large uploads over a slow line
graceful_timeout = 10
keepalive = 5
control_socket_disable = True  # it would be created outside DATA_DIR
accesslog = None  # the application logs requests, with user and request id
errorlog = "-"
loglevel = "warning"

# A request may upload a thousand files, each an open temporary file; the usual soft limit is 1024.
_, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
with contextlib.suppress(ValueError, OSError):
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard if _hard != resource.RLIM_INFINITY else 8192, _hard))


if workers > 1:  # so that /metrics adds up the requests of all processes
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="brainscan-metrics-"))


def child_exit(server: object, worker: Any) -> None:
    """Its gauges end with a process; its counts stay."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def post_worker_init(worker: object) -> None:
    """Hide gunicorn's name and version in the Server header; start the first process that decodes files."""
    import gunicorn.http.wsgi

    from diagnosis.intake import decoder_pool

    gunicorn.http.wsgi.SERVER = "brainscan"
    threading.Thread(target=decoder_pool.warm_up, name="warm-up", daemon=True).start()
