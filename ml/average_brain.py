"""The MNI ICBM152 template: the average of 152 healthy brains, which belongs to nobody and is free to use.

Source: Fonov et al., NeuroImage 2011. nilearn (requirements-demo.txt) ships it, so nothing is downloaded. Sample cases
and the gate's training are made from it.
"""

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]


def load() -> Volume:
    """The template at 1 mm: axes (x, y, z) from left, back and bottom, values 0 to 1, shape (197, 233, 189).

    Raises ImportError if nilearn is not installed.
    """
    from nilearn.datasets import load_mni152_template

    return np.asarray(load_mni152_template(resolution=1).get_fdata(), dtype=np.float32)
