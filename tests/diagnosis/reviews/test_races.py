"""Two acts on one scan at the same moment: one comes first, the other is told what happened. Both are audited as often
as they were done.

Most need PostgreSQL, on which the verification suite runs this file again.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from diagnosis.access import ownership
from diagnosis.cases import handing_over, moving, purge, trash
from diagnosis.cases.errors import CaseRefused
from diagnosis.models import AuditEvent, Case, Prediction, Review, Scan
from diagnosis.reviews import transitions
from diagnosis.reviews.errors import NotYourReading, ReviewRefused
from diagnosis.reviews.opinions import Opinion
from tests.factories import CaseFactory, PredictionFactory, UserFactory
from tests.overlapping import Meanwhile, overlapping

TUMOR = Opinion(finding="tumor", tumor_type="glioma", comment="Left temporal.")
NO_TUMOR = Opinion(finding="no_tumor")


def audited(action: str) -> int:
    return AuditEvent.objects.filter(action=action).count()


def signing(prediction: Prediction, reader: Any, opinion: Opinion = TUMOR) -> Callable[[], Review]:
    return lambda: transitions.sign(prediction, reader=reader, opinion=opinion)


def readers(count: int) -> list[Any]:
    people: list[Any] = UserFactory.create_batch(count)
    group, _ = Group.objects.get_or_create(name="reader")
    group.user_set.add(*people)
    return people


def reading(prediction: Prediction) -> str:
    return str(Scan.objects.get(pk=prediction.scan_id).reading)


class TestAfterwards:
    """What the second person gets to read, however much later."""

    pytestmark = pytest.mark.django_db

    def test_a_scan_in_the_trash_takes_no_review(self, user: Any) -> None:
        prediction = PredictionFactory(scan__case__owner=user)
        draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
        trash.delete_scan(prediction.scan, actor=user)
        for act in (transitions.save_draft, transitions.commit, transitions.sign):
            with pytest.raises(ReviewRefused, match="went to the trash meanwhile") as refused:
                act(prediction, reader=user, opinion=NO_TUMOR, version=draft.version)
            assert refused.value.code == "in_trash"
        assert (Review.objects.get().state, Review.objects.get().finding) == ("draft", "tumor")

    def test_a_scan_whose_case_is_in_the_trash_takes_no_review(self, user: Any) -> None:
        prediction = PredictionFactory(scan__case__owner=user)
        review = transitions.commit(prediction, reader=user, opinion=TUMOR)
        trash.delete_case(prediction.scan.case, actor=user)
        with pytest.raises(ReviewRefused) as refused:
            transitions.sign_committed(review, reader=user)
        assert refused.value.code == "in_trash"
        with pytest.raises(ReviewRefused) as refused:
            transitions.amend(review, reader=user, opinion=NO_TUMOR, reason="Late.")
        assert refused.value.code == "in_trash"

    def test_a_scan_or_draft_that_is_gone(self, user: Any) -> None:
        prediction = PredictionFactory(scan__case__owner=user)
        draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
        assert transitions.discard_draft(draft, reader=user)
        assert not transitions.discard_draft(draft, reader=user)
        for act in (transitions.sign_committed, lambda *a, **k: transitions.amend(*a, **k, opinion=TUMOR, reason="x")):
            with pytest.raises(ReviewRefused, match="This draft was deleted meanwhile") as refused:
                act(draft, reader=user)
            assert refused.value.code == "gone"
        prediction.delete()
        Scan.objects.filter(pk=prediction.scan_id).delete()
        with pytest.raises(ReviewRefused, match="The scan was deleted for good") as refused:
            signing(prediction, user)()
        assert refused.value.code == "gone"
        assert audited("review.discarded") == 1

    @pytest.mark.slow
    def test_an_account_that_was_deactivated_signs_nothing(self, user: Any) -> None:
        prediction = PredictionFactory(scan__case__owner=user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        with pytest.raises(NotYourReading) as refused:
            signing(prediction, user)()
        assert refused.value.code == "not_a_reader"

    @pytest.mark.parametrize("listed", [True, False])
    def test_the_page_keeps_what_was_typed(self, as_user: Any, user: Any, listed: bool, monkeypatch: Any) -> None:
        """The scan goes to the trash after the page has read it, and before the review is recorded."""
        prediction = PredictionFactory(scan__case__owner=user)

        def sign(*args: Any, **kwargs: Any) -> Review:
            trash.delete_scan(prediction.scan, actor=user)
            return original(*args, **kwargs)

        original = transitions.sign
        monkeypatch.setitem(__import__("diagnosis.views.reviews", fromlist=["_RECORDED"])._RECORDED, "sign", sign)
        form = {"action": "sign", "finding": "tumor", "comment": "Left temporal."} | ({"list": ""} if listed else {})
        answer = as_user.post(f"/predictions/{prediction.pk}/review/", form)
        assert answer.status_code == 409
        text = answer.content.decode()
        assert "Left temporal." in text and "went to the trash meanwhile" in text
        assert not Review.objects.exists()


class TestAtTheSameMoment:
    pytestmark = overlapping

    def test_two_readers_sign_one_scan(self) -> None:
        prediction = PredictionFactory()
        one, other = readers(2)
        with transaction.atomic():
            first = signing(prediction, one)()
            meanwhile = Meanwhile(signing(prediction, other, NO_TUMOR))
        second = meanwhile.result()
        assert (first.role, second.role, reading(prediction)) == ("reader", "second", "disagreement")
        assert audited("review.signed") == 2

    @pytest.mark.parametrize("again", [TUMOR, NO_TUMOR])
    def test_a_double_click_on_sign(self, again: Opinion) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        with transaction.atomic():
            first = signing(prediction, one)()
            meanwhile = Meanwhile(signing(prediction, one, again))
        if again is TUMOR:
            assert meanwhile.result().pk == first.pk
        else:
            with pytest.raises(ReviewRefused, match="Amend it, with a reason"):
                meanwhile.result()
        assert (Review.objects.get().comment, audited("review.signed")) == ("Left temporal.", 1)

    def test_two_who_adjudicate(self) -> None:
        prediction = PredictionFactory()
        one, other, third, fourth = readers(4)
        signing(prediction, one)()
        signing(prediction, other, NO_TUMOR)()
        with transaction.atomic():
            first = signing(prediction, third)()
            meanwhile = Meanwhile(signing(prediction, fourth, NO_TUMOR))
        second = meanwhile.result()
        assert (first.role, second.role) == ("adjudication", "adjudication")
        assert (reading(prediction), audited("review.signed")) == ("signed", 4)

    def test_two_amendments(self) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        review = signing(prediction, one)()

        def amending(comment: str) -> Callable[[], Review]:
            opinion = Opinion(finding="no_tumor", comment=comment)
            return lambda: transitions.amend(review, reader=one, opinion=opinion, reason="Seen again.")

        with transaction.atomic():
            first = amending("First.")()
            meanwhile = Meanwhile(amending("Second."))
        with pytest.raises(ReviewRefused) as refused:
            meanwhile.result()
        assert refused.value.code == "already_amended"
        assert (Review.objects.get(current=True), audited("review.amended")) == (first, 1)

    def test_sign_while_the_scan_goes_to_the_trash(self) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        with transaction.atomic():
            trash.delete_scan(prediction.scan, actor=prediction.scan.case.owner)
            meanwhile = Meanwhile(signing(prediction, one))
        with pytest.raises(ReviewRefused) as refused:
            meanwhile.result()
        assert (refused.value.code, audited("review.signed"), audited("scan.deleted")) == ("in_trash", 0, 1)

    def test_delete_while_it_is_signed(self) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        owner = prediction.scan.case.owner
        with transaction.atomic():
            signing(prediction, one)()
            meanwhile = Meanwhile(lambda: trash.delete_scan(prediction.scan, actor=owner))
        meanwhile.result()
        assert (audited("review.signed"), audited("scan.deleted")) == (1, 1)
        assert Prediction.objects.get().in_trash

    def test_sign_while_the_scan_moves(self) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        owner = prediction.scan.case.owner
        target = CaseFactory(owner=owner)
        with transaction.atomic():
            moving.move(Scan.objects.get(), to=target, actor=owner)
            meanwhile = Meanwhile(signing(prediction, one))
        assert meanwhile.result().scan.case == target
        assert (audited("review.signed"), audited("scan.moved")) == (1, 1)

    def test_sign_as_owner_while_the_scan_moves_to_another_owner(self, admin: Any) -> None:
        prediction = PredictionFactory()
        owner = prediction.scan.case.owner
        with transaction.atomic():
            moving.move(Scan.objects.get(), to=CaseFactory(), actor=admin)
            meanwhile = Meanwhile(signing(prediction, owner))
        with pytest.raises(NotYourReading):
            meanwhile.result()
        assert audited("review.signed") == 0

    @pytest.mark.parametrize("purge_first", [True, False])
    def test_sign_while_the_scan_is_purged(self, purge_first: bool) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        transitions.commit(prediction, reader=one, opinion=TUMOR)
        trash.delete_scan(prediction.scan, actor=prediction.scan.case.owner)
        Scan.objects.update(deleted=timezone.now() - timedelta(days=400))
        acts: list[Callable[[], Any]] = [purge.purge, signing(prediction, one)]
        first, second = acts if purge_first else acts[::-1]
        with transaction.atomic():
            if purge_first:
                first()
            else:
                Scan.objects.select_for_update().get()  # as a review does before it looks whether it may
            meanwhile = Meanwhile(second)
        if purge_first:
            with pytest.raises(ReviewRefused) as refused:
                meanwhile.result()
            assert refused.value.code == "gone"
        else:
            meanwhile.result()
        assert not Scan.objects.exists() and (audited("review.purged"), audited("scan.purged")) == (1, 1)

    @pytest.mark.parametrize("delete", [True, False])
    def test_sign_while_the_account_is_removed(self, admin: Any, delete: bool) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        with transaction.atomic():
            handing_over.remove(User.objects.get(pk=one.pk), to=None, actor=admin, delete=delete)
            meanwhile = Meanwhile(signing(prediction, one))
        with pytest.raises(NotYourReading):
            meanwhile.result()
        assert not Review.objects.exists()

    def test_remove_the_account_while_it_signs(self, admin: Any) -> None:
        prediction = PredictionFactory()
        [one] = readers(1)
        with transaction.atomic():
            signing(prediction, one)()
            meanwhile = Meanwhile(lambda: handing_over.remove(one, to=None, actor=admin, delete=True))
        with pytest.raises(CaseRefused) as refused:
            meanwhile.result()
        assert (refused.value.code, Review.objects.get().signed_by) == ("has_readings", one)

    def test_two_hand_overs_of_a_case(self) -> None:
        case: Case = PredictionFactory().scan.case
        one, other = UserFactory.create_batch(2)
        with transaction.atomic():
            ownership.hand_over(case, to=one)
            meanwhile = Meanwhile(lambda: ownership.hand_over(Case.objects.get(pk=case.pk), to=other))
        meanwhile.result()
        assert Prediction.objects.get().owner == Case.objects.get().owner == other
        assert audited("case.handed_over") == 2

    def test_delete_a_case_while_it_changes_hands(self, admin: Any) -> None:
        case: Case = PredictionFactory().scan.case
        with transaction.atomic():
            ownership.hand_over(case, to=UserFactory())
            meanwhile = Meanwhile(lambda: trash.delete_case(Case.objects.get(pk=case.pk), actor=admin))
        meanwhile.result()
        assert Case.objects.get().deleted and audited("case.deleted") == 1
