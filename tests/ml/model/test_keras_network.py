"""The precision in which a training runs, by what the processor says it can."""

from pathlib import Path

import pytest

from ml.model.keras_network import fast_policy


@pytest.mark.parametrize(
    "flags, policy",
    [
        ("fpu avx512f avx512_bf16 amx_bf16 amx_tile", "mixed_bfloat16"),
        ("fpu avx512f avx512_bf16 avx512_fp16", "float32"),
        ("fpu avx2", "float32"),
    ],
)
def test_bfloat16_is_for_processors_with_amx(tmp_path: Path, flags: str, policy: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name: any\nflags: {flags}\n", encoding="utf-8")
    assert fast_policy(tmp_path / "cpuinfo") == policy


def test_an_unknown_processor_trains_in_float32(tmp_path: Path) -> None:
    assert fast_policy(tmp_path / "none") == "float32"
