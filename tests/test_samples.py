"""Tests of modlib.samples: inputs and targets as people have them."""

import numpy as np
import pytest
import torch
from networks import Attention, Wired, chain, classes, numbers, seeded
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import modlib as ml
from modlib.samples import Samples

X, Y = numbers(7, 3), classes(7)


@pytest.fixture(scope="module")
def expected():
    return ml.similarity_matrices(chain(), X, Y)


def assert_same(found, expected, relative=1e-12):
    assert found.keys() == expected.keys()
    for key, matrix in expected.items():
        np.testing.assert_allclose(found[key], matrix, rtol=relative, atol=1e-14)


# ------------------------------------------------------------------------------ forms of inputs


def reversed_twice(array):
    return array[::-1].copy()[::-1]


@pytest.mark.parametrize(
    "form",
    [
        np.asarray, np.asfortranarray, reversed_twice,
        lambda array: array.astype(array.dtype.newbyteorder()),
        lambda array: array.astype(np.longdouble) if array.dtype.kind == "f" else array,
        lambda array: array if array.dtype.kind == "f" else array.astype(np.int8),
        lambda array: array if array.dtype.kind == "f" else array.astype(np.uint16),
        lambda array: np.lib.stride_tricks.as_strided(array, array.shape, array.strides),
    ],
    ids=["array", "Fortran", "negative strides", "bytes in another order", "long double", "int8",
         "uint16", "strided"],
)  # fmt: skip
def test_numpy_arrays_serve_in_whatever_form_they_are_kept(expected, form):
    inputs, targets = X.numpy().copy(), Y.numpy().copy()
    found = ml.similarity_matrices(chain(), form(inputs), form(targets))
    assert_same(found, expected)
    np.testing.assert_array_equal(inputs, X)


def test_arrays_that_may_not_be_written_serve_without_a_warning(expected):
    inputs = X.numpy().copy()
    inputs.flags.writeable = False
    assert_same(ml.similarity_matrices(chain(), inputs, Y), expected)


def test_inputs_of_another_precision_are_taken_in_that_of_the_model():
    single = ml.similarity_matrices(chain(), X.float(), Y)
    assert_same(single, ml.similarity_matrices(chain(), X.float().double(), Y))


@pytest.mark.parametrize(
    "loader",
    [
        lambda data: DataLoader(data, batch_size=3),
        lambda data: DataLoader(data, batch_size=3, shuffle=True),
        lambda data: DataLoader(data, batch_size=7, shuffle=True, drop_last=True),
        lambda data: [(X[:4], Y[:4]), (X[4:], Y[4:])],
        lambda data: [[X[:4].numpy(), Y[:4].numpy()], [X[4:], Y[4:]]],
        lambda data: [data[:]],
    ],
    ids=["in order", "shuffled", "shuffled, nothing dropped", "pairs", "lists", "one batch"],
)
def test_batches_give_the_same_as_all_samples_at_once(expected, loader):
    found = ml.similarity_matrices(chain(), loader(TensorDataset(X, Y)))
    assert_same(found, expected, 1e-11)


def test_batches_of_inputs_alone_serve_where_no_targets_are_needed(expected):
    measures = [name for name, measure in ml.MEASURES.items() if not measure.needs_targets]
    loader = DataLoader(TensorDataset(X), batch_size=2)
    for batches in ([X[:4], X[4:]], [(X[:4],), (X[4:],)], loader):
        found = ml.similarity_matrices(chain(), batches, measures=measures)
        assert_same(found, {key: m for key, m in expected.items() if key[1] != "loss_hessian"})


def test_targets_may_be_left_out_where_they_are_not_needed(expected):
    for measure in ("covariance", "input_sensitivity", "output_sensitivity"):
        found = ml.pairwise_similarity(chain(), X, measure=measure)
        np.testing.assert_array_equal(found, expected[1, measure, "printed"])
    with pytest.raises(
        ValueError, match=r"targets must be given for the measure 'loss_hessian'\. Got None"
    ):
        ml.pairwise_similarity(chain(), X, measure="loss_hessian")


