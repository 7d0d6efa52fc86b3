"""The program behind `decoder_process`: it decodes one frame after another until its input ends.

A message has four parts: its length, the length of a JSON header, the header, and the compressed frame. The answer is
built alike: its header gives type and shape of the decoded frame, or an error.
"""

import json
import resource
import struct
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array


def _decoded(description: dict[str, Any], stream: bytes) -> NDArray[Any]:
    dataset, dataset.file_meta = Dataset(), FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = description.pop("TransferSyntaxUID")
    for keyword, value in description.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    return np.ascontiguousarray(pixel_array(dataset, index=0, decoding_plugin="gdcm"))


def _answer(message: bytes) -> bytes:
    size = int.from_bytes(message[:4], "big")
    header: dict[str, Any]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = _decoded(json.loads(message[4 : 4 + size]), message[4 + size :])
        header, body = {"dtype": pixels.dtype.str, "shape": pixels.shape}, pixels.tobytes()
    except Exception as error:
        header, body = {"error": type(error).__name__}, b""
    encoded = json.dumps(header).encode()
    return struct.pack(">I", len(encoded)) + encoded + body


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain the image
    while len(length := sys.stdin.buffer.read(4)) == 4:
        answer = _answer(sys.stdin.buffer.read(int.from_bytes(length, "big")))
        sys.stdout.buffer.write(struct.pack(">I", len(answer)) + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
