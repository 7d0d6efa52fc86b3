"""Pins the images of Dockerfile and compose.yaml by digest: `python -m scripts.pin_images`, once for each new tag.

`name:tag` becomes `name:tag@sha256:…`, so that a registry cannot give another image of the same name. It asks the
registry, and so needs a network. With `--check`, as `make vulnerabilities` calls it, it changes nothing, names the
images whose tag has moved on since, and fails if an image has no digest although its registry would name it. Where the
registry cannot be asked, it says so and passes.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
FILES = ("Dockerfile", "compose.yaml")
_IMAGE = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<name>[\w./-]+):(?P<tag>[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?", re.M
)
"""An image with a tag. Ours has none: compose builds it."""
_HUB = "registry-1.docker.io"
_MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        *("oci.image.index.v1", "docker.distribution.manifest.list.v2"),  # one digest for all platforms
        *("oci.image.manifest.v1", "docker.distribution.manifest.v2"),
    )
)


def images(text: str) -> Iterator[tuple[str, str]]:
    """The images of a file: `name:tag`, and the digest or ""."""
    return ((f"{one['name']}:{one['tag']}", (one["digest"] or "").lstrip("@")) for one in _IMAGE.finditer(text))


def pinned(text: str, *, digest_of: Callable[[str, str], str]) -> str:
    """The text with the digest that each image's tag has now, by its name and tag."""
    return _IMAGE.sub(
        lambda one: f"{one['before']}{one['name']}:{one['tag']}@{digest_of(one['name'], one['tag'])}", text
    )


def digest_of(name: str, tag: str, *, scheme: str = "https") -> str:
    """Ask an image's registry. Raises OSError if it does not answer, ValueError if it names no digest."""
    first, _, rest = name.partition("/")
    if "." in first or ":" in first:
        host, repository = first, rest
    else:
        host, repository = _HUB, name if rest else f"library/{name}"
    address = f"{scheme}://{host}/v2/{repository}/manifests/{tag}"
    try:
        found = _head(address)
    except urllib.error.HTTPError as refusal:
        if refusal.code != 401:
            raise
        found = _head(address, token=_token(refusal.headers["WWW-Authenticate"] or "", scheme=scheme))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", found):
        raise ValueError(f"{host} names no digest of {name}:{tag}")
    return found


def check(found: Iterable[tuple[str, str]]) -> int:
    """Say which images have no digest, or an earlier one than their tag. Returns 1 if one without could be mended."""
    mendable = 0
    for image, digest in dict.fromkeys(found):
        name, _, tag = image.rpartition(":")
        pinned_or_not = "pinned" if digest else "not pinned by digest"
        try:
            now = digest_of(name, tag)
        except (OSError, ValueError) as error:
            print(f"{image} is {pinned_or_not}, and its registry cannot be asked: {error}", file=sys.stderr)
            continue
        if not digest:
            mendable = 1
            print(f"{image} is not pinned by digest; now it is {now}. Run: python -m scripts.pin_images")
        elif digest != now:
            print(f"{image} has moved on, to {now}. Run: python -m scripts.pin_images")
    return mendable


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        return check(one for name in FILES for one in images((ROOT / name).read_text()))
    try:
        new = {name: pinned((ROOT / name).read_text(), digest_of=digest_of) for name in FILES}
    except (OSError, ValueError) as error:
        print(f"The images could not be pinned: {error}", file=sys.stderr)
        return 1
    for name, text in new.items():
        (ROOT / name).write_text(text)
    return 0


def _head(address: str, *, token: str = "") -> str:
    headers = {"Accept": _MANIFESTS} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(address, headers=headers, method="HEAD")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - of the image's registry  # nosec B310
        return str(answer.headers.get("Docker-Content-Digest", ""))


def _token(challenge: str, *, scheme: str) -> str:
    """One for anybody, from where the registry says."""
    wanted = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    address = f"{wanted.pop('realm', '')}?{urlencode(wanted)}"
    if not address.startswith(f"{scheme}://"):
        raise ValueError(f"the registry asks for a token from {address!r}")
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - named by the registry  # nosec B310
        return str(json.load(answer)["token"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
