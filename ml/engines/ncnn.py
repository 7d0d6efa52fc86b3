"""The CPU engine: ncnn runs 3 × 3 convolutions with Winograd's method, in half the time of other engines.

The network is built from the artifact's tensors through a temporary file, so the artifact needs no second weights file.
No framework besides ncnn is imported.
"""

import tempfile
from pathlib import Path
from typing import IO

import ncnn
import numpy as np
from numpy.typing import NDArray

from ml.contracts import ModelUnavailable
from ml.model.vgg16 import CONVOLUTIONS, FEATURE_LAYERS, Maps
from ml.preprocess import SIZE

Array = NDArray[np.float32]

_MAGIC = 7767517  # first line of ncnn's text format
_FLOAT32 = b"\0\0\0\0"  # marks weights stored as plain float32
_INPUT = "input"

_WITHOUT_WINOGRAD, _NO_WINOGRAD = ("block5",), " 31=64"
"""Blocks that do without Winograd's method, and ncnn's feature mask that turns it off (bit 6). Its transformed weights
take four times the memory: without them a worker needs 85 MB less and a pass takes 3 to 12 % longer, depending on the
machine. Block 5 gains least from the method because its maps are small."""


class NcnnEngine:
    """One ncnn network. Several passes may use it at once; a batch runs image by image."""

    name = "ncnn"

    def __init__(self, tensors: dict[str, Array], *, threads: int) -> None:
        """Raises KeyError if a tensor is missing, ModelUnavailable if ncnn cannot load the network."""
        # A pass waits for its slowest thread at the end of each layer; a second pass uses the idle cores meanwhile.
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
        rows = [self._forward_one(image) for image in batch]
        return Maps(**{tap: np.stack([row[tap] for row in rows]) for tap in FEATURE_LAYERS})

    def _forward_one(self, image: Array) -> dict[str, Array]:
        extractor = self._net.create_extractor()
        extractor.input(_INPUT, to_mat(image))
        maps = {}
        for tap, layer in FEATURE_LAYERS.items():  # front to back: each extraction continues from the one before
            failed, mat = extractor.extract(layer)
            if failed:
                raise RuntimeError(f"ncnn could not compute {layer}")
            maps[tap] = np.ascontiguousarray(np.array(mat).transpose(1, 2, 0))
        return maps


def to_mat(image: Array) -> ncnn.Mat:
    """Convert an image (height, width, channels) to ncnn's layout, channels first.

    A Mat shares an array's memory without keeping the array alive, so it is cloned while `planes` still exists.
    """
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    return ncnn.Mat(planes).clone()


def description(tensors: dict[str, Array]) -> str:
    """VGG16 up to block5_conv3 in ncnn's text format: 3 × 3 convolutions with padding 1 and ReLU, 2 × 2 poolings."""
    lines, last = [f"Input {_INPUT} 0 1 {_INPUT} 0={SIZE} 1={SIZE} 2=3"], _INPUT
    for name in CONVOLUTIONS:
        block = name.split("_")[0]
        if name.endswith("conv1") and last != _INPUT:
            pool = f"block{int(block.removeprefix('block')) - 1}_pool"
            lines.append(f"Pooling {pool} 1 1 {last} {pool} 0=0 1=2 2=2")
            last = pool
        kernel, mask = tensors[f"{name}/kernel"], _NO_WINOGRAD if block in _WITHOUT_WINOGRAD else ""
        lines.append(f"Convolution {name} 1 1 {last} {name} 0={kernel.shape[3]} 1=3 4=1 5=1 6={kernel.size} 9=1{mask}")
        last = name
    return "\n".join([str(_MAGIC), f"{len(lines)} {len(lines)}", *lines]) + "\n"


def write_weights(tensors: dict[str, Array], into: IO[bytes]) -> None:
    """Write the convolutions in ncnn's binary format: each one's kernel (out, in, 3, 3), then its biases."""
    for name in CONVOLUTIONS:
        kernel = tensors[f"{name}/kernel"].astype(np.float32, copy=False)
        into.write(_FLOAT32)
        into.write(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)).data)
        into.write(np.ascontiguousarray(tensors[f"{name}/bias"], np.float32).data)
