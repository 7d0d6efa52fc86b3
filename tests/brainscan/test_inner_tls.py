"""A rediss:// address: queue, cache and waiting times speak TLS, and take no certificate that nobody vouches for."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.cache.backends.redis import RedisCache
from kombu import Connection

from brainscan import config


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that only vouches for itself, and its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "site.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return file


@pytest.fixture
def url(certificate: Path, valkey: redis.Redis) -> Iterator[str]:
    """The tests' Valkey behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    inside = str(valkey.connection_pool.connection_kwargs["path"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, inside), daemon=True).start()
        yield f"rediss://127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, inside: str) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=_serve, args=(listener.accept()[0], context, inside), daemon=True).start()


def _serve(raw: socket.socket, context: ssl.SSLContext, inside: str) -> None:
    with (
        suppress(OSError),
        closing(raw),
        socket.socket(socket.AF_UNIX) as plain,
        context.wrap_socket(raw, server_side=True) as outside,
    ):
        plain.connect(inside)
        while asked := outside.recv(65536):  # a client waits for its answer before it asks again
            plain.sendall(asked)
            outside.sendall(plain.recv(65536))


def ask_queue(url: str) -> bool:
    with Connection(config.broker_url(url)) as connection:
        channel: Any = connection.default_channel
        return bool(channel.client.ping())


def ask_cache(url: str) -> bool:
    cache = RedisCache(url, {})
    cache.set("tls", "yes")
    return bool(cache.get("tls") == "yes")


CLIENTS = pytest.mark.parametrize("ask", [ask_queue, ask_cache])


@CLIENTS
@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_is_refused(url: str, ask: Callable[[str], bool]) -> None:
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        ask(url)


@CLIENTS
def test_one_of_the_named_authority_is_taken(url: str, certificate: Path, ask: Callable[[str], bool]) -> None:
    assert ask(f"{url}?ssl_ca_certs={certificate}")


@CLIENTS
@pytest.mark.slow
def test_another_host_cannot_use_it(url: str, certificate: Path, ask: Callable[[str], bool]) -> None:
    with pytest.raises(Exception, match="Hostname mismatch"):
        ask(f"{url.replace('127.0.0.1', 'localhost')}?ssl_ca_certs={certificate}")
