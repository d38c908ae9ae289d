"""Soft modularity: hard Q at hard assignments, the paper's equation else, and right gradients."""

import numpy as np
import pytest
import torch

import modlib as ml
from modlib.modularity import modularity
from modlib.soft import soft_modularity


def similarity(n_units: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.rand(n_units, n_units, dtype=torch.float64,
                       generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return drawn + drawn.mT


def memberships(n_units: int, n_modules: int, seed: int = 0) -> torch.Tensor:
    free = torch.randn(n_units, n_modules, dtype=torch.float64,
                       generator=torch.Generator().manual_seed(seed))  # fmt: skip
    return free.softmax(dim=1)


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_modules", [1, 2, 5])
def test_at_hard_assignments_it_is_newman_s_modularity(n_modules, resolution):
    matrix = similarity(9)
    labels = np.arange(9) % n_modules
    hard = torch.eye(n_modules, dtype=torch.float64)[labels]
    expected = modularity(ml.to_adjacency(matrix.numpy()), labels, resolution)
    assert soft_modularity(matrix, hard, resolution).item() == pytest.approx(expected, abs=1e-14)


def test_two_pairs_half_in_each_module_by_hand():
    matrix = torch.zeros(4, 4)
    matrix[0, 1] = matrix[1, 0] = matrix[2, 3] = matrix[3, 2] = 1.0
    assert soft_modularity(matrix, torch.eye(2)[[0, 0, 1, 1]]).item() == pytest.approx(0.5)
    # With p for one module and 1 - p for the other: 1/2 (4p^2 - 4p + 1), which is 0 at one half.
    p = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]])
    assert soft_modularity(matrix, p).item() == pytest.approx(0.125)
    assert soft_modularity(matrix, torch.full((4, 2), 0.5)).item() == pytest.approx(0.0)


def test_units_that_are_not_in_use_do_not_count():
    matrix = torch.zeros(5, 5, dtype=torch.float64)
    matrix[:4, :4] = similarity(4)
    p = torch.zeros(5, 3, dtype=torch.float64)
    p[:4] = memberships(4, 3)
    assert soft_modularity(matrix, p).item() == pytest.approx(
        soft_modularity(matrix[:4, :4], p[:4]).item()
    )


def test_scale_and_diagonal_are_of_no_account():
    matrix, p = similarity(6), memberships(6, 3)
    expected = soft_modularity(matrix, p).item()
    other = 7.5 * matrix + 3.0 * torch.eye(6)
    assert soft_modularity(other, p).item() == pytest.approx(expected)
    assert soft_modularity(matrix.float(), p).dtype == torch.float32


def test_gradients_are_those_of_finite_differences():
    matrix = similarity(5).requires_grad_()
    free = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    free.requires_grad_()
    assert torch.autograd.gradcheck(lambda s, z: soft_modularity(s, z.softmax(dim=1)),
                                    (matrix, free))  # fmt: skip


def test_nothing_that_is_similar_is_zero_and_so_is_its_gradient():
    matrix = torch.zeros(3, 3, requires_grad=True)
    q = soft_modularity(matrix, torch.full((3, 2), 0.5))
    q.backward()
    assert q.item() == 0.0
    assert matrix.grad.isfinite().all()


def test_following_it_finds_the_blocks():
    blocks = torch.kron(torch.eye(3), torch.ones(4, 4)) + 0.1
    free = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    steps = torch.optim.Adam([free], lr=0.1)
    for _ in range(300):
        steps.zero_grad()
        (-soft_modularity(blocks, free.softmax(dim=1))).backward()
        steps.step()
    labels = free.argmax(dim=1).numpy()
    assert ml.agreement(labels, np.arange(12) // 4) == 1.0


GOOD, HALF = torch.ones(3, 3), torch.full((3, 2), 0.5)
NAN = torch.full((3, 3), torch.nan)


@pytest.mark.parametrize(
    ("matrix", "p", "resolution", "message"),
    [
        (np.ones((3, 3)), HALF, 1.0, r"similarity must be a tensor .* Got ndarray"),
        (torch.ones(3, 2), HALF, 1.0, r"similarity must be a tensor .* Got shape \(3, 2\)"),
        (torch.ones(3, 3).long(), HALF, 1.0, "similarity must be a tensor of real numbers"),
        (NAN, HALF, 1.0, "similarity must be finite"),
        (torch.triu(GOOD), HALF, 1.0, "similarity must be symmetric. Got entries that differ by 1"),
        (-GOOD, HALF, 1.0, "similarity must not be negative. Got -1"),
        (GOOD, torch.ones(3), 1.0, r"assignment must be a tensor of shape \[3, modules\]"),
        (GOOD, HALF[:2], 1.0, r"assignment must be a tensor of shape \[3, modules\]"),
        (GOOD, torch.ones(3, 2).long(), 1.0, "assignment must be a tensor of real numbers"),
        (GOOD, 2 * HALF, 1.0, "assignment must hold no negative numbers, and rows that sum to one"),
        (GOOD, HALF * torch.nan, 1.0, "assignment must hold no negative numbers"),
        (GOOD, HALF, -1.0, "resolution must be a number of at least 0. Got -1.0"),
        (GOOD, HALF, None, "resolution must be a number of at least 0. Got None"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_refused_by_name(matrix, p, resolution, message):
    with pytest.raises(ValueError, match=message):
        soft_modularity(matrix, p, resolution)
