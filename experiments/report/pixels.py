"""Pictures of few colours in fewer bytes, pixel for pixel."""

import struct
import zlib
from io import BytesIO

import numpy as np
from matplotlib import pyplot as plt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
N_COLORS = 256
"""As many a palette holds, and as many a colour map of Matplotlib has."""


def indexed(png: bytes) -> bytes:
    """Return the same picture with its colours in a palette, where that is smaller.

    Parameters
    ----------
    png
        As Matplotlib writes a matrix: a colour of four bytes for each pixel.
    """
    pixels = np.round(plt.imread(BytesIO(png), format="png") * 255).astype(np.uint8)
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return png
    palette, index = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    if len(palette) > N_COLORS:
        return png
    n_rows, n_columns, _ = pixels.shape
    rows = index.reshape(n_rows, n_columns).astype(np.uint8)
    unfiltered = np.insert(rows, 0, 0, axis=1)  # each row begins with the number of its filter
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", n_columns, n_rows, 8, 3, 0, 0, 0)),
        (b"PLTE", palette[:, :3].tobytes()),
        (b"tRNS", palette[:, 3].tobytes() if palette[:, 3].min() < 255 else b""),
        (b"IDAT", zlib.compress(unfiltered.tobytes(), 9)),
        (b"IEND", b""),
    ]
    small = SIGNATURE + b"".join(_chunk(*each) for each in chunks if each[1] or each[0] == b"IEND")
    return min(small, png, key=len)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
