"""When a reader first saw the model's result, and which readings count as blind."""

from typing import Any

import pytest

from diagnosis.access import audit
from diagnosis.models import Prediction
from diagnosis.reviews import transitions
from tests.diagnosis.reviews.test_transitions import NO_TUMOR, TUMOR, policy, prediction
from tests.factories import PredictionFactory, ScanFactory

__all__ = ["prediction"]

pytestmark = pytest.mark.django_db


def test_a_blind_reading_is_recorded_as_blind(user: Any, prediction: Prediction) -> None:
    policy(user, mode="blind_first")
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    assert (draft.mode, draft.revealed) == ("blind_first", None)
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR, version=1)
    assert committed.read_blind
    assert committed.revealed == committed.committed
    amended = transitions.amend(committed, reader=user, opinion=NO_TUMOR, reason="The map convinced me.")
    assert (amended.state, amended.read_blind) == ("committed", False)
    assert transitions.sign_committed(amended, reader=user).finding == "no_tumor"


@pytest.mark.parametrize("action", audit.RESULT_SHOWN)
def test_a_reader_who_has_seen_the_result_does_not_read_blind(user: Any, prediction: Prediction, action: str) -> None:
    seen = audit.record(action, actor=user, target=prediction)
    policy(user, mode="blind_first")
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR)
    assert committed.revealed == seen.at
    assert not committed.read_blind


def test_a_reader_who_has_read_the_same_pixels_elsewhere_does_not_read_blind(user: Any, prediction: Prediction) -> None:
    policy(user, mode="blind_first")
    scan = ScanFactory(case__owner=user, pixel_sha256=prediction.scan.pixel_sha256)
    first = transitions.commit(PredictionFactory(scan=scan), reader=user, opinion=NO_TUMOR)
    second = transitions.commit(prediction, reader=user, opinion=TUMOR)
    assert first.read_blind
    assert not second.read_blind
    assert second.revealed == first.revealed


def test_a_draft_made_beside_the_result_does_not_become_blind(user: Any, prediction: Prediction) -> None:
    transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    policy(user, mode="blind_first")
    committed = transitions.commit(prediction, reader=user, opinion=TUMOR, version=1)
    assert (committed.mode, committed.read_blind) == ("open", False)


def test_later_saves_keep_the_time_at_which_the_result_was_first_shown(user: Any, prediction: Prediction) -> None:
    draft = transitions.save_draft(prediction, reader=user, opinion=TUMOR)
    assert draft.revealed == draft.saved
    later = transitions.save_draft(prediction, reader=user, opinion=NO_TUMOR, version=1)
    assert later.revealed == draft.revealed < later.saved
    assert transitions.sign(prediction, reader=user, opinion=NO_TUMOR, version=2).revealed == draft.revealed
