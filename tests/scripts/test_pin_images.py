"""Images are pinned by what their registry says, and by nothing else."""

import json
import re

import pytest

from scripts import pin_images
from tests.scripts.serving import Answer, serving

DIGEST = "sha256:" + "5a" * 32
TEXT = """FROM python:3.12-slim
services:
  web:
    image: brainscan
  queue:
    image: valkey/valkey:9
  objects:
    image: registry.example.org/a/b:3.97@sha256:{old}
""".format(old="0" * 64)


def test_images_with_a_tag_and_no_digest_are_unpinned() -> None:
    assert [image for image, digest in pin_images.images(TEXT) if not digest] == ["python:3.12-slim", "valkey/valkey:9"]


def test_each_image_gets_its_digest_and_nothing_else_changes() -> None:
    asked: list[tuple[str, str]] = []
    text = pin_images.pinned(TEXT, digest_of=lambda name, tag: asked.append((name, tag)) or DIGEST)  # type: ignore[func-returns-value]
    assert asked == [("python", "3.12-slim"), ("valkey/valkey", "9"), ("registry.example.org/a/b", "3.97")]
    assert all(digest for _, digest in pin_images.images(text)) and text.count(DIGEST) == 3
    assert re.sub("@sha256:[0-9a-f]{64}", "", text) == re.sub("@sha256:[0-9a-f]{64}", "", TEXT)


def test_every_image_of_the_repository_is_seen() -> None:
    for name in pin_images.FILES:
        lines = (pin_images.ROOT / name).read_text().splitlines()
        named = [line for line in lines if re.match(r"FROM |\s*image: (?!brainscan$)", line)]
        found = [line for line in named if pin_images._IMAGE.match(line)]
        assert found == named and named


def registry(path: str, headers: dict[str, str]) -> Answer:
    """One that gives its tokens to anybody, as Docker Hub does."""
    if path.startswith("/token"):
        assert path == "/token?service=registry&scope=repository%3Aa%2Fb%3Apull"
        return 200, {}, json.dumps({"token": "for-anybody"}).encode()
    assert path == "/v2/a/b/manifests/1" and "image.index" in headers["Accept"]
    if headers.get("Authorization") != "Bearer for-anybody":
        realm = f"http://{headers['Host']}/token"
        wanted = f'Bearer realm="{realm}",service="registry",scope="repository:a/b:pull"'
        return 401, {"WWW-Authenticate": wanted}, b""
    return 200, {"Docker-Content-Digest": DIGEST}, b""


def test_a_registry_is_asked_as_docker_asks_it() -> None:
    with serving(registry) as host:
        assert pin_images.digest_of(f"{host}/a/b", "1", scheme="http") == DIGEST


def test_an_answer_without_a_digest_is_refused() -> None:
    answer = (200, {"Docker-Content-Digest": "sha256:short"}, b"")
    with serving(lambda path, headers: answer) as host, pytest.raises(ValueError, match="names no digest of"):
        pin_images.digest_of(f"{host}/a/b", "1", scheme="http")


def test_a_token_is_not_fetched_from_a_file() -> None:
    answer = (401, {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}, b"")
    with serving(lambda path, headers: answer) as host, pytest.raises(ValueError, match="asks for a token from"):
        pin_images.digest_of(f"{host}/a/b", "1", scheme="http")


def test_the_check_fails_only_where_the_digest_can_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no registry can be reached there is nothing that could be done about it."""

    def answer(name: str, tag: str) -> str:
        if name == "valkey/valkey":
            return DIGEST
        raise OSError("no route to host")

    monkeypatch.setattr(pin_images, "digest_of", answer)
    assert pin_images.check([]) == 0
    assert pin_images.check([("python:3.12-slim", "")]) == 0
    assert (
        "python:3.12-slim is not pinned by digest, and its registry cannot be asked: no route"
        in capsys.readouterr().err
    )
    assert pin_images.check([("python:3.12-slim", ""), ("valkey/valkey:9", "")]) == 1
    assert f"valkey/valkey:9 is not pinned by digest; now it is {DIGEST}." in capsys.readouterr().out


def test_the_check_names_an_image_whose_tag_has_moved_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is for whoever builds next; the pinned image is still the one that was chosen."""
    monkeypatch.setattr(pin_images, "digest_of", lambda name, tag: DIGEST)
    assert pin_images.check([("postgres:17", DIGEST)]) == 0
    assert capsys.readouterr().out == ""
    assert pin_images.check([("postgres:17", f"sha256:{'0' * 64}")]) == 0
    assert f"postgres:17 has moved on, to {DIGEST}." in capsys.readouterr().out


def test_all_images_are_pinned() -> None:
    found = [one for name in pin_images.FILES for one in pin_images.images((pin_images.ROOT / name).read_text())]
    assert len(found) >= 5
    assert [image for image, digest in found if not digest] == []
