"""An authenticator in software: answers what the site asks, as a browser with a passkey does, and lies if told to."""

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One credential on one device. count: None for one that always says 0, as synchronized passkeys do."""

    origin: str = "http://localhost"
    count: int | None = 0
    verifies: bool = True
    id: bytes = field(default_factory=lambda: os.urandom(32))
    handle: str = ""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any], **lies: Any) -> str:
        """The answer to options for a new passkey."""
        self.handle = options["user"]["id"]
        public = self._key.public_key()
        key = lies.pop("key", None) or ES256.from_cryptography_key(public)  # type: ignore[no-untyped-call]
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, key)
        host = lies.pop("host", options["rp"]["id"])
        data = self._data(host, ATTESTED, credential)
        attestation = AttestationObject.create("none", data, {})
        client = self._client("webauthn.create", options, lies)
        return self._answer(client, {"attestationObject": websafe_encode(attestation)})

    def get(self, options: dict[str, Any], **lies: Any) -> str:
        """The answer to options for a passkey that there is.

        lies: host, origin, challenge, crossOrigin, handle, what is signed (`signs`); each as it should not be.
        """
        data = self._data(lies.pop("host", options["rpId"]), 0)
        handle = lies.pop("handle", self.handle)
        signs = lies.pop("signs", b"")
        client = self._client("webauthn.get", options, lies)
        signature = self._key.sign(signs or data + sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {"authenticatorData": websafe_encode(data), "signature": websafe_encode(signature)}
        return self._answer(client, response | ({"userHandle": handle} if handle else {}))

    def _data(self, host: str, flags: int, credential: bytes = b"") -> AuthenticatorData:
        if self.count is not None:
            self.count += 1
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        said = AuthenticatorData.FLAG(flags)
        data: AuthenticatorData = AuthenticatorData.create(
            sha256(host.encode()).digest(), said, self.count or 0, credential
        )
        return data

    def _client(self, kind: str, options: dict[str, Any], lies: dict[str, Any]) -> CollectedClientData:
        said = {"type": kind, "challenge": websafe_decode(options["challenge"]), "origin": self.origin} | lies
        return CollectedClientData.create(said.pop("type"), said.pop("challenge"), said.pop("origin"), **said)

    def _answer(self, client: bytes, response: dict[str, str]) -> str:
        id = websafe_encode(self.id)
        whole = {"clientDataJSON": websafe_encode(client)} | response
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": whole})
