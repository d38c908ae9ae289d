"""The inner loop of training, compiled."""

import numpy as np
from numba import njit


# With error_model="python" a division may raise, which keeps the loop from being vectorised.
@njit(cache=True, error_model="numpy")
def adam(parameters, gradients, means, squares, rates, root, beta1, beta2, epsilon):
    """One step of Adam in place, in one pass: row r of each array belongs to network r.

    ``rates`` are the learning rates over the bias correction of the mean, ``root`` is the root of
    that of the square. All numbers are of one type, so that none is widened on the way.
    """
    one = rates.dtype.type(1)
    for row in range(len(parameters)):
        rate, parameter, gradient = rates[row], parameters[row], gradients[row]
        mean, square = means[row], squares[row]
        for i in range(len(parameter)):
            mean[i] += (one - beta1) * (gradient[i] - mean[i])
            square[i] = beta2 * square[i] + (one - beta2) * gradient[i] * gradient[i]
            parameter[i] -= rate * mean[i] / (np.sqrt(square[i]) / root + epsilon)
