"""One seed per network, one independent random stream per purpose."""

from zlib import crc32

import numpy as np
import torch

from modlib.validation import check_seed


def generator(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """Return a random generator for one purpose of one network.

    The streams of one seed are independent of each other, so that, say, switching dropout on
    changes neither the initial weights nor the order of the batches.

    Parameters
    ----------
    seed
        A whole number, 0 or more.
    purpose
        What the numbers are for, such as ``"split"`` or ``"dropout"``.
    device
        Where the numbers are drawn; another kind of device draws other numbers.

    Raises
    ------
    ValueError
        If ``seed`` is not a whole number of at least 0, the purpose no text, or the device none
        that PyTorch has here.
    """
    if not isinstance(purpose, str):
        raise ValueError(f"purpose must be text, such as 'dropout'. Got {purpose!r}.")
    state = np.random.SeedSequence([check_seed(seed), crc32(purpose.encode())]).generate_state(2)
    return _on(device).manual_seed((int(state[0]) << 31) ^ int(state[1]))


def _on(device: str | torch.device) -> torch.Generator:
    try:
        if isinstance(device, (str, torch.device)):
            return torch.Generator(device)
        reason = f"a {type(device).__name__}"
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
    raise ValueError(
        f"device must be 'cpu', or another that PyTorch can draw on here. Got {device!r}: {reason}."
    )