def test_a_dictionary_is_the_models_keyword_arguments(expected):
    plain = chain()
    net = Wired(lambda net, *, image, scale: net.plain(image * scale), plain=plain)
    inputs = {"image": X / 2, "scale": torch.full((7, 1), 2.0, dtype=torch.float64)}
    alike = [name for name in ml.MEASURES if name != "input_sensitivity"]
    for given, targets in (
        (inputs, Y),
        ({name: part.numpy() for name, part in inputs.items()}, Y.numpy()),
        ([({name: part[:3] for name, part in inputs.items()}, Y[:3]),
          ({name: part[3:] for name, part in inputs.items()}, Y[3:])], None),
    ):  # fmt: skip
        found = ml.similarity_matrices(net, given, targets, layers=["plain.2"], measures=alike)
        for (_, *key), matrix in found.items():
            np.testing.assert_allclose(matrix, expected[1, *key], rtol=1e-11, atol=1e-14)
    # Derivatives by both: of h(image * scale) by image h' scale, by scale h' . image.
    found = ml.pairwise_similarity(net, inputs, layer="plain.0", measure="input_sensitivity")
    w = plain[0].weight.detach()
    each = [4 * w @ w.T + torch.outer(w @ x, w @ x) for x in X / 2]
    np.testing.assert_allclose(found, torch.stack(each).abs().mean(0), rtol=1e-11)


def tokens_network():
    net = seeded(Attention)
    return Wired(lambda net, ids: net.rest.after(net.embed(ids)),
                 embed=nn.Embedding(6, 4).double(), rest=net)  # fmt: skip


def test_token_numbers_serve_all_measures_but_derivatives_by_them():
    net, ids = tokens_network(), torch.arange(20).reshape(5, 4) % 6
    for given in (ids, ids.numpy(), ids.to(torch.int32)):
        for measure in ("covariance", "output_sensitivity", "loss_hessian"):
            assert ml.pairwise_similarity(net, given, classes(), "embed", measure).values.any()
    values = net.embed(ids).detach()
    deviations = (values - values.mean(0)).numpy()
    np.testing.assert_allclose(
        ml.pairwise_similarity(net, ids, layer="embed"),
        np.abs(np.einsum("kpi,kpj->kij", deviations, deviations)).mean(axis=0), rtol=1e-12,
    )  # fmt: skip
    for probes in (None, 4):
        with pytest.raises(
            ValueError, match=r"inputs must be numbers with a fraction .* Got torch\.int64: whole "
            r"numbers, such as those of tokens, have none; ask for another measure"
        ):  # fmt: skip
            ml.pairwise_similarity(net, ids, None, "embed", "input_sensitivity", probes=probes)


# ------------------------------------------------------------------------------------ refusals


ONE_ODD = X.clone()
ONE_ODD[3, 1] = torch.inf


