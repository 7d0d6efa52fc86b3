"""The part of the environment that each program of the site gets."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Sizes of thread pools (TensorFlow, BLAS, OpenMP). Several workers must not each use all cores.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

# make repeats the variables of its command line, a password among them, in variables of its own.
_SECRET = ("ADMIN_PASSWORD", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")

_STORES = frozenset({"web", "worker", "dicom", "demo"})
NEEDED_BY = {
    "AWS_ACCESS_KEY_ID": _STORES,
    "AWS_SECRET_ACCESS_KEY": _STORES,
    "AWS_SESSION_TOKEN": _STORES,
    "DEID_SECRET": frozenset({"web", "dicom", "demo"}),  # takes files in
    "DICOMWEB_TOKEN": frozenset({"web"}),
    "DICOMWEB_URL": frozenset({"web"}),  # it may hold a password
    "METRICS_TOKEN": frozenset({"web"}),
    "OIDC_CLIENT_SECRET": frozenset({"web"}),
    "SECRET_KEY_FALLBACKS": frozenset({"web"}),
}
"""Secrets that only some programs get. SECRET_KEY, DATABASE_URL and REDIS_URL are settings that each of them needs."""

SHOWN_BY_PS = (
    "ADMIN_PASSWORD was given as an argument of make, which every user of this machine can read in the list of "
    "processes. Put it before the command: ADMIN_PASSWORD=… make run"
)

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def unwanted(env: Mapping[str, str]) -> frozenset[str]:
    """Programs of the Procfile to leave out: the DICOM listener, unless DICOM_PORT is set."""
    return frozenset() if (env.get("DICOM_PORT") or "0") != "0" else frozenset({"dicom"})


def password_is_an_argument(env: Mapping[str, str]) -> bool:
    """Whether make was called with ADMIN_PASSWORD=… among its arguments, as its own variables say."""
    words = " ".join(env.get(name, "") for name in _SECRET[1:]).split()
    return any(word.startswith("ADMIN_PASSWORD=") for word in words)


def of_program(env: Mapping[str, str], program: str) -> dict[str, str]:
    """`env` without the secrets that this program of the Procfile does not need."""
    return {name: value for name, value in env.items() if program in NEEDED_BY.get(name, {program})}


def for_programs(
    environ: Mapping[str, str], *, data_dir: Path, port: int, redis_url: str, cores: int
) -> dict[str, str]:
    """`environ` plus what the programs share, without ADMIN_PASSWORD, which they must not know."""
    env = {name: value for name, value in environ.items() if name not in _SECRET}
    env |= {"DATA_DIR": str(data_dir), "PORT": str(port), "REDIS_URL": redis_url}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors
    if (env.get("BIND") or "127.0.0.1") in _LOOPBACK:
        env["HTTPS"] = env.get("HTTPS") or "0"  # no TLS on loopback; anywhere else the secure default applies
    workers = int(env.get("WORKERS") or 1)
    if workers > 1:
        for name in _THREADS:
            env.setdefault(name, str(max(1, cores // workers)))
    return env
