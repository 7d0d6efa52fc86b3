"""The slices of a series on pages and in the API: their results and images, and who may see them."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as Pillow

from diagnosis import intake
from diagnosis.inference import pipeline
from diagnosis.models import AuditEvent, ModelVersion, Prediction, Slice, SliceResult
from diagnosis.presentation import missing
from ml.readers import read
from tests import builders
from tests.diagnosis.views.test_files import fetch
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch) -> Prediction:
    """A done run of a series of six DICOM slices."""
    return done(user, builders.dicom_series(6, WindowCenter=[100, 60], WindowWidth=[200, 40]), monkeypatch)


def done(user: Any, files: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Prediction:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))
    uploads = [SimpleUploadedFile(f"IM{n}", data) for n, data in enumerate(files)]
    prediction = intake.receive(user=user, files=uploads).accepted[0].prediction
    pipeline.run(prediction_id=prediction.pk)
    return Prediction.objects.get(pk=prediction.pk)


def test_the_listing_has_each_slice_in_order(
    as_user: Client, series: Prediction, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(7):  # session, person, three of its own, and two of the audit
        found = as_user.get(reverse("prediction-slices", args=[series.pk])).json()
    assert not found["active"]
    assert (found["pixels"], found["block"]) == (f"/scans/{series.scan_id}/pixels/", 8)
    assert found["version"].endswith("-6")
    assert (found["plane"], found["letters"], found["stacked"], found["spacing"]) == ("axial", "RLAP", "FH", 5)
    assert found["normal"] == [0, 0, 1]
    assert [one["number"] for one in found["slices"]] == [1, 2, 3, 4, 5, 6]
    assert [one["along"] for one in found["slices"]] == [0, 5, 10, 15, 20, 25]
    assert [one["position"] for one in found["slices"]] == [[-48, -48, 5 * at] for at in range(6)]
    first = found["slices"][0]
    assert (first["status"], first["label"], len(first["box"])) == ("tumor", "Tumor 0.90", 4)
    assert first["caption"].endswith("of this slice's evidence")


def test_no_planes_are_cut_from_a_series_with_a_gap(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = builders.dicom_series(8)
    found = done(user, [*files[:3], *files[5:]], monkeypatch)
    assert "Slices are missing in 1 place." in found.scan.notes
    assert as_user.get(reverse("prediction-slices", args=[found.pk])).json()["spacing"] is None


def test_a_slice_has_a_percentage_where_the_score_is_a_probability(as_user: Client, series: Prediction) -> None:
    ModelVersion.objects.update(manifest={"calibration": {"uncertain": [0.3, 0.7]}})
    found = as_user.get(reverse("prediction-slices", args=[series.pk])).json()["slices"][0]
    assert found["label"] == "Tumor 90 %"


def test_slices_without_a_result_are_labeled_so(as_user: Client, series: Prediction) -> None:
    SliceResult.objects.filter(slice__index=2).delete()
    found = as_user.get(reverse("prediction-slices", args=[series.pk])).json()["slices"][2]
    assert (found["label"], found["probability"], found["map"], found["box"]) == ("Not analyzed yet", None, None, None)


def addresses(series: Prediction) -> list[str]:
    row, result = Slice.objects.filter(scan=series.scan)[0], SliceResult.objects.filter(prediction=series)[0]
    pages = [("prediction-slices", series.pk), ("slice-preview", row.pk), ("slice-thumbnail", row.pk)]
    pages += [("slice-heatmap", result.pk), ("slice-overlay", result.pk), ("api:prediction-slices", series.pk)]
    found = [reverse(name, args=[key]) for name, key in pages]
    found += [
        reverse(f"api:prediction-slice-{kind}", args=[series.pk, 0]) for kind in ("preview", "heatmap", "overlay")
    ]
    return [*found, reverse("slice-preview", args=[row.pk]) + "?window=1"]


def test_only_users_who_may_see_the_case_get_slices(
    client: Client, series: Prediction, user: Any, other_user: Any, reader: Any
) -> None:
    for person, expected in ((user, 200), (reader, 200), (other_user, 404)):
        client.force_login(person)
        assert {fetch(client, address).status_code for address in addresses(series)} == {expected}
    client.logout()
    assert {fetch(client, address).status_code for address in addresses(series)} == {302, 401}


def test_images_are_pngs_that_no_browser_keeps(as_user: Client, series: Prediction) -> None:
    row = series.scan.slices.get(index=3)
    answer = fetch(as_user, reverse("slice-preview", args=[row.pk]))
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert answer["Cache-Control"] == "private, no-store"
    with row.preview.open() as stored:
        assert answer.body == stored.read()
    again = fetch(as_user, reverse("slice-preview", args=[row.pk]), headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_a_slice_under_another_window_of_its_file(as_user: Client, series: Prediction) -> None:
    row = series.scan.slices.get(index=3)

    def shown(window: str) -> np.ndarray:
        answer = as_user.get(reverse("slice-preview", args=[row.pk]), {"window": window})
        assert answer.status_code == 200
        return np.asarray(Pillow.open(io.BytesIO(answer.content)))

    narrow, full = shown("1"), shown("full")
    with row.file.open() as stored:
        gray = read(stored.read()).pixels
    assert (narrow[gray < 0.1] == 0).all() and narrow.std() > full.std()
    for nonsense in ("x", "-1", "1.5", "1000"):
        answer = as_user.get(reverse("slice-preview", args=[row.pk]), {"window": nonsense})
        assert answer.status_code == 404


def test_a_volume_offers_no_windows(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = done(user, [builders.nifti_bytes(4)], monkeypatch)
    row = volume.scan.slices.get(index=1)
    assert as_user.get(reverse("slice-preview", args=[row.pk]), {"window": "full"}).status_code == 404
    assert fetch(as_user, reverse("slice-preview", args=[row.pk])).status_code == 200


def test_the_listing_of_a_volume_says_that_it_runs_from_left_to_right(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.stack([builders.phantom(64, seed=number) for number in range(4)])
    affine = np.diag([5.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -10
    volume = done(user, [bytes(builders.nifti(planes, affine).to_bytes())], monkeypatch)
    found = as_user.get(reverse("prediction-slices", args=[volume.pk])).json()
    assert (found["letters"], found["stacked"]) == ("APHF", "LR")


def test_an_open_page_gets_no_gray_values_of_other_slices_than_it_lists(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = builders.dicom_series(12)
    listed = as_user.get(reverse("prediction-slices", args=[done(user, files[2:], monkeypatch).pk])).json()
    block = f"{listed['pixels']}0/"
    assert as_user.get(block, {"v": listed["version"]}).status_code == 200
    done(user, files[:2], monkeypatch)
    assert as_user.get(block, {"v": listed["version"]}).status_code == 409
    assert as_user.get(block).status_code == 200


@pytest.mark.parametrize(("shift", "spacing"), [(0.0, 5), (1.0, None)])
def test_no_planes_are_cut_from_a_volume_whose_slices_are_shifted_sideways(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch, shift: float, spacing: float | None
) -> None:
    planes = np.stack([builders.phantom(64, seed=number) for number in range(4)], axis=2)
    affine = np.diag([-1.0, -1.0, 5.0, 1.0])
    affine[:3, 2:] = [[0, 30], [shift, 30], [5, -10]]
    volume = done(user, [bytes(builders.nifti(planes, affine).to_bytes())], monkeypatch)
    assert as_user.get(reverse("prediction-slices", args=[volume.pk])).json()["spacing"] == spacing


def test_the_evidence_of_a_slice_is_drawn_over_its_own_image(as_user: Client, series: Prediction) -> None:
    result = series.slice_results.get(slice__index=2)
    for name in ("slice-heatmap", "slice-overlay"):
        answer = as_user.get(reverse(name, args=[result.pk]))
        with Pillow.open(io.BytesIO(answer.content)) as drawn, result.slice.preview.open() as file:
            assert drawn.size[0] == Pillow.open(file).size[0]
    assert AuditEvent.objects.filter(action="overlay.downloaded").count() == 1
    result.evidence = None
    result.save()
    assert as_user.get(reverse("slice-heatmap", args=[result.pk])).status_code == 404


def test_the_page_of_a_series(as_user: Client, series: Prediction, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        text = as_user.get(series.get_absolute_url()).content.decode()
    assert "slices 1 to 6 of 6, about 30 mm" in text
    assert series.key_slice is not None
    assert f'data-viewer="{reverse("prediction-slices", args=[series.pk])}"' in text
    assert f'data-start="{series.key_slice.index}"' in text
    assert 'data-start="4"' in as_user.get(series.get_absolute_url(), {"slice": "5"}).content.decode()
    assert f'data-start="{series.key_slice.index}"' in as_user.get(
        series.get_absolute_url(), {"slice": "99"}
    ).content.decode()  # fmt: skip
    for letter, side in (("R", "left"), ("L", "right"), ("A", "top"), ("P", "bottom")):
        assert f'edge-{side}" aria-hidden="true">{letter}<' in text
    assert "The image&#x27;s right is the patient&#x27;s left" in text


def test_the_files_of_a_series_come_as_an_archive(as_user: Client, series: Prediction) -> None:
    answer = fetch(as_user, reverse("scan-file", args=[series.scan_id]))
    assert answer["Content-Type"] == "application/zip"
    assert f"scan-{series.scan_id}.zip" in answer["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.namelist() == [f"{n:04}.dcm" for n in range(1, 7)]
        row = series.scan.slices.get(index=4)
        with row.file.open() as stored:
            assert archive.read("0005.dcm") == stored.read()
    assert AuditEvent.objects.filter(action="file.downloaded").exists()


def test_the_api_tells_the_same(as_user: Client, series: Prediction) -> None:
    said = as_user.get(reverse("api:prediction-detail", args=[series.pk])).json()["series"]
    assert (said["frames"], said["progress"], said["accepted"], said["extent"]) == (6, 6, 6, [0, 5])
    assert said["key_slice"] == said["top"][0]
    rows = as_user.get(said["slices_url"]).json()
    assert [row["index"] for row in rows] == list(range(6))
    assert rows[0]["tumor_probability"] == pytest.approx(0.9, abs=1e-4)
    for address in (rows[0]["preview_url"], rows[0]["evidence"]["heatmap_url"], rows[0]["evidence"]["overlay_url"]):
        assert fetch(as_user, address)["Content-Type"] == "image/png"


def test_the_listing_costs_as_much_for_many_as_for_few(
    as_user: Client, user: Any, model_version: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    long = done(user, [builders.nifti_bytes(40, size=64)], monkeypatch)
    with django_assert_num_queries(7):
        assert len(as_user.get(reverse("prediction-slices", args=[long.pk])).json()["slices"]) == 40


def test_a_window_of_a_damaged_file_says_that_the_file_is_damaged(as_user: Client, series: Prediction) -> None:
    row = Slice.objects.filter(scan=series.scan)[0]
    file = row.file or row.scan.file
    assert file.name is not None
    with file.storage.open(file.name, "wb") as stored:
        stored.write(b"no image")
    response = as_user.get(reverse("slice-preview", args=[row.pk]), {"window": "full"})
    assert (response.status_code, missing.FILE in response.content.decode()) == (404, True)
