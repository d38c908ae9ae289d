"""Sums over samples of what chance makes of the matrices of units: turned, or shuffled.

As in :mod:`modlib.similarity.sums`, product and sum are one loop on a processor, which leaves out
units that are silent for a sample.
"""

import numpy as np
from torch import Tensor

from modlib.kernels import kernel
from modlib.similarity.sums import LANES, add_row, mirror, multiply

FEW = 16  # directions: where there are less, silent units are multiplied rather than left out


def turned_products(products: Tensor, counts: Tensor, turn: np.ndarray) -> np.ndarray:
    """Sum ``|R M_k R^T|`` over samples, in float64 ``[units, units]``.

    ``products [samples, units, units]`` are the M_k, ``counts [samples]`` how often each counts,
    ``turn [units, units]`` is R.
    """
    array = products.numpy()
    right = np.ascontiguousarray(turn.T, dtype=array.dtype)
    total = np.zeros_like(right, dtype=np.float64)
    add_turned_products(array, counts.numpy(), right, total)
    mirror(total)
    return total


def turned_masked_products(
    gram: Tensor, active: Tensor, counts: Tensor, turn: np.ndarray
) -> np.ndarray:
    """As :func:`turned_products` for M_k that are ``gram [units, units]`` where units are active.

    ``active [samples, units]`` are ones and zeros.
    """
    array = gram.numpy()
    right = np.ascontiguousarray(turn.T, dtype=array.dtype)
    total = np.zeros_like(right, dtype=np.float64)
    add_turned_masked_products(array, (active > 0).numpy(), counts.numpy(), right, total)
    mirror(total)
    return total


def shuffled_products(rows: Tensor, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum ``F_k F_k^T``, and its absolute values, once the rows of each unit are shuffled.

    Parameters
    ----------
    rows
        Of the factors, by units: ``[units, samples, directions]``.
    orders
        Whose row comes in the place of a sample's: ``[units, samples]``.

    Returns
    -------
    tuple of numpy.ndarray
        Float64 ``[units, units]`` each.
    """
    n = len(rows)
    signed, absolute = np.zeros((2, n, n))
    add_shuffled_products(rows.numpy(), orders, signed, absolute)
    mirror(signed)
    mirror(absolute)
    return signed, absolute


@kernel(nogil=True)
def add_turned_products(products, counts, right, total):
    """Add ``|R M_k R^T|`` to the lower half of a total; ``right`` is R transposed."""
    n = len(right)
    room = n + 1, n + -n % LANES
    rows, half = np.zeros(room, right.dtype), np.zeros(room, right.dtype)
    for sample in range(len(products)):
        used = units_of(products[sample])
        add_turned(products[sample], used, counts[sample], right, rows, half, total)


@kernel(nogil=True)
def add_turned_masked_products(gram, active, counts, right, total):
    """Add the same for M_k that are those of a Gram matrix where units are active."""
    n = len(right)
    room = n + 1, n + -n % LANES
    rows, half = np.zeros(room, right.dtype), np.zeros(room, right.dtype)
    for sample in range(len(active)):
        used = np.flatnonzero(active[sample])
        add_turned(gram, used, counts[sample], right, rows, half, total)


@kernel(nogil=True)
def units_of(products):
    """Units that have a product with themselves, or with any other."""
    n = len(products)
    found = np.zeros(n, np.bool_)
    for i in range(n):
        found[i] = products[i, i] != 0 or np.any(products[i] != 0)
    return np.flatnonzero(found)


@kernel(nogil=True, fastmath={"contract"})
def add_turned(products, used, count, right, rows, half, total):
    """Add ``|R M R^T|``, some times, for an M that is zero but for the products of units used."""
    n, n_used = len(right), len(used)
    for t in range(n_used):
        rows[t, :n] = right[used[t]]
    for i in range(0, n_used, 2):
        next_i = min(i + 1, n_used - 1)
        multiply_chosen(products[used[i]], products[used[next_i]], used, rows, half[i], half[i + 1])
    for i in range(0, n, 2):
        n_columns = i - i % LANES + LANES
        one, two = rows[n], half[n]
        multiply(rows[:n_used], i, min(i + 1, n - 1), half[:n_used], n_columns, one, two)
        add_absolute(one, i + 1, count, total[i])
        if i + 1 < n:
            add_absolute(two, i + 2, count, total[i + 1])


@kernel(nogil=True, fastmath={"contract"}, inline="always")
def multiply_chosen(left, next_left, used, rows, one, two):
    """Multiply two rows of a symmetric matrix, as far as they are used, by ``rows``."""
    n_terms, n_columns = len(used), rows.shape[1]
    one[:] = 0
    two[:] = 0
    for t in range(0, n_terms - 3, 4):
        k, l, m, n = used[t], used[t + 1], used[t + 2], used[t + 3]  # noqa: E741
        a, b, c, d = left[k], left[l], left[m], left[n]
        e, f, g, h = next_left[k], next_left[l], next_left[m], next_left[n]
        for j in range(n_columns):
            w, x, y, z = rows[t, j], rows[t + 1, j], rows[t + 2, j], rows[t + 3, j]
            one[j] += a * w + b * x + c * y + d * z
            two[j] += e * w + f * x + g * y + h * z
    for t in range(n_terms - n_terms % 4, n_terms):
        a, e = left[used[t]], next_left[used[t]]
        for j in range(n_columns):
            one[j] += a * rows[t, j]
            two[j] += e * rows[t, j]


@kernel(nogil=True, inline="always")
def add_absolute(values, n_columns, count, total):
    """Add the absolute values of the first of a row, some times, in float64."""
    for j in range(n_columns):
        total[j] += count * abs(np.float64(values[j]))


@kernel(nogil=True)
def add_shuffled_products(rows, orders, signed, absolute):
    """Add the products of :func:`shuffled_products` to the lower halves of two sums."""
    n, n_samples, n_directions = rows.shape
    columns = np.zeros((n_directions, n + -n % LANES + LANES), rows.dtype)
    one, two = np.zeros(n + -n % LANES, rows.dtype), np.zeros(n + -n % LANES, rows.dtype)
    used = np.arange(n)
    for sample in range(n_samples):
        n_used = 0
        for unit in range(n):
            row = rows[unit, orders[unit, sample]]
            if n_directions < FEW or np.any(row != 0):
                columns[:, n_used] = row
                used[n_used] = unit
                n_used += 1
        for i in range(0, n_used, 2):
            n_columns, next_i = i - i % LANES + LANES, min(i + 1, n_used - 1)
            multiply(columns, i, next_i, columns, n_columns, one, two)
            add_row_of(one, i, used, n_used, signed, absolute)
            if i + 1 < n_used:
                add_row_of(two, i + 1, used, n_used, signed, absolute)


@kernel(nogil=True, inline="always")
def add_row_of(values, i, used, n_used, signed, absolute):
    """Add the products of the i-th of some units and those before it, and absolute values."""
    if n_used == len(signed):
        add_row(values, i + 1, signed[i], absolute[i])
        return
    for j in range(i + 1):
        value = np.float64(values[j])
        signed[used[i], used[j]] += value
        absolute[used[i], used[j]] += abs(value)
