"""How gunicorn serves the site; read by every way of starting it (`make run`, compose).

Threads, not processes: requests wait for the database and for files, and the model runs in the worker.
"""

import contextlib
import os
import resource

bind = f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
# Uploads wait for room in memory, and each that waits keeps a thread. Three quarters of the threads may be theirs
# (`UPLOADS_AT_ONCE`), so there must be enough of them that the rest can answer pages and polls.
threads = int(os.environ.get("WEB_THREADS", "32"))
timeout = 120  # seconds; a batch of large uploads over a slow line
graceful_timeout = 10
keepalive = 5
control_socket_disable = True  # it would be written outside DATA_DIR
accesslog = None  # requests are logged by the application, with user and request id
errorlog = "-"
loglevel = "warning"

# A request may bring a thousand files, each held open as a temporary one; the usual soft limit is 1024.
_, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
with contextlib.suppress(ValueError, OSError):
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard if _hard != resource.RLIM_INFINITY else 8192, _hard))


def post_worker_init(worker: object) -> None:
    """Keep the name of the server software out of the responses."""
    import gunicorn.http.wsgi

    gunicorn.http.wsgi.SERVER = "brainscan"
