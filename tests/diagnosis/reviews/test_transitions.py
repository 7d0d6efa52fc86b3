"""Draft, commit, sign, amend: what each does, refuses and leaves behind."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group

import diagnosis
from diagnosis.models import AuditEvent, Prediction, ReadingPolicy, Review, Scan
from diagnosis.reviews import transitions
from diagnosis.reviews.errors import InvalidOpinion, NotYourReading, ReviewRefused
from diagnosis.reviews.opinions import Opinion
from tests.factories import PredictionFactory, ScanFactory, UserFactory

pytestmark = pytest.mark.django_db

TUMOR = Opinion(finding="tumor", tumor_type="glioma", confidence="high", comment="Left temporal.", location=(0.2, 0.3))
NO_TUMOR = Opinion(finding="no_tumor")


def policy(*people: Any, mode: str = "open", readings: int = 1) -> None:
    group = Group.objects.create(name=f"{mode} {readings}")
    ReadingPolicy.objects.create(group=group, mode=mode, readings=readings)
    group.user_set.add(*people)


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(target_type="review").order_by("pk").values_list("action", flat=True))


def reading(prediction: Prediction) -> str:
    return str(Scan.objects.get(pk=prediction.scan_id).reading)


@pytest.fixture
def prediction(user: Any) -> Prediction:
    return PredictionFactory(scan__case__owner=user)


@pytest.fixture
def readers() -> list[Any]:
    people: list[Any] = UserFactory.create_batch(3)
    Group.objects.get(name="reader").user_set.add(*people)
    return people


def test_a_draft_is_saved_changed_and_signed(user: Any, prediction: Prediction) -> None:
    draft = transitions.save_draft(prediction, reader=user, opinion=Opinion(comment="Look again."))
    assert (draft.state, draft.finding, reading(prediction)) == ("draft", "", "unread")
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR, version=draft.version)
    signed = transitions.sign(prediction, reader=user, opinion=TUMOR, version=draft.version)
    assert signed.pk == draft.pk
    assert (signed.state, signed.signed_by, signed.role, signed.point) == ("signed", user, "reader", (0.2, 0.3))
    assert signed.committed == signed.signed
    assert signed.prediction == prediction
    assert not signed.read_blind
    assert reading(prediction) == "signed"
    assert actions() == ["review.saved", "review.saved", "review.signed"]


def test_a_double_click_signs_once(user: Any, prediction: Prediction) -> None:
    first = transitions.sign(prediction, reader=user, opinion=TUMOR)
    second = transitions.sign(prediction, reader=user, opinion=TUMOR)
    assert (first.pk, first.signed) == (second.pk, second.signed)
    assert actions() == ["review.signed"]


def test_a_double_click_saves_and_commits_once(user: Any, prediction: Prediction) -> None:
    for change in (transitions.save_draft, transitions.save_draft, transitions.commit, transitions.commit):
        review = change(prediction, reader=user, opinion=TUMOR)
    assert review.state == "committed"
    assert actions() == ["review.saved", "review.committed"]
    assert transitions.sign_committed(review, reader=user).state == "signed"
    assert transitions.sign_committed(review, reader=user).state == "signed"
    assert actions()[2:] == ["review.signed"]


def test_a_stale_tab_overwrites_nothing(user: Any, prediction: Prediction) -> None:
    transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    for change in (transitions.save_draft, transitions.commit, transitions.sign):
        with pytest.raises(ReviewRefused) as refused:
            change(prediction, reader=user, opinion=NO_TUMOR)
        assert refused.value.code == "stale"
    assert Review.objects.get().finding == "tumor"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_running_scan_is_not_reviewed(user: Any, state: str) -> None:
    running = PredictionFactory(scan__case__owner=user, state=state)
    with pytest.raises(ReviewRefused) as refused:
        transitions.sign(running, reader=user, opinion=TUMOR)
    assert refused.value.code == "still_running"
    assert not Review.objects.exists()


@pytest.mark.parametrize("state", ["refused", "failed", "canceled"])
def test_a_scan_without_the_models_judgment_is_reviewed(user: Any, state: str) -> None:
    ended = PredictionFactory(scan__case__owner=user, state=state)
    assert transitions.sign(ended, reader=user, opinion=TUMOR).state == "signed"


def test_a_page_that_shows_other_pixels_is_refused(user: Any, prediction: Prediction) -> None:
    shown = prediction.scan.pixel_sha256[:12]
    assert transitions.save_draft(prediction, reader=user, opinion=TUMOR, pixels=shown)
    with pytest.raises(ReviewRefused) as refused:
        transitions.sign(prediction, reader=user, opinion=TUMOR, version=1, pixels="0" * 12)
    assert refused.value.code == "scan_changed"


INVALID = [
    (Opinion(), "finding"),
    (Opinion(finding="perhaps"), "finding"),
    (Opinion(finding="no_tumor", tumor_type="glioma"), "tumor_type"),
    (Opinion(finding="tumor", tumor_type="wart"), "tumor_type"),
    (Opinion(finding="tumor", confidence="huge"), "confidence"),
    (Opinion(finding="tumor", comment="x" * 4001), "comment"),
    (Opinion(finding="tumor", comment="\0"), "comment"),
    (Opinion(finding="tumor", location=(0.1,)), "location"),
    (Opinion(finding="tumor", location=(0.1, float("nan"))), "location"),
    (Opinion(finding="tumor", location=(0.5, 0.5, 0.4, 0.6)), "location"),
    (Opinion(finding="tumor", slice_index=0), "slice"),
]


@pytest.mark.parametrize(("opinion", "field"), INVALID)
def test_an_opinion_that_breaks_a_rule_is_not_signed(
    user: Any, prediction: Prediction, opinion: Opinion, field: str
) -> None:
    with pytest.raises(InvalidOpinion) as refused:
        transitions.sign(prediction, reader=user, opinion=opinion)
    assert list(refused.value.errors) == [field]
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("index", "location", "valid"), [(2, (0.1, 0.1), True), (3, (), False), (None, (0.1, 0.1), False)]
)
def test_a_location_in_a_series_names_its_slice(user: Any, index: int, location: Any, valid: bool) -> None:
    series = PredictionFactory(scan=ScanFactory(case__owner=user, frames=3))
    opinion = Opinion(finding="tumor", location=location, slice_index=index)
    if valid:
        assert transitions.sign(series, reader=user, opinion=opinion).slice_index == index
    else:
        with pytest.raises(InvalidOpinion):
            transitions.sign(series, reader=user, opinion=opinion)


def test_only_owner_and_readers_review(
    user: Any, other_user: Any, reader: Any, admin: Any, prediction: Prediction
) -> None:
    for person in (other_user, admin):
        with pytest.raises(NotYourReading):
            transitions.save_draft(prediction, reader=person, opinion=TUMOR)
    for person in (user, reader):
        assert transitions.save_draft(prediction, reader=person, opinion=TUMOR)


def test_users_cannot_change_each_others_reviews(user: Any, reader: Any, admin: Any, prediction: Prediction) -> None:
    review = transitions.commit(prediction, reader=user, opinion=TUMOR)
    for person in (reader, admin):
        with pytest.raises(NotYourReading):
            transitions.sign_committed(review, reader=person)
        with pytest.raises(NotYourReading):
            transitions.amend(review, reader=person, opinion=NO_TUMOR, reason="I know better.")
    draft = transitions.save_draft(prediction, reader=reader, opinion=TUMOR)
    assert not transitions.discard_draft(draft, reader=user)


def test_a_draft_is_discarded_but_no_committed_review(user: Any, prediction: Prediction) -> None:
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    assert transitions.discard_draft(draft, reader=user)
    assert not transitions.discard_draft(draft, reader=user)
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR)
    assert not transitions.discard_draft(committed, reader=user)
    assert actions() == ["review.saved", "review.discarded", "review.committed"]


def test_two_who_disagree_are_decided_by_a_third(user: Any, prediction: Prediction, readers: list[Any]) -> None:
    first = transitions.sign(prediction, reader=user, opinion=TUMOR)
    second = transitions.sign(prediction, reader=readers[0], opinion=NO_TUMOR)
    assert (first.role, second.role, reading(prediction)) == ("reader", "second", "disagreement")
    third = transitions.sign(prediction, reader=readers[1], opinion=NO_TUMOR)
    assert (third.role, reading(prediction)) == ("adjudication", "signed")
    late = transitions.sign(prediction, reader=readers[2], opinion=TUMOR)
    assert reading(prediction) == "signed"
    assert late.role == "adjudication"


def test_a_policy_may_ask_for_two_readings(user: Any, prediction: Prediction, readers: list[Any]) -> None:
    policy(user, readings=2)
    transitions.sign(prediction, reader=user, opinion=TUMOR)
    assert reading(prediction) == "read"
    transitions.sign(prediction, reader=readers[0], opinion=TUMOR)
    assert reading(prediction) == "signed"


def test_reviews_of_a_scan_that_goes_for_good_stay_in_the_audit(user: Any, admin: Any, prediction: Prediction) -> None:
    signed = transitions.sign(prediction, reader=user, opinion=TUMOR)
    transitions.amend(signed, reader=user, opinion=NO_TUMOR, reason="An artifact.")
    assert transitions.forget(prediction.scan, actor=admin, why="purged") == 2
    assert not Review.objects.exists()
    kept = AuditEvent.objects.filter(action="review.purged").values_list("details__finding", flat=True)
    assert sorted(kept) == ["no_tumor", "tumor"]


def test_each_audit_row_tells_what_was_done_and_how(user: Any, prediction: Prediction) -> None:
    policy(user, mode="blind_first", readings=2)
    review = transitions.commit(prediction, reader=user, opinion=TUMOR)
    transitions.sign_committed(review, reader=user)
    of = {"scan": prediction.scan_id, "prediction": prediction.pk, "finding": "tumor", "type": "glioma"}
    of |= {"role": "reader", "mode": "blind_first", "reading": "read", "blind": True}
    rows = AuditEvent.objects.filter(target_type="review").order_by("pk")
    assert [(row.action, row.actor, row.target_id, row.details) for row in rows] == [
        ("review.committed", "ada", str(review.pk), of),
        ("review.signed", "ada", str(review.pk), of),
    ]


def test_each_change_of_a_review_counts_its_version(user: Any, prediction: Prediction) -> None:
    version = 0
    for comment in ("One.", "Two.", "Three."):
        opinion = Opinion(comment=comment)
        draft = transitions.save_draft(prediction, reader=user, opinion=opinion, version=version)
        assert (draft.version, draft.comment) == (version + 1, comment)
        version = draft.version
    assert transitions.save_draft(prediction, reader=user, opinion=opinion).version == 3  # nothing differs
    with pytest.raises(ReviewRefused, match=r"in another tab or window\. What you wrote is kept below"):
        transitions.save_draft(prediction, reader=user, opinion=TUMOR, version=2)
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR, version=3)
    assert (committed.version, transitions.sign_committed(committed, reader=user).version) == (4, 5)


def test_signing_a_committed_review_takes_account_of_later_reviews(
    user: Any, prediction: Prediction, readers: list[Any]
) -> None:
    """Two signed and disagree between this reader's commit and signature; a policy asks for two readings by then."""
    mine = transitions.commit(prediction, reader=user, opinion=TUMOR)
    assert (mine.role, mine.signed, mine.readings_required) == ("reader", None, 1)
    transitions.sign(prediction, reader=readers[0], opinion=TUMOR)
    assert Review.objects.get(reader=readers[0]).role == "second"
    transitions.sign(prediction, reader=readers[1], opinion=NO_TUMOR)
    policy(user, readings=2)
    signed = transitions.sign_committed(mine, reader=user)
    assert (signed.role, signed.readings_required, reading(prediction)) == ("adjudication", 2, "signed")
    assert signed.signed is not None and mine.committed is not None
    assert signed.committed == mine.committed and signed.signed > mine.committed
    assert signed.saved == signed.signed


