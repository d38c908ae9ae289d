"""Tests of the sums of products of units, of threads, and of the parts of a closed form."""

import threading
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch

from modlib.models import MLP
from modlib.similarity import closed_form
from modlib.similarity import sums as module
from modlib.similarity.closed_form import ClosedForm
from modlib.similarity.compute import similarity_matrices
from modlib.similarity.sums import chain_products, factor_products, summed
from modlib.similarity.threads import in_threads

CONVENTIONS = ("printed", "released")
PRECISION = {torch.float32: 1e-6, torch.float64: 1e-14}


@pytest.fixture
def threads():
    """Set how many threads PyTorch has, and put it back at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def drawn(*shape, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)


def drawn_masks(n_samples, widths, seed=0):
    """Half of the units active; the first unit of each layer never, and none for sample 0."""
    random = torch.Generator().manual_seed(seed)
    masks = [(torch.rand(n_samples, n, generator=random) < 0.5).double() for n in widths]
    for mask in masks:
        mask[:, 0], mask[0] = 0, 0
    return masks


def by_convention(products):
    """Sums over samples of ``[samples, units, units]``, by NumPy alone."""
    return {"printed": np.abs(products).sum(axis=0), "released": products.sum(axis=0)}


def assert_sums(actual, products, precision):
    """Each entry to ``precision`` times the number of samples times the largest product."""
    expected = by_convention(products)
    assert actual.keys() == expected.keys()
    for convention, sums in actual.items():
        assert sums.dtype == torch.float64
        room = precision * len(products) * max(np.abs(products).max(initial=0), 1)
        np.testing.assert_allclose(sums, expected[convention], rtol=0, atol=room)


# ---------------------------------------------------------------------- products of factors


def test_products_of_opposite_signs_cancel_without_bars_alone():
    # Two samples, two units: [1, 1] and [1, -1] have products 1 and -1 off the diagonal.
    sums = factor_products(torch.tensor([[[1.0], [1.0]], [[1.0], [-1.0]]]), CONVENTIONS)
    assert sums["released"].tolist() == [[2, 0], [0, 2]]
    assert sums["printed"].tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize("dtype", PRECISION, ids=str)
@pytest.mark.parametrize("n_terms", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("n_units", [1, 2, 3, 15, 16, 17, 33, 70])
def test_sums_of_products_of_factors_of_any_shape(monkeypatch, n_units, n_terms, dtype):
    monkeypatch.setattr(module, "WORTH_SHARING", 0)
    factors = drawn(5, n_units, n_terms, dtype=dtype)
    exact = factors.double().numpy()
    actual = factor_products(factors, CONVENTIONS)
    assert_sums(actual, exact @ exact.transpose(0, 2, 1), n_terms * PRECISION[dtype])


def test_one_convention_is_summed_if_one_is_asked_for():
    assert list(factor_products(drawn(3, 4, 2), ["released"])) == ["released"]


@pytest.mark.parametrize("layout", ["transposed", "expanded", "strided"])
def test_factors_may_lie_in_memory_in_any_way(layout):
    factors = {
        "transposed": drawn(5, 4, 7).mT,
        "expanded": drawn(1, 7, 4).expand(5, -1, -1),
        "strided": drawn(10, 7, 4)[::2],
    }[layout]
    exact = factors.numpy()
    assert_sums(factor_products(factors, CONVENTIONS), exact @ exact.transpose(0, 2, 1), 1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_products_of_factors_of_half_precision_are_not_rounded_to_it(dtype):
    factors = drawn(5, 6, 3, dtype=dtype)
    exact = factors.double().numpy()
    actual = factor_products(factors, CONVENTIONS)
    assert_sums(actual, exact @ exact.transpose(0, 2, 1), 3 * PRECISION[torch.float32])


def test_factors_keep_their_graph_to_themselves():
    sums = factor_products(drawn(5, 6, 3).requires_grad_(), CONVENTIONS)
    assert not any(part.requires_grad for part in sums.values())


@pytest.mark.parametrize("dtype", [*PRECISION, torch.bfloat16], ids=str)
def test_products_that_are_there_are_summed_as_they_are(dtype):
    factors = drawn(5, 6, 3)
    products = (factors @ factors.mT).to(dtype)
    assert_sums(summed(products, CONVENTIONS), products.double().numpy(), 1e-14)


# ------------------------------------------------------------------------- products of chains


def test_a_chain_of_one_layer_by_hand():
    # G = [[2, 1], [1, 2]] and W = [[1, -1], [1, 1]]: W G W^T = [[2, 0], [0, 6]]. With the first
    # unit silent there is left 2 w w^T of the second column w = [-1, 1].
    gram, weight = torch.tensor([[2.0, 1.0], [1.0, 2.0]]), torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    active = [torch.tensor([[1.0, 1.0], [0.0, 1.0]]), torch.ones(2, 2)]
    (sums,) = chain_products(gram, [weight], active, CONVENTIONS)
    assert sums["released"].tolist() == [[4, -2], [-2, 8]]
    assert sums["printed"].tolist() == [[4, 2], [2, 8]]


@pytest.mark.parametrize(
    "widths", [(1, 1), (3, 5), (17, 16, 33), (40, 1, 5, 24), (12, 80, 9)], ids=str
)
def test_sums_of_products_of_chains_of_any_widths(widths):
    rows = drawn(widths[0], 8).numpy()
    gram, masks = rows @ rows.T, drawn_masks(7, widths)
    weights = [drawn(after, before, seed=after) / before**0.5
               for before, after in pairwise(widths)]  # fmt: skip
    actual = chain_products(torch.from_numpy(gram), weights, masks, CONVENTIONS)
    assert len(actual) == len(weights)
    for last, sums in enumerate(actual, start=1):
        products = []
        for sample in range(7):
            steps = [masks[i + 1][sample].numpy()[:, None] * weights[i].numpy()
                     * masks[i][sample].numpy() for i in range(last)]  # fmt: skip
            chain = reduce(lambda so_far, step: step @ so_far, steps)
            products.append(chain @ gram @ chain.T)
        assert_sums(sums, np.array(products), 1e-13)


def test_a_silent_unit_is_left_out_of_a_chain_even_if_its_weights_are_infinite():
    weight = torch.tensor([[1.0, torch.inf], [2.0, 3.0]])
    active = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])]
    (sums,) = chain_products(torch.eye(2), [weight], active, CONVENTIONS)
    assert sums["printed"].tolist() == [[1, 2], [2, 4]]


# ------------------------------------------------------------------------------------ threads


def test_results_come_in_the_order_of_the_parts(threads):
    threads(3)
    first_may_end = threading.Event()

    def work(part):
        assert part or first_may_end.wait(10)  # the first ends after the second
        if part == 1:
            first_may_end.set()
        return 10 * part

    assert list(in_threads(work, range(5))) == [0, 10, 20, 30, 40]


def test_pytorch_has_one_thread_in_each_and_all_of_its_own_afterwards(threads):
    threads(3)
    for n_there in in_threads(lambda _: torch.get_num_threads(), range(4)):
        assert n_there == torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert elsewhere == [3]


def test_an_error_reaches_the_caller_who_has_all_threads_again(threads):
    threads(2)

    def work(part):
        raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match="part 0"):
        list(in_threads(work, range(4)))
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("n_threads", "n_parts", "at_most"), [(1, 4, None), (3, 1, None), (3, 4, 1)]
)
def test_where_there_is_one_thread_the_caller_works_itself(threads, n_threads, n_parts, at_most):
    threads(n_threads)
    here = threading.get_ident()
    assert set(in_threads(lambda _: threading.get_ident(), range(n_parts), at_most)) == {here}


@pytest.mark.parametrize("n_units", [3, 40, 70])
@pytest.mark.parametrize("worth", [0, 10**9], ids=["shared", "alone"])
def test_factors_have_the_same_sums_to_the_last_bit_on_any_number_of_threads(
    monkeypatch, threads, n_units, worth
):
    monkeypatch.setattr(module, "WORTH_SHARING", worth)
    factors, found = drawn(9, n_units, 5), []
    for n_threads in (1, 2, 3):
        threads(n_threads)
        found.append(factor_products(factors, CONVENTIONS))
    for other in found[1:]:
        for convention, sums in other.items():
            np.testing.assert_array_equal(sums, found[0][convention])


@pytest.mark.parametrize("widths", [(20, 40, 33, 5), (3, 40, 33, 5)], ids=str)
def test_a_network_has_the_same_matrices_to_the_last_bit_on_any_number_of_threads(threads, widths):
    model, found = MLP(widths), []
    inputs, targets = drawn(300, widths[0], dtype=torch.float32), torch.arange(300) % 5
    for n_threads in (1, 2, 3):
        threads(n_threads)
        found.append(similarity_matrices(model, inputs, targets, derivatives="closed_form"))
    for other in found[1:]:
        for key, matrix in other.items():
            np.testing.assert_array_equal(matrix, found[0][key])


# --------------------------------------------------------------- the closed form and its parts


def matrices(widths, n_samples=100):
    model = MLP(widths).double()
    inputs, targets = drawn(n_samples, widths[0]), torch.arange(n_samples) % widths[-1]
    return similarity_matrices(model, inputs, targets, derivatives="closed_form")


def assert_same(actual, expected, relative):
    assert actual.keys() == expected.keys()
    for key, matrix in expected.items():
        room = relative * matrix.values.max()
        np.testing.assert_allclose(actual[key], matrix, rtol=0, atol=room, err_msg=str(key))


def test_matrices_do_not_depend_on_how_samples_are_parted(monkeypatch):
    expected = matrices((6, 9, 7, 3))
    monkeypatch.setattr(closed_form, "PARTS", 3)
    monkeypatch.setattr(closed_form, "LARGEST_PART", 7)
    monkeypatch.setattr(closed_form, "SMALL_PART", 2)
    assert_same(matrices((6, 9, 7, 3)), expected, 1e-14)


@pytest.mark.parametrize("widths", [(6, 9, 7, 3), (4, 9, 20, 7, 3), (20, 9, 7, 5, 3)], ids=str)
def test_input_sensitivity_is_the_same_by_jacobians_and_by_products_of_units(monkeypatch, widths):
    monkeypatch.setattr(closed_form, "FEW", 0)
    by_jacobians = matrices(widths)
    monkeypatch.setattr(closed_form, "FEW", 1000)
    monkeypatch.setattr(ClosedForm, "_by_jacobians", None)  # not taken
    assert_same(matrices(widths), by_jacobians, 1e-13)


def form_of(widths, measures):
    return ClosedForm(MLP(widths).linears, measures, {1: 1, 2: 2})


def test_wide_layers_are_not_taken_sample_by_sample():
    # Of a chunk there are all activations and, for the output's derivatives, all Jacobians.
    assert form_of((784, 1024, 1024, 10), ["covariance"]).chunk >= 1024
    assert form_of((784, 1024, 1024, 10), closed_form.CLOSED).chunk >= 256
    assert form_of((784, 64, 64, 10), closed_form.CLOSED).chunk >= 1024


def test_more_outputs_make_for_fewer_samples_at_a_time():
    few, many = (form_of((20, 64, 64, n), ["output_sensitivity"]).chunk for n in (10, 1000))
    assert many < few
    assert form_of((20, 64, 64, 1000), ["covariance"]).chunk > many
