"""Tests of null models: rotations, shuffles, and the excess of modularity over them."""

import numpy as np
import pytest
import torch
from networks import ResidualCNN, Wired, classes, numbers, seeded
from torch import nn

from modlib.clustering.find import find_modules
from modlib.models import MLP
from modlib.nulls import (
    Excess,
    excess,
    excess_of,
    null_similarities,
    permutations,
    random_rotation,
)
from modlib.seeds import generator
from modlib.similarity.compute import pairwise_similarity, similarity_matrices
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.factors import factors
from modlib.similarity.measures import MEASURES, Measure

N = 40  # samples


def mlp(widths=(7, 6, 5, 4), seed: int = 0, dtype=torch.float64) -> nn.Module:
    return MLP(widths, seed=seed).to(dtype)


def normal(n: int, seed: int, draw: int) -> np.ndarray:
    random = generator(seed, f"rotation {draw}")
    return torch.randn(n, n, generator=random, dtype=torch.float64).numpy()


def rotation_by_loops(f: np.ndarray, seed: int, draw: int) -> dict[str, np.ndarray]:
    """Factors ``[samples, units, directions]``, rotated sample by sample."""
    selves = [sum(float(row @ row) for row in f[:, unit]) for unit in range(f.shape[1])]
    in_use = [unit for unit, own in enumerate(selves) if own > 0]
    q, r = np.linalg.qr(normal(f.shape[1], seed, draw)[np.ix_(in_use, in_use)])
    q = q @ np.diag(np.sign(np.diag(r)))
    turn = np.zeros((f.shape[1], f.shape[1]))
    for i, unit in enumerate(in_use):
        for j, other in enumerate(in_use):
            turn[unit, other] = q[i, j]
    return averaged([turn @ one for one in f])


def shuffle_by_loops(f: np.ndarray, seed: int, draw: int) -> dict[str, np.ndarray]:
    orders = permutations(f.shape[1], len(f), generator(seed, f"shuffle {draw}"))
    return averaged([
        np.array([f[orders[unit][sample], unit] for unit in range(f.shape[1])])
        for sample in range(len(f))
    ])  # fmt: skip


