"""The reading panel: what it offers, what each of its buttons does, and that a refusal loses no text."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from diagnosis.models import Prediction, ReadingPolicy, Review, Scan
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from tests.factories import ModelVersionFactory, PredictionFactory

pytestmark = pytest.mark.django_db

TYPED = {"finding": "no_tumor", "confidence": "low", "comment": "Motion artifact.", "x0": "0.2", "y0": "0.4"}


@pytest.fixture
def prediction(user: Any) -> Prediction:
    return PredictionFactory(scan__case__owner=user)


def send(client: Client, prediction: Prediction, action: str, **data: Any) -> Any:
    return client.post(f"/predictions/{prediction.pk}/review/", {"action": action, **data})


def page(client: Client, prediction: Prediction) -> str:
    return client.get(f"/predictions/{prediction.pk}/").content.decode()


def blind(*people: Any) -> None:
    group = Group.objects.create(name="study")
    ReadingPolicy.objects.create(group=group, mode="blind_first")
    group.user_set.add(*people)


def test_one_button_agrees_and_signs(as_user: Client, prediction: Prediction) -> None:
    assert "Agree and sign: tumor, glioma" in page(as_user, prediction)
    response = send(as_user, prediction, "agree", list="reading=unread")
    assert response["Location"] == f"/predictions/{prediction.pk}/?list=reading%3Dunread"
    review = Review.objects.get()
    assert (review.state, review.finding, review.tumor_type) == ("signed", "tumor", "glioma")
    shown = page(as_user, prediction)
    assert "Final" in shown
    assert "Agree and sign" not in shown


def test_an_uncertain_result_offers_nothing_to_agree_with(as_user: Client, user: Any) -> None:
    uncertain = PredictionFactory(scan__case__owner=user, uncertain=True)
    assert "Agree and sign" not in page(as_user, uncertain)
    assert send(as_user, uncertain, "agree").status_code == 409


def test_an_overruling_is_signed_with_its_place(as_user: Client, prediction: Prediction) -> None:
    assert send(as_user, prediction, "sign", **TYPED).status_code == 302
    review = Review.objects.get()
    assert (review.finding, review.confidence, review.point) == ("no_tumor", "low", (0.2, 0.4))
    assert "Motion artifact." in page(as_user, prediction)
    assert "data-locations" in page(as_user, prediction)


def test_blind_first_commit_reveal_sign(as_user: Client, user: Any, prediction: Prediction) -> None:
    blind(user)
    hidden = page(as_user, prediction)
    assert "Read it first" in hidden
    shown = hidden.split("<main", 1)[1].split("Details", 1)[0]
    for name in (prediction.case_reference, prediction.scan_name):  # their numbers may be a 93
        shown = shown.replace(name, "")
    assert not re.search(r"\b93\b", shown)
    send(as_user, prediction, "commit", **TYPED)
    assert "Tumor likely" in page(as_user, prediction)
    assert "Sign as committed" in page(as_user, prediction)
    send(as_user, prediction, "confirm")
    review = Review.objects.get()
    assert (review.state, review.read_blind) == ("signed", True)
    assert "read blind" in page(as_user, prediction)


def test_a_stale_tab_gets_its_text_back(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "save", finding="tumor", comment="From the other tab.")
    response = send(as_user, prediction, "sign", **TYPED, version="0")
    text = response.content.decode()
    assert response.status_code == 409
    assert "changed in another tab" in text
    assert "Motion artifact.</textarea>" in text
    assert 'value="no_tumor" checked' in text
    assert "From the other tab." in text
    assert Review.objects.get().finding == "tumor"
    assert 'name="version" value="1"' in text
    assert send(as_user, prediction, "sign", **TYPED, version="1").status_code == 302
    assert Review.objects.get().comment == "Motion artifact."


def hidden(client: Client, prediction: Prediction) -> dict[str, str]:
    """What a tab that is opened now sends along."""
    return dict(re.findall(r'name="(review|version|pixels)" value="([^"]*)"', page(client, prediction)))


def test_an_amendment_stands_beside_the_run_of_its_page(as_user: Client, prediction: Prediction) -> None:
    """Not beside a newer one, whose result its reader may never have seen."""
    send(as_user, prediction, "agree")
    PredictionFactory(scan=prediction.scan, model_version=ModelVersionFactory())
    send(as_user, prediction, "amend", **TYPED, reason="Second look.")
    assert Review.objects.get(current=True).prediction == prediction


def test_a_stale_tab_amends_no_newer_amendment(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "agree")
    tab = hidden(as_user, prediction)
    send(as_user, prediction, "amend", finding="cannot_tell", reason="From the other tab.")
    response = send(as_user, prediction, "amend", **TYPED, reason="Second look.", **tab)
    assert response.status_code == 409
    for text in ("was amended meanwhile", "Motion artifact.</textarea>", "From the other tab."):
        assert text in response.content.decode()
    assert Review.objects.get(current=True).finding == "cannot_tell"
    again = hidden(as_user, prediction)
    assert send(as_user, prediction, "amend", **TYPED, reason="Second look.", **again).status_code == 302


def test_a_stale_tab_signs_no_text_that_it_does_not_show(as_user: Client, user: Any, prediction: Prediction) -> None:
    transitions.commit(prediction, reader=user, opinion=Opinion(finding="tumor"))
    tab = hidden(as_user, prediction)
    send(as_user, prediction, "amend", **TYPED, reason="From the other tab.")
    assert send(as_user, prediction, "confirm", **tab).status_code == 409
    assert Review.objects.get(current=True).state == "committed"


def test_a_stale_tab_deletes_no_newer_draft(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "save", comment="Early.")
    tab = hidden(as_user, prediction)
    send(as_user, prediction, "save", **TYPED, version="1")
    assert send(as_user, prediction, "discard", **tab).status_code == 409
    assert Review.objects.get().comment == "Motion artifact."
    assert send(as_user, prediction, "discard", **hidden(as_user, prediction)).status_code == 302
    assert not Review.objects.exists()


def test_a_stale_tab_amends_nothing_after_slices_were_added(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "agree")
    tab = hidden(as_user, prediction)
    Scan.objects.update(pixel_sha256="0" * 64)
    response = send(as_user, prediction, "amend", **TYPED, reason="Second look.", **tab)
    assert response.status_code == 409
    assert "Slices were added" in response.content.decode()
    assert Review.objects.get().finding == "tumor"


@pytest.mark.parametrize("action", ["save", "sign"])
def test_a_place_is_not_shown_on_a_slice_that_it_may_not_lie_on(
    action: str, as_user: Client, prediction: Prediction
) -> None:
    Scan.objects.update(frames=5)
    send(as_user, prediction, action, **TYPED, slice="3")
    shown = page(as_user, prediction)
    assert "data-locations" in shown and 'name="slice" value="3"' in shown
    Scan.objects.update(frames=6, pixel_sha256="0" * 64)  # a slice was added, maybe before that one
    shown = page(as_user, prediction)
    assert "data-locations" not in shown and 'name="slice" value=""' in shown
    assert 'name="x0" value=""' in shown and "mark the location again" in shown


def test_a_running_scan_gets_its_text_back(as_user: Client, user: Any) -> None:
    running = PredictionFactory(scan__case__owner=user, state="running")
    response = send(as_user, running, "sign", **TYPED)
    assert response.status_code == 409
    assert "still being analyzed" in response.content.decode()
    assert "can be read once the analysis has ended" in page(as_user, running)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"comment": "No finding."}, "Choose a finding"),
        ({"finding": "tumor", "x0": "left"}, "A location is given in numbers"),
        ({"finding": "tumor", "x0": "nan", "y0": "0.1"}, "in fractions from 0 to 1"),
        ({"finding": "tumor", "slice": "x"}, "A slice is a whole number"),
    ],
)
def test_an_error_is_shown_at_its_field(
    as_user: Client, prediction: Prediction, typed: dict[str, str], sentence: str
) -> None:
    response = send(as_user, prediction, "sign", **typed)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not Review.objects.exists()


def test_an_amendment_keeps_the_earlier_text_in_sight(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "agree")
    refused = send(as_user, prediction, "amend", **TYPED)
    assert refused.status_code == 400
    assert "Say why you amend it" in refused.content.decode()
    assert "Motion artifact.</textarea>" in refused.content.decode()
    send(as_user, prediction, "amend", **TYPED, reason="Second look.")
    shown = page(as_user, prediction)
    assert "Amended readings" in shown
    assert "Second look." in shown
    assert Review.objects.count() == 2


def test_a_draft_is_deleted(as_user: Client, prediction: Prediction) -> None:
    send(as_user, prediction, "save", comment="Later.")
    assert "Delete draft" in page(as_user, prediction)
    send(as_user, prediction, "discard")
    assert not Review.objects.exists()
    assert send(as_user, prediction, "discard").status_code == 409


def test_the_third_reader_is_told_that_theirs_decides(
    client: Client, user: Any, reader: Any, other_user: Any, prediction: Prediction
) -> None:
    other_user.groups.add(Group.objects.get(name="reader"))
    transitions.sign(prediction, reader=user, opinion=Opinion(finding="tumor"))
    transitions.sign(prediction, reader=reader, opinion=Opinion(finding="no_tumor"))
    client.force_login(other_user)
    assert "Your reading decides" in page(client, prediction)
    send(client, prediction, "sign", finding="no_tumor")
    assert Review.objects.get(reader=other_user).role == "adjudication"


def test_other_people_get_404_administrators_403_and_the_wrong_verb_405(
    client: Client, other_user: Any, admin: Any, prediction: Prediction
) -> None:
    client.force_login(other_user)
    assert send(client, prediction, "agree").status_code == 404
    client.force_login(admin)
    assert "Agree and sign" not in page(client, prediction)
    assert send(client, prediction, "agree").status_code == 403
    assert client.get(f"/predictions/{prediction.pk}/review/").status_code == 405
    client.logout()
    assert send(client, prediction, "agree").status_code == 302
    assert not Review.objects.exists()
