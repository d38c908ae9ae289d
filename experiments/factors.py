"""The two factors of input sensitivity in the first layer: weights, and who is active together.

A unit of the first hidden layer has the gradient w_i while it is active and none otherwise, so that
the similarity of two units is the absolute value of w_i . w_j times the share of inputs on which
both are active.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from modlib.clustering.find import find_modules
from modlib.models import MLP


def factor_rows(model: MLP, inputs: Tensor, *, n_steps: int, seed: int) -> Iterator[dict[str, Any]]:
    """Find the modularity of each factor by itself, in every hidden layer.

    In layers after the first the two are no factors of input sensitivity, but can be told as well.

    Parameters
    ----------
    model, inputs
        The network and held-out samples ``[samples, inputs]``.
    n_steps, seed
        Of the paper's search.

    Yields
    ------
    dict
        A row of the table ``factors``, without the columns that name the network: ``q_weights`` of
        the absolute products of the units' incoming weights, ``q_coactivity`` of the share of
        inputs on which two units are both active, and ``activity``, the share of inputs on which a
        unit is active, averaged over units that ever are (0 if none is).
    """
    values = inputs
    for layer, linear in enumerate(model.linears[:-1], start=1):
        with torch.inference_mode():
            values = linear(values).relu()
        active = (values > 0).double()
        together = active.mT @ active / len(active)
        weights = linear.weight.detach().double()
        shares = active.mean(dim=0)
        used = shares > 0
        weights = weights * used.unsqueeze(1)  # a silent unit has no part in either factor

        def q(similarity: Tensor) -> float:
            array = similarity.cpu().numpy()
            return find_modules((array + array.T) / 2, n_steps=n_steps, seed=seed).q

        yield {
            "layer": layer,
            "q_weights": q((weights @ weights.mT).abs()),
            "q_coactivity": q(together),
            "activity": shares[used].mean().item() if used.any() else 0.0,
        }
