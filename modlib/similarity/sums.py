"""Sums over samples of symmetric matrices of units, as they are and of absolute values.

On a processor product and sum are one loop: a product is never written out to be read again, and
only half of it is computed.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from modlib.kernels import kernel
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.threads import in_threads

TILES = 8  # that units are shared out in among threads
WORTH_SHARING = 2**28  # multiplications: fewer are done sooner than threads are there
LANES = 16  # numbers that a processor takes at once: rows are as long as a multiple of it


def outer_products(deviations: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|d_k d_k^T|`` (or without bars) over samples; ``deviations [samples, units]``."""
    return {
        convention: factors.mT @ factors
        for convention, factors in _chosen(deviations, deviations.abs(), conventions).items()
    }


def masked_products(
    counts: Tensor, gram: Tensor, conventions: Collection[str]
) -> dict[str, Tensor]:
    """Sum products that are the same ``gram [units, units]`` wherever both units are active."""
    return {
        convention: counts * product
        for convention, product in _chosen(gram, gram.abs(), conventions).items()
    }


def factor_products(factors: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum ``|F_k F_k^T|`` (or without bars) over samples; ``factors [samples, units, any]``."""
    if factors.device.type != "cpu":
        return summed(factors @ factors.mT, conventions)
    columns, n_units = _array(factors.mT), factors.shape[1]
    signed, absolute = np.zeros((2, n_units, n_units))

    def add(rows: tuple[int, int]) -> None:
        add_factor_products(columns, *rows, signed, absolute)

    n_tiles = TILES if factors.numel() * n_units >= WORTH_SHARING else 1
    list(in_threads(add, list(pairwise(_even_cuts(n_units, n_tiles)))))
    return _chosen(_whole(signed), _whole(absolute), conventions)


def chain_products(
    gram: Tensor,
    weights: Sequence[Tensor],
    active: Sequence[Tensor],
    conventions: Collection[str],
) -> list[dict[str, Tensor]]:
    """Sum ``|M_k|`` (or without bars) over samples, for each of the layers after the first.

    M_k is ``A_l ... A_2 G A_2^T ... A_l^T``, with ``gram [units, units]`` of the first layer for
    G, and for A the ``weights [units, units before]`` of a layer with the rows and columns of
    silent units struck out: they are left out, not multiplied by zero. ``active [samples,
    units]`` are of all layers from the first on. In float64 throughout, since the form squares
    what rounding does to a Jacobian.
    """
    widths = np.array([mask.shape[1] for mask in active])
    flat = np.concatenate([_array(weight.double().mT).ravel() for weight in weights])
    start, masks = _array(gram.double()), torch.cat([mask > 0 for mask in active], dim=1).numpy()
    sizes = widths[1:] ** 2
    signed, absolute = np.zeros((2, sizes.sum()))
    add_chain_products(start, flat, widths, masks, signed, absolute)
    ends = np.cumsum(sizes)[:-1]
    return [
        _chosen(_whole(one.reshape(n, n)), _whole(other.reshape(n, n)), conventions)
        for n, one, other in zip(
            widths[1:], np.split(signed, ends), np.split(absolute, ends), strict=True
        )
    ]


def summed(products: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """Sum symmetric ``products [samples, units, units]`` over samples, in float64."""
    if products.device.type == "cpu":
        # One pass over half of each product, where PyTorch would need three over all of it.
        signed, absolute = map(_whole, sum_products(_array(products)))
    else:
        signed = products.sum(dim=0, dtype=torch.float64)
        absolute = products.abs().sum(dim=0, dtype=torch.float64)
    return _chosen(signed, absolute, conventions)


def _even_cuts(n_rows: int, n_tiles: int) -> list[int]:
    """Cut the rows of a triangle into tiles of one area, each of an even number of rows."""
    cuts = {2 * round(n_rows * (tile / n_tiles) ** 0.5 / 2) for tile in range(n_tiles)}
    return [*sorted(cut for cut in cuts if cut < n_rows), n_rows]


def _array(values: Tensor) -> np.ndarray:
    """Values as the loops take them: row by row, and in float32 at least."""
    wide = torch.promote_types(values.dtype, torch.float32)
    return values.detach().to(wide).contiguous().numpy()


def _whole(lower: np.ndarray) -> Tensor:
    """Mirror the lower half of a symmetric matrix to the upper one."""
    mirror(lower)
    return torch.from_numpy(lower)


def _chosen(signed: Tensor, absolute: Tensor, conventions: Collection[str]) -> dict[str, Tensor]:
    """What each convention sums: the products, or their absolute values."""
    return {name: absolute if CONVENTIONS[name].absolute_inside else signed for name in conventions}


@kernel(nogil=True)
def sum_products(products):
    """Sum symmetric matrices ``[samples, units, units]``, and their absolute values, in float64.

    Of the sums only the lower half is filled in.
    """
    n = products.shape[1]
    signed = np.zeros((n, n))
    absolute = np.zeros((n, n))
    for sample in range(len(products)):
        for i in range(n):
            for j in range(i + 1):
                value = np.float64(products[sample, i, j])
                signed[i, j] += value
                absolute[i, j] += abs(value)
    return signed, absolute


@kernel
def mirror(lower):
    """Make a matrix symmetric whose lower half is filled in."""
    for i in range(len(lower)):
        for j in range(i):
            lower[j, i] = lower[i, j]


@kernel(nogil=True, fastmath={"contract"})
def add_factor_products(factors, first, last, signed, absolute):
    """Add ``F_k^T F_k``, and its absolute values, to the rows from first to last of sums.

    ``factors [samples, any, units]``. Entries right of the diagonal are of no meaning.
    """
    n = factors.shape[2]
    one, two = np.empty(n, factors.dtype), np.empty(n, factors.dtype)
    for sample in range(len(factors)):
        for i in range(first, last, 2):
            n_columns = min(n, i - i % LANES + LANES)
            multiply(factors[sample], i, min(i + 1, last - 1), factors[sample], n_columns, one, two)
            add_row(one, n_columns, signed[i], absolute[i])
            if i + 1 < last:
                add_row(two, n_columns, signed[i + 1], absolute[i + 1])


@kernel(nogil=True, fastmath={"contract"}, inline="always")
def multiply(left, i, next_i, right, n_columns, one, two):
    """Rows ``i`` and ``next_i`` of ``left^T right``, as far as some column.

    Two rows by four terms at a time: as much as the registers of a processor hold.
    """
    n_terms = len(left)
    one[:n_columns] = 0
    two[:n_columns] = 0
    for t in range(0, n_terms - 3, 4):
        a, b, c, d = left[t, i], left[t + 1, i], left[t + 2, i], left[t + 3, i]
        e, f, g, h = left[t, next_i], left[t + 1, next_i], left[t + 2, next_i], left[t + 3, next_i]
        for j in range(n_columns):
            w, x, y, z = right[t, j], right[t + 1, j], right[t + 2, j], right[t + 3, j]
            one[j] += a * w + b * x + c * y + d * z
            two[j] += e * w + f * x + g * y + h * z
    for t in range(n_terms - n_terms % 4, n_terms):
        a, e = left[t, i], left[t, next_i]
        for j in range(n_columns):
            one[j] += a * right[t, j]
            two[j] += e * right[t, j]


@kernel(nogil=True, inline="always")
def add_row(values, n_columns, signed, absolute):
    """Add the first values of a row, and their absolute values, in float64."""
    for j in range(n_columns):
        value = np.float64(values[j])
        signed[j] += value
        absolute[j] += abs(value)


@kernel(nogil=True)
def add_chain_products(gram, weights, widths, active, signed, absolute):
    """Add the products of :func:`chain_products`, and their absolute values, for some samples.

    ``weights`` and sums are those of one layer after the other; ``weights`` transposed, and
    ``active [samples, units]`` the units of one layer beside those of the other.
    """
    widest = widths.max()
    # Rows of an odd number of lanes, since powers of two would all fall on one place of a cache.
    room = (widest + 1, (widest // LANES // 2 * 2 + 3) * LANES)
    products, right, half = np.zeros(room), np.zeros(room), np.zeros(room)
    for sample in range(len(active)):
        before = np.flatnonzero(active[sample, : widths[0]])
        gather(gram, before, before, products)
        at, weights_at, sums_at = widths[0], 0, 0
        for layer in range(1, len(widths)):
            n, m = widths[layer - 1], widths[layer]
            after = np.flatnonzero(active[sample, at : at + m])
            weight = weights[weights_at : weights_at + n * m].reshape(n, m)
            gather(weight, before, after, right)
            enclose(products, right, half, len(before), len(after))
            own = sums_at, sums_at + m * m
            add_scattered(products, after, signed[own[0] : own[1]].reshape(m, m),
                          absolute[own[0] : own[1]].reshape(m, m))  # fmt: skip
            before = after
            at, weights_at, sums_at = at + m, weights_at + n * m, own[1]


@kernel(nogil=True)
def gather(matrix, rows, columns, chosen):
    """Write some rows and columns of a matrix to the corner of another."""
    for i in range(len(rows)):
        for j in range(len(columns)):
            chosen[i, j] = matrix[rows[i], columns[j]]


@kernel(nogil=True, fastmath={"contract"})
def enclose(products, right, half, n, m):
    """Make ``R^T P R`` of the symmetric ``P [n, n]`` in its place, for ``R [n, m]``.

    All three lie in the corners of larger matrices.
    """
    n_columns = m + -m % LANES
    for i in range(0, n, 2):
        multiply(products[:n], i, min(i + 1, n - 1), right[:n], n_columns, half[i], half[i + 1])
    for i in range(0, m, 2):
        n_columns = i - i % LANES + LANES
        next_i = min(i + 1, m - 1)
        multiply(right[:n], i, next_i, half[:n], n_columns, products[i], products[i + 1])
    for i in range(m):
        for j in range(i):
            products[j, i] = products[i, j]


@kernel(nogil=True)
def add_scattered(products, units, signed, absolute):
    """Add the lower half of the products of some units to sums of all units."""
    for i in range(len(units)):
        for j in range(i + 1):
            value = products[i, j]
            signed[units[i], units[j]] += value
            absolute[units[i], units[j]] += abs(value)
