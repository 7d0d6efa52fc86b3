"""The other side of `apart`: a program that decodes one frame after another until its input ends.

A message is its length, the length of a description in JSON, the description, and the stream. So is the answer, whose
description holds type and shape, or an error.
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
    said: dict[str, Any]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _decoded(json.loads(message[4 : 4 + size]), message[4 + size :])
        said, body = {"dtype": found.dtype.str, "shape": found.shape}, found.tobytes()
    except Exception as error:
        said, body = {"error": type(error).__name__}, b""
    head = json.dumps(said).encode()
    return struct.pack(">I", len(head)) + head + body


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the picture
    while len(length := sys.stdin.buffer.read(4)) == 4:
        answer = _answer(sys.stdin.buffer.read(int.from_bytes(length, "big")))
        sys.stdout.buffer.write(struct.pack(">I", len(answer)) + answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
