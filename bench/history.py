"""The worklist among many made-up predictions: each filter it offers, each order, its first page and deep ones.

Run as a program in a process of its own (`python -m bench.history COUNT REPEATS`), as the database is chosen when
Django starts.
"""

import io
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import processes
from ml.cli.benchmark import spread

COUNTS = (1_000, 100_000, 1_000_000)

VIEWS = (
    "", "state=failed", "state=queued&state=running", "outcome=tumor&uncertain=false",
    "outcome=no_tumor&uncertain=false", "outcome=refused", "uncertain=true", "trained_on=true", "owner=seed-00",
    "owner=seed-20", "model=2", "case=SEED-0100000", "q=flair", "q=SEED-01234", "q=0777777", "q=seed-03",
    "q=nothing-is-called-so", "created_after=2024-03-01&created_before=2024-03-31", "created_before=2023-02-01",
    "owner=seed-05&outcome=refused", "owner=seed-12&state=failed&created_before=2024-06-30",
    "q=coronal&outcome=tumor&uncertain=false", "sort=case", "sort=-case", "sort=scan", "sort=score", "sort=-score",
    "sort=state", "sort=-state", "sort=owner", "owner=seed-01&sort=-score", "outcome=tumor&sort=score",
)  # fmt: skip
DEEP = 0.9
"""How far into the list a deep page lies, as a share of it."""


def measure(*, databases: dict[str, str], counts: tuple[int, ...], repeats: int, folder: Path) -> dict[str, Any]:
    """Milliseconds and queries of every view, by database and by how many predictions it holds: the smallest count
    first, and the others are added to it. databases: URL by name."""
    found: dict[str, Any] = {}
    for name, url in databases.items():
        for count in sorted(counts):
            found.setdefault(name, {})[str(count)] = processes.apart(
                "bench.history", str(count), str(repeats), folder=folder / name, DATABASE_URL=url
            )
    return found


def _here(count: int, repeats: int) -> dict[str, Any]:
    """The same, by Django's test client, which is the web process without the socket."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_history", count, stdout=io.StringIO())
    call_command("collectstatic", interactive=False, verbosity=0)
    people = get_user_model().objects
    admin, _ = people.get_or_create(username="seed-admin", defaults={"is_superuser": True, "is_staff": True})
    times: list[float] = []
    queries: set[int] = set()
    views: dict[str, Any] = {}
    for who, person, asked in (("", admin, VIEWS), ("as seed-00: ", people.get(username="seed-00"), VIEWS[:8])):
        client = Client(headers={"host": "localhost"})
        client.force_login(person)
        for view in asked:
            for name, query in (("first", view), ("deep", _deep(person, view)), ("last", f"{view}&before=")):
                address = f"/history/?{query}"
                _ask(client, address)
                with CaptureQueriesContext(connection) as captured:  # untimed: to note each query down takes time, too
                    _ask(client, address)
                queries.add(len(captured))
                taken = [_ask(client, address) for _ in range(repeats)]
                times += taken
                views[f"{who}{view or 'everything'}, {name} page"] = spread(taken)
    return {"ms": spread(times), "queries": sorted(queries), "views": views}


def _ask(client: Any, address: str) -> float:
    """Milliseconds of a page."""
    start = perf_counter()
    response = client.get(address)
    milliseconds = (perf_counter() - start) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}")
    return milliseconds


def _deep(person: Any, view: str) -> str:
    """A view's query with a place near its end, as the links there write it."""
    from django.http import QueryDict

    from diagnosis.access import pagination, selectors
    from diagnosis.access.filters import PredictionFilter
    from diagnosis.views.history import requested_order

    data = QueryDict(view)
    order = requested_order(data)
    rows = PredictionFilter(data, queryset=selectors.predictions(person)).qs
    total = rows.order_by().count()
    if not total:
        return view
    [row] = pagination.sorted_rows(rows, order)[int(total * DEEP) : int(total * DEEP) + 1]
    return f"{view}&after={pagination.cursor(row)}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_here(int(sys.argv[1]), int(sys.argv[2]))))
