"""Two people who act on the same rows at the same moment.

Each act is done and audited once, and the second request gets the outcome for each row. It needs PostgreSQL, on which
the verification suite runs this file.
"""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction

from diagnosis.access import ownership
from diagnosis.cases import trash
from diagnosis.models import Assignment, AuditEvent, Prediction
from diagnosis.worklist import bulk
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, UserFactory
from tests.overlapping import Meanwhile, overlapping
from tests.queue import Queue

pytestmark = overlapping


def rows(owner: User, count: int = 3, *, state: str = "failed") -> list[int]:
    """Ids of predictions in cases of their own."""
    version = ModelVersionFactory(active=True)
    cases = CaseFactory.create_batch(count, owner=owner)
    return [PredictionFactory(scan__case=one, state=state, model_version=version).pk for one in cases]


def acting(user: User, action: str, ids: list[int], **to: str) -> Callable[[], bulk.Result]:
    return lambda: bulk.run(user, action=action, ids=ids, **to)


def codes(result: bulk.Result) -> dict[int, str]:
    return {refusal.prediction: refusal.code for refusal in result.refused}


def audited(action: str) -> list[str]:
    """Whose act it was, of each row of the audit."""
    return list(AuditEvent.objects.filter(action=action).order_by("id").values_list("actor", flat=True))


def states(ids: list[int]) -> set[str]:
    return set(Prediction.objects.filter(pk__in=ids).values_list("state", flat=True))


def test_both_retry(user: User, admin: User, sent: Queue) -> None:
    ids = rows(user)
    with transaction.atomic():
        first = acting(user, "retry", ids[:2])()
        meanwhile = Meanwhile(acting(admin, "retry", ids[::-1]))  # the other way round, and one more
    second = meanwhile.result()
    assert (first.done, first.refused) == (ids[:2], [])
    assert (second.done, codes(second)) == (ids[2:], dict.fromkeys(ids[:2], "conflict"))
    assert states(ids) == {"queued"} and sorted(sent) == ids
    assert audited("prediction.retried") == [user.username, user.username, admin.username]


def test_rows_that_change_while_they_are_retried(user: User, admin: User, sent: Queue) -> None:
    """One goes to the trash. Of another the scan's other run is retried: both would run under the active model, and a
    scan has one result of a model."""
    gone, doubled, left = ids = rows(user)
    older = PredictionFactory(
        scan=Prediction.objects.get(pk=doubled).scan, state="failed", model_version=ModelVersionFactory()
    ).pk
    with transaction.atomic():
        trash.delete_case(Prediction.objects.get(pk=gone).scan.case, actor=admin)
        acting(admin, "retry", [older])()
        meanwhile = Meanwhile(acting(user, "retry", ids))
    result = meanwhile.result()
    assert (result.done, codes(result)) == ([left], {gone: "conflict", doubled: "conflict"})
    assert states([gone, doubled]) == {"failed"} and sent == [older, left]
    assert audited("prediction.retried") == [admin.username, user.username]


def test_both_assign_to_one_person(user: User, admin: User) -> None:
    ids, colleague = rows(user), UserFactory()
    with transaction.atomic():
        first = acting(user, "assign", ids, to_user=colleague.username)()
        meanwhile = Meanwhile(acting(admin, "assign", ids[::-1], to_user=colleague.username))
    second = meanwhile.result()
    assert (sorted(second.done), second.refused, first.done) == (ids, [], ids)
    assert set(Assignment.objects.values_list("user", "assigned_by")) == {(colleague.pk, user.pk)}
    assert Assignment.objects.count() == 3
    assert audited("case.assigned") == [user.username] * 3


def test_cases_that_change_while_they_are_assigned(user: User, admin: User) -> None:
    """One changes hands: its former owner may not assign it any more, and nobody is assigned what they own. Another
    goes to the trash."""
    ids, new_owner, colleague = rows(user), UserFactory(), UserFactory()
    given, gone, left = (Prediction.objects.get(pk=pk).scan.case for pk in ids)
    with transaction.atomic():
        ownership.hand_over(given, to=new_owner)
        trash.delete_case(gone, actor=admin)
        by_owner = Meanwhile(acting(user, "assign", ids, to_user=colleague.username))
        by_admin = Meanwhile(acting(admin, "assign", ids, to_user=new_owner.username))
    for meanwhile, code in ((by_owner, "permission_denied"), (by_admin, "already_owner")):
        result = meanwhile.result()
        assert (result.done, codes(result)) == (ids[2:], {ids[0]: code, ids[1]: "gone"})
    assert set(Assignment.objects.values_list("case", "user")) == {(left.pk, colleague.pk), (left.pk, new_owner.pk)}
    assert sorted(audited("case.assigned")) == sorted([user.username, admin.username])