def test_drafts_of_others_and_amended_reviews_make_nobody_a_second_reader(
    user: Any, prediction: Prediction, readers: list[Any]
) -> None:
    transitions.save_draft(prediction, reader=readers[0], opinion=NO_TUMOR)
    first = transitions.sign(prediction, reader=user, opinion=NO_TUMOR)
    assert first.role == "reader"
    amended = transitions.amend(first, reader=user, opinion=TUMOR, reason="Seen again.")
    assert amended.role == "reader"
    agrees = transitions.sign(prediction, reader=readers[0], opinion=TUMOR, version=1)
    assert (agrees.role, reading(prediction)) == ("second", "signed")  # what was amended disagrees with nobody


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda review, who: transitions.sign_committed(review, reader=who), "This is a draft: commit it, or sign it"),
        (
            lambda review, who: transitions.amend(review, reader=who, opinion=NO_TUMOR, reason="x"),
            r"A draft is not amended: change it\.",
        ),
    ],
)
def test_a_draft_is_neither_signed_alone_nor_amended(user: Any, prediction: Prediction, act: Any, message: str) -> None:
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    with pytest.raises(ReviewRefused, match=message) as refused:
        act(draft, user)
    assert refused.value.code == "not_committed"
    assert actions() == ["review.saved"]


