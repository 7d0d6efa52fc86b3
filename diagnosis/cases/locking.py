"""The order in which changes of cases take their locks, so that no two of them wait for each other."""

from diagnosis.access import ownership
from diagnosis.cases.errors import CaseRefused
from diagnosis.models import Case


def locked(*cases: Case) -> list[Case]:
    """The cases as they are now, with their owners, locked until the transaction ends: first cases, then owners.

    The owners' locks keep uploads out, which would add scans meanwhile. Raises CaseRefused for a case that is gone.
    """
    # Owners by a query of their own: joined, PostgreSQL would not find a case again that changes hands meanwhile.
    rows = Case.objects.select_for_update(no_key=True).prefetch_related("owner").order_by("pk")
    found = {case.pk: case for case in rows.filter(pk__in=[case.pk for case in cases])}
    if len(found) < len({case.pk for case in cases}):
        raise CaseRefused("gone", "The case no longer exists.")
    ownership.lock(*(case.owner for case in found.values()))
    return [found[case.pk] for case in cases]
