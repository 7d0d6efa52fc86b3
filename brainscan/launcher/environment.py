"""The environment of web, worker and beat."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Sizes of thread pools (TensorFlow, BLAS, OpenMP). Several workers must not each use all cores.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

# make repeats the variables of its command line, a password among them, in variables of its own.
_SECRET = ("ADMIN_PASSWORD", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def unwanted(env: Mapping[str, str]) -> frozenset[str]:
    """Programs of the Procfile to leave out: the DICOM listener, unless DICOM_PORT is set."""
    return frozenset() if (env.get("DICOM_PORT") or "0") != "0" else frozenset({"dicom"})


def for_programs(
    environ: Mapping[str, str], *, data_dir: Path, port: int, redis_url: str, cores: int
) -> dict[str, str]:
    """`environ` plus what the programs share, without ADMIN_PASSWORD, which they must not know."""
    env = {name: value for name, value in environ.items() if name not in _SECRET}
    env |= {"DATA_DIR": str(data_dir), "PORT": str(port), "REDIS_URL": redis_url}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors
    if (env.get("BIND") or "127.0.0.1") in _LOOPBACK:
        env.setdefault("HTTPS", "0")  # no TLS on loopback; anywhere else the secure default applies
    workers = int(env.get("WORKERS") or 1)
    if workers > 1:
        for name in _THREADS:
            env.setdefault(name, str(max(1, cores // workers)))
    return env