def generator():
    yield X, Y


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (None, None, r"inputs must be a tensor or array .* Got NoneType"),
        ("images", None, r"inputs must be a tensor or array .* Got str"),
        (TensorDataset(X, Y), None, r"or batches such as a DataLoader\. Got TensorDataset"),
        (generator(), None, r"gone through more than once\. Got generator, .* pass a list"),
        (map(id, [X]), None, r"more than once\. Got map"),
        ((X, Y), None, r"inputs must not be a tuple of arrays, .* Got 2: pass inputs and targets"),
        ([X], Y, r"targets must be left out where inputs are batches.* Got Tensor"),
        ([], None, r"inputs must hold at least one batch\. Got none"),
        (X[:0], None, r"inputs must hold at least one sample\. Got none"),
        ([X[:0]], None, r"inputs must hold at least one sample\. Got none"),
        ({}, None, r"inputs must hold at least one sample\. Got none"),
        (torch.tensor(1.0), None, r"inputs must be a tensor or a NumPy array .* Got a single"),
        (X.tolist(), None, r"inputs must be a tensor or a NumPy array .* Got list"),
        ([[1.0, 2.0]], None, r"inputs must be a tensor or a NumPy array .* Got float"),
        ([(X, Y, Y)], None, r"inputs must be a tensor or a NumPy array .* Got tuple"),
        ({"x": [1]}, None, r"inputs must be a tensor or a NumPy array .* Got list"),
        (X.to_sparse(), None, r"dense tensor with values\. Got .* 'sparse_coo': .* x\.to_dense"),
        (X.to("meta"), None, r"inputs must be a dense tensor with values\. Got .* 'meta'"),
        (X.to(torch.complex64), None, r"inputs must be real numbers\. Got dtype torch\.complex64"),
        (X.numpy().astype(object), None, r"array of real numbers\. Got dtype object"),
        (X.numpy().astype(complex), None, r"array of real numbers\. Got dtype complex128"),
        (np.ma.masked_array(X.numpy(), X.numpy() > 0), None, r"inputs must .* Got a masked one"),
        (ONE_ODD, None, r"inputs must be finite numbers\. Got torch\.float64 with 1 values"),
        (-ONE_ODD.numpy(), None, r"inputs must be finite numbers\. Got float64 with 1 values"),
        ([X, X * np.inf], None, r"inputs must be finite numbers\. Got torch\.float64 with 21"),
        (X, Y[:5], r"targets must have one row per sample, 7 in all\. Got 5"),
        (X, Y.tolist(), r"targets must be a tensor or a NumPy array .* Got list"),
        (X, {"a": Y, "b": Y[1:]}, r"targets must have one row per sample, 7 in all\. Got 6"),
        ({"a": X, "b": X[1:]}, None, r"inputs must have one row per sample, 7 in all\. Got 6"),
        (X, Y.to("meta"), r"targets must be a dense tensor with values\. Got .* 'meta'"),
    ],
)  # fmt: skip
def test_what_cannot_be_samples_is_refused_by_argument_rule_and_what_came(inputs, targets, message):
    with pytest.raises(ValueError, match=message):
        ml.pairwise_similarity(chain(), inputs, targets)


def test_a_later_batch_that_does_not_fit_is_refused_by_its_shape():
    for measure in ("covariance", "input_sensitivity", "output_sensitivity"):
        with pytest.raises(ValueError, match=r"inputs must fit the model\. Got shape \(7, 2\)"):
            ml.pairwise_similarity(chain(), [X, X[:, :2]], None, 1, measure)


def test_a_later_batch_without_targets_is_refused():
    with pytest.raises(ValueError, match=r"targets must be given for this measure\. Got None"):
        ml.pairwise_similarity(chain(), [(X, Y), X], None, 1, "loss_hessian")


def test_batches_that_drop_others_each_time_are_refused():
    random = torch.Generator().manual_seed(0)
    loader = DataLoader(X, batch_size=3, shuffle=True, drop_last=True, generator=random)
    with pytest.raises(
        ValueError, match=r"inputs must be the same samples each time\. Got 6 samples that are not "
        r"those of the first time \(6\).* keep the last batch"
    ):  # fmt: skip
        ml.pairwise_similarity(chain(), loader)


def test_batches_that_change_each_time_are_refused():
    class Augmented:
        n = 0

        def __iter__(self):
            self.n += 1
            yield X + self.n

    with pytest.raises(ValueError, match=r"same samples each time.* switch random changes off"):
        ml.pairwise_similarity(chain(), Augmented())


# ------------------------------------------------------------------------------ batches of a size


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_batches_of_a_size_are_all_samples_in_order(size):
    for given in ((X, Y), ([(X[:4], Y[:4]), (X[4:], Y[4:])],), (DataLoader(TensorDataset(X, Y)),)):
        batches = list(Samples(*given).batches(size))
        assert all(len(batch.inputs) == len(batch.targets) <= size for batch in batches)
        assert torch.equal(torch.cat([batch.inputs for batch in batches]), X)
        assert torch.equal(torch.cat([batch.targets for batch in batches]), Y)


def test_the_number_of_samples_is_known_where_they_are_all_there():
    assert Samples(X).n_samples == 7
    assert Samples({"a": X}).n_samples == 7
    assert Samples([X]).n_samples is None


def test_the_first_samples_start_over_where_they_are_too_few():
    (batch,) = Samples(X[:2], {"a": Y[:2]}).batches(10)
    assert torch.equal(batch.first(5).inputs, X[[0, 1, 0, 1, 0]])
    assert torch.equal(batch.first(1).targets["a"], Y[:1])
