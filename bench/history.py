"""The worklist among many made-up predictions: each filter and order, its first page, a deep one and the last.

Runs as a program in a process of its own (`python -m bench.history COUNT REPEATS [cpu]`), because Django connects to
one database per process. With `cpu` it measures processor time, SQLite's included, which a busy machine changes less.
"""

import json
import sys
from collections import deque
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from bench import processes
from ml.cli.benchmark import spread

if TYPE_CHECKING:
    from django.test import Client

    from diagnosis.access.users import User

COUNTS = (1_000, 20_000, 100_000, 1_000_000)

VIEWS = (
    "", "state=failed", "state=queued&state=running", "outcome=tumor&uncertain=false",
    "outcome=no_tumor&uncertain=false", "outcome=refused", "uncertain=true", "trained_on=true", "owner=seed-00",
    "owner=seed-20", "model=2", "case=SEED-0100000", "q=flair", "q=SEED-01234", "q=0777777", "q=seed-03",
    "q=nothing-is-called-so", "created_after=2024-03-01&created_before=2024-03-31", "created_before=2023-02-01",
    "owner=seed-05&outcome=refused", "owner=seed-12&state=failed&created_before=2024-06-30",
    "q=coronal&outcome=tumor&uncertain=false", "sort=case", "sort=-case", "sort=scan", "sort=score", "sort=-score",
    "sort=state", "sort=-state", "sort=owner", "owner=seed-01&sort=-score", "outcome=tumor&sort=score",
    "outcome=no_tumor&sort=-score", "sort=triage", "type=glioma", "type=other",
    "reading=unread", "reading=unread&sort=triage", "reading=mine", "reading=signed&type=pituitary",
    "reading=disagreement", "assigned=nobody",
)  # fmt: skip
CLOCKS = {"wall": perf_counter, "cpu": process_time}
DEEP = 0.9
"""How far into the list a deep page lies, as a fraction of its rows."""


def measure(*, databases: dict[str, str], counts: tuple[int, ...], repeats: int, folder: Path) -> dict[str, Any]:
    """Milliseconds and queries of every view, by database and by number of predictions.

    databases: URL by name. A database is filled to the smallest count first, and then further.
    """
    found: dict[str, Any] = {}
    for name, url in databases.items():
        for count in sorted(counts):
            found.setdefault(name, {})[str(count)] = processes.run_module(
                "bench.history", str(count), str(repeats), folder=folder / name, DATABASE_URL=url
            )
    return found


def _measure_here(count: int, repeats: int, clock: str = "wall") -> dict[str, Any]:
    """Measure in this process, through Django's test client: the web process without its socket."""
    import bench.django_setup  # noqa: F401
    from bench.seed_history import seed
    from diagnosis.access.users import User
    from diagnosis.models import SavedView
    from diagnosis.worklist import saved_views

    _silently("migrate", "--no-input")
    deque(seed(count), maxlen=0)
    _silently("collectstatic", "--no-input")
    admin, _ = User.objects.get_or_create(username="seed-admin", defaults={"is_superuser": True, "is_staff": True})
    times: list[float] = []
    queries: set[int] = set()
    views: dict[str, Any] = {}
    owner = User.objects.get(username="seed-00")
    assignee = User.objects.get(username="seed-39")
    for view in VIEWS[: saved_views.MAX_VIEWS]:
        SavedView.objects.get_or_create(user=admin, name=view or "everything", defaults={"query": view})
    shared = ("", "assigned=me", "sort=triage")
    people = (("", admin, VIEWS), ("as seed-00: ", owner, VIEWS[:8]), ("as assignee: ", assignee, shared))
    for prefix, user, asked in people:
        client = _logged_in(user)
        for view in asked:
            for name, query in (("first", view), ("deep", _deep(user, view)), ("last", f"{view}&before=")):
                taken, number = _ask(client, f"/history/?{query}", repeats, clock)
                times += taken
                queries.add(number)
                views[f"{prefix}{view or 'everything'}, {name} page"] = spread(taken)
    return {"ms": spread(times), "queries": sorted(queries), "views": views}


def _silently(command: str, *arguments: str) -> None:
    from django.core.management import call_command

    call_command(command, *arguments, verbosity=0)


def _logged_in(user: "User") -> "Client":
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def _ask(client: "Client", address: str, repeats: int, clock: str = "wall") -> tuple[list[float], int]:
    """Milliseconds of a page, `repeats` times, and the number of its queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _milliseconds(client, address)  # warms the caches
    with CaptureQueriesContext(connection) as captured:  # not timed: recording the queries takes time, too
        _milliseconds(client, address)
    queries = len(captured)  # the next request empties the record
    return [_milliseconds(client, address, clock) for _ in range(repeats)], queries


def _milliseconds(client: "Client", address: str, clock: str = "wall") -> float:
    start = CLOCKS[clock]()
    response = client.get(address)
    milliseconds = (CLOCKS[clock]() - start) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    return milliseconds


def _deep(user: "User", view: str) -> str:
    """A view's query with a cursor near its end, as the links there have it."""
    from django.http import QueryDict

    from diagnosis.access import pagination
    from diagnosis.worklist.query import Worklist

    chosen = Worklist(user, QueryDict(view))
    total = chosen.rows.order_by().count()
    if not total:
        return view
    [row] = pagination.sorted_rows(chosen.rows, order=chosen.order)[int(total * DEEP) : int(total * DEEP) + 1]
    return f"{view}&after={pagination.cursor(row)}"


if __name__ == "__main__":
    with processes.queue():  # pages write an audit row each without a cache, which no site has to do
        sys.stdout.write(json.dumps(_measure_here(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])))