def test_a_draft_may_be_incomplete_and_what_is_committed_may_not(user: Any, prediction: Prediction) -> None:
    assert transitions.save_draft(prediction, reader=user, opinion=Opinion()).finding == ""
    with pytest.raises(InvalidOpinion, match="Choose a finding"):
        transitions.commit(prediction, reader=user, opinion=Opinion(), version=1)
    with pytest.raises(InvalidOpinion):
        transitions.save_draft(prediction, reader=user, opinion=Opinion(finding="perhaps"), version=1)


def test_a_page_from_before_slices_were_added_is_refused(user: Any, prediction: Prediction) -> None:
    digest = prediction.scan.pixel_sha256
    for pixels in ("", digest[:12], digest):
        assert transitions.save_draft(prediction, reader=user, opinion=TUMOR, pixels=pixels)
    with pytest.raises(ReviewRefused, match="Slices were added to the scan after you opened it"):
        transitions.save_draft(prediction, reader=user, opinion=TUMOR, pixels=digest[1:13])


def test_a_purged_review_is_kept_in_the_audit_with_its_text(user: Any, admin: Any, prediction: Prediction) -> None:
    review = transitions.sign(prediction, reader=user, opinion=TUMOR)
    other = transitions.sign(PredictionFactory(scan__case__owner=user), reader=user, opinion=NO_TUMOR)
    transitions.forget(prediction.scan, actor=admin, why="purged")
    assert list(Review.objects.all()) == [other]
    event = AuditEvent.objects.get(action="review.purged")
    told = {"scan": prediction.scan_id, "why": "purged", "state": "signed", "reader": "ada"}
    assert (event.actor, event.target_id) == ("root", str(review.pk))
    assert event.details == told | {"finding": "tumor", "comment": "Left temporal."}


def writes_a_review(source: str) -> bool:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    written = {"update", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
    return any(
        (ast.unparse(call.func).startswith("Review.objects") and getattr(call.func, "attr", "") in written)
        or ast.unparse(call.func) == "Review"
        for call in calls
    )  # fmt: skip


def test_no_other_module_writes_a_review() -> None:
    root = Path(diagnosis.__file__).parent
    modules = [file for file in root.rglob("*.py") if "migrations" not in file.parts]
    assert [str(file.relative_to(root)) for file in modules if writes_a_review(file.read_text())] == [
        "reviews/transitions.py"
    ]
