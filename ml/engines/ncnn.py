"""The CPU engine: ncnn runs 3 × 3 convolutions by Winograd's method, in half the time of others.

The network is written from the artifact's tensors into a temporary folder, loaded and forgotten: the weights file of
the artifact stays the only one. No framework besides ncnn is imported.
"""

import tempfile
from pathlib import Path
from typing import IO

import ncnn
import numpy as np
from numpy.typing import NDArray

from ml.contracts import ModelUnavailable
from ml.model.vgg16 import CONVOLUTIONS, TAPS, Maps
from ml.preprocess import SIZE

Array = NDArray[np.float32]

_MAGIC = 7767517  # first line of ncnn's text format
_FLOAT32 = b"\0\0\0\0"  # before weights that are stored as they are
_INPUT = "input"

_SPARING, _SPARED = ("block5",), " 31=64"
"""Blocks without Winograd's method (ncnn's feature mask, bit 6), whose transformed weights take four times the memory:
85 MB less in each worker, for 3 to 12 % of a pass, by machine. The maps of block 5 are small, so it gains least."""


class NcnnEngine:
    """One ncnn network, which several passes may use at once; a batch is run picture by picture."""

    name = "ncnn"

    def __init__(self, tensors: dict[str, Array], *, threads: int) -> None:
        """Raises KeyError where a tensor is absent, ModelUnavailable where ncnn takes the network for damaged."""
        # At the end of each layer a pass waits for its slowest thread; another one has the cores meanwhile.
        self.concurrent_passes = 2 if threads > 1 else 1
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._net.opt.use_fp16_storage = self._net.opt.use_fp16_packed = self._net.opt.use_fp16_arithmetic = False
        self._net.opt.use_bf16_storage = False
        with tempfile.TemporaryDirectory(prefix="brainscan-") as folder:
            file = Path(folder) / "weights.bin"
            with file.open("wb") as into:
                write_weights(tensors, into)
            if self._net.load_param_mem(description(tensors)) or self._net.load_model(str(file)):
                raise ModelUnavailable("weights_damaged", "ncnn cannot load the model's convolutions.")

    def forward(self, batch: Array) -> Maps:
        """See `ml.engines.Engine.forward`."""
        rows = [self._one(picture) for picture in batch]
        return Maps(**{tap: np.stack([row[tap] for row in rows]) for tap in TAPS})

    def _one(self, picture: Array) -> dict[str, Array]:
        extractor = self._net.create_extractor()
        extractor.input(_INPUT, to_mat(picture))
        found = {}
        for tap, layer in TAPS.items():  # from front to back, so that each pass goes on where the last one stopped
            failed, mat = extractor.extract(layer)
            if failed:
                raise RuntimeError(f"ncnn could not compute {layer}")
            found[tap] = np.ascontiguousarray(np.array(mat).transpose(1, 2, 0))
        return found


def to_mat(picture: Array) -> ncnn.Mat:
    """A picture (height, width, channels) as ncnn has it, channels first.

    A Mat made of an array shares its memory without holding it: the array has a name here until the Mat is cloned.
    """
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return ncnn.Mat(planes).clone()


def description(tensors: dict[str, Array]) -> str:
    """VGG16 up to block5_conv3 in ncnn's text format: convolutions 3 × 3 with padding 1 and ReLU, poolings 2 × 2."""
    lines, last = [f"Input {_INPUT} 0 1 {_INPUT} 0={SIZE} 1={SIZE} 2=3"], _INPUT
    for name in CONVOLUTIONS:
        block = name.split("_")[0]
        if name.endswith("conv1") and last != _INPUT:
            pool = f"block{int(block.removeprefix('block')) - 1}_pool"
            lines.append(f"Pooling {pool} 1 1 {last} {pool} 0=0 1=2 2=2")
            last = pool
        kernel, mask = tensors[f"{name}/kernel"], _SPARED if block in _SPARING else ""
        lines.append(f"Convolution {name} 1 1 {last} {name} 0={kernel.shape[3]} 1=3 4=1 5=1 6={kernel.size} 9=1{mask}")
        last = name
    return "\n".join([str(_MAGIC), f"{len(lines)} {len(lines)}", *lines]) + "\n"


def write_weights(tensors: dict[str, Array], into: IO[bytes]) -> None:
    """The convolutions' weights in ncnn's binary format: (out, in, 3, 3) each, then its biases."""
    for name in CONVOLUTIONS:
        kernel = tensors[f"{name}/kernel"].astype(np.float32, copy=False)
        into.write(_FLOAT32)
        into.write(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)).data)
        into.write(np.ascontiguousarray(tensors[f"{name}/bias"], np.float32).data)
