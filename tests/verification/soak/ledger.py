"""What was uploaded, how the site answered, and at the end whether it holds every upload exactly once."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.verification.services import Site

ENDED = {"done", "refused"}
_STATE = """
import json
from django.db.models import Count
from diagnosis.models import Prediction, Scan
copies = Scan.objects.values("case", "pixel_sha256").annotate(n=Count("id")).filter(n__gt=1).count()
rows = list(Prediction.objects.values_list("pk", "scan", "state"))
print("STATE" + json.dumps({"copies": copies, "rows": rows}))
"""


@dataclass
class Ledger:
    """Shared by everybody who uses the site. taken: file names by prediction id, for all accepted uploads. deleted: ids
    of predictions moved to the trash."""

    taken: dict[int, str] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def record_answer(self, verb: str, path: str, status: int, *, expected: bool) -> None:
        """Count an answer. path: numbers in it become {n}, so that pages of one kind are counted together."""
        kind = f"{verb} {re.sub(r'[0-9]+', '{n}', path.split('?')[0])}"
        with self._lock:
            self.answers[kind] += 1
            if not expected:
                self.unexpected[f"{kind}: {status}"] += 1

    def record_problem(self, what: str) -> None:
        with self._lock:
            self.unexpected[what] += 1

    def record_upload(self, prediction: int, name: str) -> None:
        with self._lock:
            self.taken[prediction] = name

    def record_deletion(self, predictions: set[int]) -> None:
        with self._lock:
            self.deleted |= predictions


@dataclass(frozen=True, slots=True)
class Balance:
    """Prediction ids: lost, doubled (a scan's second one, or one that nobody uploaded), and without a result.

    taken: number of accepted uploads. copies: images stored twice in one case."""

    taken: int
    lost: list[int]
    doubled: list[int]
    no_result: list[int]
    copies: int


def balance(site: Site, ledger: Ledger) -> Balance:
    """Compare with the site's database once nothing is in progress."""
    said = site.manage("shell", "-v", "0", "-c", _STATE)
    found = json.loads(said.rpartition("STATE")[2])
    rows = {number: (scan, state) for number, scan, state in found["rows"]}
    scans = Counter(scan for scan, _ in rows.values())
    return Balance(
        taken=len(ledger.taken),
        lost=sorted(set(ledger.taken) - set(rows) - ledger.deleted),
        doubled=sorted(n for n, (scan, _) in rows.items() if scans[scan] > 1 or n not in ledger.taken),
        no_result=sorted(n for n, (_, state) in rows.items() if state not in ENDED and n not in ledger.deleted),
        copies=int(found["copies"]),
    )
