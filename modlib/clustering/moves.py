"""The inner loops, compiled: sums of products for similarity, the Monte Carlo search."""

import numpy as np
from numba import njit

TIE = 1e-14  # adjacencies sum to one: gains closer than this differ by rounding only
N_BISECTIONS = 40


@njit(cache=True)
def sum_products(products):
    """Sum symmetric matrices ``[samples, units, units]``, and their absolute values, in float64."""
    n = products.shape[1]
    signed = np.zeros((n, n))
    absolute = np.zeros((n, n))
    for sample in range(len(products)):
        for i in range(n):
            for j in range(i + 1):
                value = np.float64(products[sample, i, j])
                signed[i, j] += value
                absolute[i, j] += abs(value)
    for i in range(n):
        for j in range(i):
            signed[j, i] = signed[i, j]
            absolute[j, i] = absolute[i, j]
    return signed, absolute


@njit(cache=True)
def monte_carlo(matrix, labels, units, uniforms, entropy, q_path, temperature_path):
    """Run Algorithm 3 and return the best labels seen.

    ``matrix`` is B of shape ``[units, units]``; ``labels`` are 0 to c - 1 without gaps; ``units``
    and ``uniforms`` hold one random draw per step; the paths are filled if they have room.
    """
    n = len(matrix)
    labels = labels.copy()
    best = labels.copy()
    n_clusters = labels.max() + 1
    # links[k, i] is the sum of B[i, j] over the members j of cluster k; one row is spare, for
    # the new cluster that every unit may found.
    links = np.zeros((n + 1, n))
    sizes = np.zeros(n + 1, np.int64)
    gains = np.empty(n + 1)
    q_change = 0.0
    best_change = 0.0
    for step in range(len(units)):
        if step % n == 0:  # anew from time to time, so that rounding does not pile up
            count_links(matrix, labels, n_clusters, links, sizes)
        unit = units[step]
        home = labels[unit]
        for k in range(n_clusters + 1):
            gains[k] = 2 * (links[k, unit] - links[home, unit] + matrix[unit, unit])
        gains[home] = 0.0
        top = gains[: n_clusters + 1].argmax()
        if q_change + gains[top] > best_change + TIE:
            best_change = q_change + gains[top]
            best[:] = labels
            best[unit] = top
        choice, temperature = sample(gains[: n_clusters + 1], uniforms[step], entropy)
        q_change += gains[choice]
        if choice != home:
            n_clusters = move(matrix, labels, n_clusters, links, sizes, unit, choice)
        if len(q_path):
            q_path[step] += q_change
            temperature_path[step] = temperature
    return best


@njit(cache=True)
def count_links(matrix, labels, n_clusters, links, sizes):
    """Fill ``links`` (sums of the matrix over each cluster's members) and ``sizes`` anew."""
    links[: n_clusters + 1] = 0.0
    sizes[: n_clusters + 1] = 0
    for unit in range(len(labels)):
        links[labels[unit]] += matrix[unit]
        sizes[labels[unit]] += 1


@njit(cache=True)
def move(matrix, labels, n_clusters, links, sizes, unit, choice):
    """Move a unit and return the number of clusters, which stay numbered without gaps."""
    home = labels[unit]
    if choice == n_clusters:
        n_clusters += 1
        if n_clusters < len(links):
            links[n_clusters] = 0.0
            sizes[n_clusters] = 0
    links[home] -= matrix[unit]
    links[choice] += matrix[unit]
    sizes[home] -= 1
    sizes[choice] += 1
    labels[unit] = choice
    if sizes[home] == 0:  # the last cluster takes the place of the empty one
        last = n_clusters - 1
        links[home] = links[last]
        sizes[home] = sizes[last]
        for other in range(len(labels)):
            if labels[other] == last:
                labels[other] = home
        links[last] = 0.0
        sizes[last] = 0
        n_clusters = last
    return n_clusters


@njit(cache=True)
def sample(gains, uniform, entropy):
    """Draw an index from a softmax of the gains with the wanted entropy; and its temperature."""
    gaps = gains.max() - gains
    n_tied = (gaps <= TIE).sum()
    if np.log(n_tied) >= entropy:
        return _draw((gaps <= TIE).astype(np.float64), uniform), 0.0
    if np.log(len(gains)) <= entropy:
        return _draw(np.ones(len(gains)), uniform), np.inf
    temperature = find_temperature(gaps, entropy)
    return _draw(np.exp(-gaps / temperature), uniform), temperature


@njit(cache=True)
def find_temperature(gaps, entropy):
    """Temperature at which weights ``exp(-gaps / temperature)`` have the wanted entropy.

    Entropy grows with temperature, so bisection on its logarithm finds it: between a temperature
    at which even the smallest gap weighs nothing, and one at which the largest counts little.
    """
    smallest = gaps[gaps > TIE].min()
    low, high = np.log(smallest) - 4.5, np.log(gaps.max()) + 10.0
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        if _entropy(gaps, np.exp(middle)) < entropy:
            low = middle
        else:
            high = middle
    return np.exp((low + high) / 2)


@njit(cache=True)
def _entropy(gaps, temperature):
    """Entropy in nats: log of the weights' sum, plus the mean of gap / temperature."""
    total = 0.0
    mean = 0.0
    for gap in gaps:
        weight = np.exp(-gap / temperature)
        total += weight
        mean += weight * gap / temperature
    return np.log(total) + mean / total


@njit(cache=True)
def _draw(weights, uniform):
    threshold = uniform * weights.sum()
    total = 0.0
    for index in range(len(weights)):
        total += weights[index]
        if threshold < total:
            return index
    return weights.argmax()