def averaged(rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    matrices = [one @ one.T for one in rows]
    return {
        "printed": sum(np.abs(matrix) for matrix in matrices) / len(rows),
        "released": np.abs(sum(matrices)) / len(rows),
    }


BY_LOOPS = {"rotation": rotation_by_loops, "shuffle": shuffle_by_loops}


@pytest.mark.parametrize("widths", [(7, 6, 5, 4), (30, 21, 19, 3), (5, 35, 33, 20)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("null", BY_LOOPS)
def test_draws_are_those_of_explicit_loops(null, layer, dtype, widths):
    model, x, y = mlp(widths, dtype=dtype), numbers(N, widths[0]), classes(N, widths[-1])
    drawn = null_similarities(model, x, y, layer, null=null, draws=2, seed=3)
    assert list(drawn) == [(m, c) for m in MEASURES for c in CONVENTIONS]
    double = mlp(widths).to(dtype).double()  # of the same weights
    for measure in MEASURES:
        f = factors(double, x.to(dtype), y, layer, measure).numpy()
        for draw in range(2):
            expected = BY_LOOPS[null](f, 3, draw)
            for convention in CONVENTIONS:
                found = drawn[measure, convention][draw].values
                room = 1e-9 if dtype == torch.float64 else 1e-5
                np.testing.assert_allclose(
                    found, expected[convention], rtol=0, atol=room * expected[convention].max()
                )


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_rotations_are_orthogonal(n):
    turn = random_rotation(normal(n, 0, 0))
    np.testing.assert_allclose(turn @ turn.T, np.eye(n), atol=1e-12)


def test_rotations_prefer_no_direction():
    turns = np.array([random_rotation(normal(3, seed, 0)) for seed in range(2000)])
    # Under the Haar measure every entry has mean 0 and variance 1/3. Without the correction of
    # signs, the first entry of a Householder decomposition would never be positive.
    assert np.abs(turns.mean(axis=0)).max() < 5 / np.sqrt(3 * 2000)
    np.testing.assert_allclose((turns**2).mean(axis=0), 1 / 3, atol=5 * 0.3 / np.sqrt(2000))


@pytest.mark.parametrize("measure", MEASURES)
def test_rotations_keep_the_trace_and_the_sum_of_squared_eigenvalues(measure):
    model, x, y = mlp(), numbers(N, 7), classes(N, 4)
    known = pairwise_similarity(model, x, y, 2, measure)
    drawn = null_similarities(model, x, y, 2, measures=[measure], draws=3)
    for convention in CONVENTIONS:
        for one in drawn[measure, convention]:
            assert np.trace(one.values) == pytest.approx(np.trace(known.values), rel=1e-9)
    # That of the mean of the M_k is the sum of its squared entries, whatever their signs.
    norm = np.linalg.norm(pairwise_similarity(model, x, y, 2, measure, "released").values)
    for one in drawn[measure, "released"]:
        assert np.linalg.norm(one.values) == pytest.approx(norm, rel=1e-9)


def isotropic(n: int) -> Measure:
    """M_k is a number times the identity, whatever the sample."""
    return Measure(
        "isotropic", "upstream",
        products=lambda view: (1 + view.activations.sum(1) ** 2)[:, None, None]
        * torch.eye(n, dtype=view.activations.dtype),
    )  # fmt: skip


def test_rotations_of_what_has_no_direction_change_nothing():
    measure = isotropic(6)
    known = pairwise_similarity(mlp(), numbers(N, 7), None, 1, measure)
    drawn = null_similarities(mlp(), numbers(N, 7), None, 1, measures=[measure], draws=3)
    for several in drawn.values():
        for one in several:
            np.testing.assert_allclose(one.values, known.values, atol=1e-12 * known.values.max())


@pytest.mark.parametrize("null", BY_LOOPS)
def test_units_that_are_not_in_use_stay_so(null):
    model = mlp()
    with torch.no_grad():
        model.layers[0].weight[2] = 0.0
        model.layers[0].bias[2] = -1.0  # silent for every sample
        model.layers[1].weight[:, 2] = 0.0
    drawn = null_similarities(model, numbers(N, 7), classes(N, 4), 1, null=null, draws=2)
    for several in drawn.values():
        for one in several:
            assert not one.values[2].any()
            assert (np.delete(np.diagonal(one.values), 2) > 0).all()


def test_what_is_silent_but_for_rounding_is_not_in_use():
    model = mlp()
    with torch.no_grad():
        model.layers[0].weight[2] = 0.0
        model.layers[0].bias[2] = 0.1  # the same for every sample
    (one,) = null_similarities(
        model, numbers(N, 7), None, 1, measures=["covariance"], conventions=["printed"], draws=1
    )["covariance", "printed"]
    assert not one.values[2].any()


def test_shuffles_keep_what_units_have_by_themselves():
    model, x, y = mlp(), numbers(N, 7), classes(N, 4)
    drawn = null_similarities(model, x, y, 2, null="shuffle", draws=2)
    for (measure, convention), several in drawn.items():
        known = np.diagonal(pairwise_similarity(model, x, y, 2, measure, convention).values)
        for one in several:
            np.testing.assert_allclose(np.diagonal(one.values), known, rtol=1e-9)


@pytest.mark.parametrize("n", [100, 10_000])
def test_shuffles_leave_no_covariance_but_by_chance(n):
    # Of n samples, the correlation of two shuffled units has standard deviation 1 / sqrt(n - 1).
    drawn = null_similarities(
        mlp(), numbers(n, 7), None, 1, measures=["covariance"], conventions=["released"],
        null="shuffle", draws=30,
    )["covariance", "released"]  # fmt: skip
    off = ~np.eye(6, dtype=bool)
    correlations = np.array([one.normalized().values[off] for one in drawn])
    assert np.sqrt((correlations**2).mean()) == pytest.approx(1 / np.sqrt(n - 1), rel=0.2)


@pytest.mark.parametrize("null", BY_LOOPS)
def test_the_same_for_the_same_seed_and_however_many_draws(null):
    def draw(draws: int, seed: int) -> np.ndarray:
        several = null_similarities(
            mlp(), numbers(N, 7), None, 2, measures=["covariance"], conventions=["printed"],
            null=null, draws=draws, seed=seed,
        )["covariance", "printed"]  # fmt: skip
        return np.array([one.values for one in several])

    many = draw(4, 0)
    assert (draw(2, 0) == many[:2]).all()
    assert (draw(4, 0) == many).all()
    assert not np.isclose(draw(4, 1), many).all(axis=(1, 2)).any()
    assert not np.isclose(many[0], many[1]).all()


@pytest.mark.parametrize("null", BY_LOOPS)
def test_what_is_drawn_does_not_depend_on_what_else_is_asked_for(null):
    model, x, y = mlp(), numbers(N, 7), classes(N, 4)
    together = null_similarities(model, x, y, 2, null=null, draws=2)
    for (measure, convention), several in together.items():
        alone = null_similarities(
            model, x, y, 2, measures=[measure], conventions=[convention], null=null, draws=2
        )[measure, convention]
        for one, other in zip(several, alone, strict=True):
            np.testing.assert_array_equal(one.values, other.values)


def test_draws_know_what_they_are_of():
    drawn = null_similarities(mlp(), numbers(N, 7), classes(N, 4), 2, draws=2)
    for (measure, convention), several in drawn.items():
        assert len(several) == 2
        for one in several:
            assert (one.layer, one.measure, one.convention) == (2, measure, convention)
            assert one.is_normalized is False
            assert one.units == tuple(range(5))
            assert (one.values == one.values.T).all()
            assert one.normalized().values.max() <= 1 + 1e-9


# ---------------------------------------------------------------------------------------- excess


def planted(n_blocks: int = 4, size: int = 8) -> nn.Module:
    """Units in blocks, each of which sees one input: units of a block are alike."""
    n = n_blocks * size
    model = MLP((n_blocks, n, 3), seed=0)
    with torch.no_grad():
        model.layers[0].weight.zero_()
        model.layers[0].bias.zero_()
        for unit in range(n):
            model.layers[0].weight[unit, unit // size] = 1.0 if unit % 2 else 0.7
    return model


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    ("null", "measure"), [("rotation", "input_sensitivity"), ("shuffle", "covariance")]
)
def test_planted_modules_are_more_than_chance(null, measure, convention):
    x = numbers(200, 4).abs().float()
    found = excess(planted(), x, None, 1, measure, convention, null=null, draws=19)
    assert found.excess > 0.05
    assert found.p == 1 / 20
    assert found.modules.n_modules == 4
    if null == "rotation":  # of b blocks alike that share nothing, Q is 1 - 1/b
        assert found.q == pytest.approx(0.75, abs=1e-6)
        assert found.z > 5


def test_an_excess_is_read_from_its_draws():
    blocks = np.kron(np.eye(2), np.ones((2, 2)))  # Q is 1/2
    even = np.ones((4, 4))  # all in one: Q is 0
    found = excess_of(blocks, [even, blocks, even, even], kind="own")
    assert found.q == pytest.approx(0.5)
    np.testing.assert_allclose(found.null, [0, 0.5, 0, 0], atol=1e-12)
    assert found.mean == pytest.approx(0.125)
    assert found.std == pytest.approx(0.25)
    assert found.excess == pytest.approx(0.375)
    assert found.z == pytest.approx(1.5)
    assert found.p == pytest.approx(2 / 5)
    assert found.kind == "own"
    assert found.null.dtype == np.float64


@pytest.mark.parametrize("draws", [1, 3])
def test_draws_that_do_not_differ_have_no_z(draws):
    blocks = np.kron(np.eye(2), np.ones((2, 2)))
    found = excess_of(blocks, [blocks] * draws)
    assert np.isnan(found.z)
    assert found.p == 1.0
    assert found.excess == pytest.approx(0.0, abs=1e-12)


def test_a_layer_that_is_itself_rotated_has_no_excess():
    # Activations of a Gaussian F are as rotated as any: p is uniform on 1/10 ... 10/10.
    gaussian = Measure("gaussian", "upstream", factors=lambda view: view.inputs.unsqueeze(2))
    model = mlp((8, 8, 3))
    ps = []
    for seed in range(40):
        x = numbers(20, 8, seed=seed)
        found = excess(model, x, None, 1, gaussian, "released", draws=9, seed=seed, n_steps=200)
        ps.append(found.p)
    # The mean of 40 draws of the uniform has standard deviation .29 / sqrt(40) = .045.
    assert abs(np.mean(ps) - 0.55) < 3 * 0.045
    assert min(ps) <= 0.2
    assert max(ps) >= 0.9


def test_an_excess_is_of_the_layer_as_it_is():
    model, x, y = mlp((7, 12, 9, 4)), numbers(N, 7), classes(N, 4)
    options = {"search": "best", "restarts": 2, "n_steps": 100, "seed": 5}
    found = excess(model, x, y, 2, "loss_hessian", "released", normalized=True, draws=3, **options)
    similarity = pairwise_similarity(model, x, y, 2, "loss_hessian", "released").normalized()
    expected = find_modules(similarity, **options)
    assert found.q == expected.q
    assert (found.modules.labels == expected.labels).all()
    drawn = null_similarities(model, x, y, 2, draws=3, seed=5)["loss_hessian", "released"]
    qs = [find_modules(one.normalized(), **options).q for one in drawn]
    np.testing.assert_allclose(found.null, qs, atol=1e-12)
    assert (found.layer, found.measure, found.convention) == (2, "loss_hessian", "released")
    assert found.is_normalized is True
    assert found.kind == "rotation"


# ----------------------------------------------------------------------------------- any network


def smooth() -> nn.Module:
    """A residual network with GELUs: the loss is curved beyond its layers."""

    def wiring(net, x):
        h = net.act(net.enter(x))
        return net.head(h + net.out(net.act(net.inner(h))))

    return seeded(lambda: Wired(
        wiring, enter=nn.Linear(7, 6), act=nn.GELU(), inner=nn.Linear(6, 6), out=nn.Linear(6, 6),
        head=nn.Linear(6, 3),
    ))  # fmt: skip


NETWORKS = {
    "cnn": (lambda: seeded(ResidualCNN), (1, 6, 6), "block1", {}),
    "cnn pooled": (lambda: seeded(ResidualCNN), (1, 6, 6), "block1", {"pool": "mean"}),
    "smooth": (smooth, (7,), "inner", {}),
    "two layers": (smooth, (7,), ["enter", "inner"], {}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_any_network_can_be_rotated(name):
    build, shape, layer, options = NETWORKS[name]
    model, x, y = build(), numbers(N, *shape), classes(N)
    drawn = null_similarities(model, x, y, layer, draws=2, **options)
    whole = similarity_matrices(model, x, y, layers=[layer], **options)
    name = tuple(layer) if isinstance(layer, list) else layer
    for (measure, convention), several in drawn.items():
        known = whole[name, measure, convention]
        for one in several:
            assert one.units == known.units
            assert one.layer == known.layer
            if measure != "loss_hessian":  # which may have no factors
                trace = np.trace(known.values)
                assert np.trace(one.values) == pytest.approx(trace, rel=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("null", BY_LOOPS)
def test_draws_of_any_network_are_those_of_explicit_loops(name, null):
    build, shape, layer, options = NETWORKS[name]
    model, x, y = build(), numbers(N, *shape), classes(N)
    measures = [m for m in MEASURES if m != "loss_hessian" or name.startswith("cnn")]
    drawn = null_similarities(model, x, y, layer, measures=measures, null=null, draws=1, **options)
    for measure in measures:
        f = factors(model, x, y, layer, measure, **options).numpy()
        for convention, expected in BY_LOOPS[null](f, 0, 0).items():
            (one,) = drawn[measure, convention]
            np.testing.assert_allclose(one.values, expected, atol=1e-9 * expected.max())


def test_matrices_without_factors_can_be_rotated_but_not_shuffled():
    def signed(view):
        h = view.activations
        return h[:, :, None] + h[:, None, :]  # of one positive and one negative eigenvalue

    measure = Measure("signed", "upstream", products=signed)
    model, x = mlp(), numbers(N, 7)
    drawn = null_similarities(model, x, None, 1, measures=[measure], draws=1)
    h = model.to_layer(x, 1).detach().numpy()
    turn = random_rotation(normal(6, 0, 0))
    expected = sum(np.abs(turn @ np.add.outer(one, one) @ turn.T) for one in h) / N
    np.testing.assert_allclose(drawn["signed", "printed"][0].values, expected, rtol=1e-9)
    with pytest.raises(ValueError, match=r"'signed' must have matrices without negative.*rotation"):
        null_similarities(model, x, None, 1, measures=[measure], null="shuffle")


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"null": "configuration"}, r"null must be one of 'rotation', 'shuffle'\. Got 'config"),
        ({"draws": 0}, r"draws must be a whole number of at least 1\. Got 0"),
        ({"draws": 2.5}, r"draws must be .* Got 2\.5"),
        ({"draws": True}, r"draws must be .* Got True"),
        ({"seed": -1}, r"seed must be a whole number, 0 or more\. Got -1"),
        ({"layer": 5}, "layer must be"),
        ({"pool": "max"}, "pool must be one of 'mean'"),
        ({"loss": "hinge"}, "loss must be one of"),
    ],
)
@pytest.mark.parametrize("function", [null_similarities, excess])
def test_bad_options_are_named(function, option, message):
    with pytest.raises(ValueError, match=message):
        function(mlp(), numbers(N, 7), classes(N, 4), **option)


def test_other_bad_options_are_named():
    model, x = mlp(), numbers(N, 7)
    with pytest.raises(ValueError, match="convention must be one of 'printed', 'released'"):
        null_similarities(model, x, measures=["covariance"], conventions=["exact"])
    with pytest.raises(ValueError, match="measure must be one of"):
        null_similarities(model, x, measures=["correlation"])
    with pytest.raises(ValueError, match="targets must be given for the measure 'loss_hessian'"):
        null_similarities(model, x)
    with pytest.raises(ValueError, match=r"normalized must be True or False\. Got 1"):
        excess(model, x, normalized=1)
    with pytest.raises(ValueError, match=r"search must be one of .* Got 'fast'"):
        excess(model, x, search="fast")
    with pytest.raises(ValueError, match=r"drawn must hold at least one similarity\. Got none"):
        excess_of(np.ones((2, 2)), [])


def test_excess_is_a_frozen_record():
    found = Excess(0.5, np.array([0.1, 0.2]), None)
    with pytest.raises(AttributeError):
        found.q = 1.0
