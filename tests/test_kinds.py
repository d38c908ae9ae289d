"""Every cell of the table of kinds of network, held to what the library does, and to loops."""

import warnings

import numpy as np
import pytest
import torch

import modlib as ml
from experiments.report.chapters.kinds import ALL, KINDS, N_SAMPLES, table
from modlib.losses import losses

CELLS = [(kind, measure) for kind in KINDS for measure in ml.MEASURES]
IDS = [f"{kind.name}, {measure}" for kind, measure in CELLS]
EXACT = [cell for cell in CELLS if cell[0].cells[cell[1]].exact]
PROBED = [cell for cell in CELLS if cell[0].cells[cell[1]].probed]
N_PROBES = 200


def ids(cells):
    return [f"{kind.name}, {measure}" for kind, measure in cells]


def build(kind):
    with warnings.catch_warnings():  # newer releases of PyTorch advise against scripting
        warnings.simplefilter("ignore", DeprecationWarning)
        return kind.build()


def ask(kind, measure, **options):
    model, inputs, targets = build(kind)
    return ml.pairwise_similarity(
        model, inputs, targets, kind.layer, measure, **(dict(kind.options) | options)
    )


class ByLoops:
    """One sample at a time: the layer's values, and derivatives by them and by the input."""

    def __init__(self, kind, sample):
        self.kind, self.loss = kind, kind.options.get("loss", "cross_entropy")
        self.model, inputs, targets = build(kind)
        parts = inputs.items() if isinstance(inputs, dict) else [("", inputs)]
        self.parts = {name: part[sample : sample + 1] for name, part in parts}
        self.target = targets[sample : sample + 1]
        self.calls = []
        self.run(list(self.parts.values()), None)
        self.shifts = torch.zeros(len(self.calls), *self.calls[0].shape, dtype=torch.float64)

    def run(self, parts, shifts):
        """Run the model with shifts ``[calls, ...]`` added to the layer's values."""
        self.calls = []

        def hook(module, given, output):
            value = output[0] if isinstance(output, tuple) else output
            if shifts is not None:
                value = value + shifts[len(self.calls)]
            self.calls.append(value)
            return (value, *output[1:]) if isinstance(output, tuple) else value

        handle = self.model.get_submodule(self.kind.layer).register_forward_hook(hook)
        try:
            output = self.model(*parts)
        finally:
            handle.remove()
        return output["answer"] if isinstance(output, dict) else output

    def arranged(self, array):
        """From ``[any, calls, 1, ...]`` to ``[any, positions, units]``."""
        by_channel = array.ndim == 6 and "units" not in self.kind.options
        last = np.moveaxis(array, 3, -1) if by_channel else array
        return last.reshape(len(array), -1, last.shape[-1])

    def values(self):
        self.run(list(self.parts.values()), self.shifts)
        return self.arranged(torch.stack(self.calls).detach().numpy()[None])[0]

    def by_input(self):
        """``[inputs, positions, units]``."""

        def layer(*parts):
            self.run(parts, self.shifts)
            return torch.stack(self.calls)

        parts = tuple(self.parts.values())
        found = torch.autograd.functional.jacobian(layer, parts)
        columns = [one.reshape(*self.shifts.shape, -1).movedim(-1, 0).numpy() for one in found]
        return self.arranged(np.concatenate(columns))

    def outputs(self, shifts):
        return self.run(list(self.parts.values()), shifts).flatten()

    def of_outputs(self):
        """``[outputs, positions, units]``."""
        return self.arranged(torch.autograd.functional.jacobian(self.outputs, self.shifts).numpy())

    def hessian(self):
        """``[positions, units, positions, units]``."""

        def loss(shifts):
            output = self.run(list(self.parts.values()), shifts)
            return losses((output,), self.target, self.loss).sum()

        found = torch.autograd.functional.hessian(loss, self.shifts).numpy()
        n = self.shifts.numel()
        rows = self.arranged(found.reshape(n, *self.shifts.shape)).reshape(n, -1)
        both = self.arranged(rows.T.reshape(-1, *self.shifts.shape))
        n_positions, n_units = both.shape[1:]
        return both.reshape(n_positions, n_units, n_positions, n_units)


def matrices_by_loops(kind, measure):
    """M_k ``[samples, units, units]``, with sums over matching positions."""
    each = [ByLoops(kind, sample) for sample in range(N_SAMPLES)]
    if measure == "covariance":
        values = np.stack([one.values() for one in each])
        deviations = values - values.mean(axis=0)
        return np.einsum("kpi,kpj->kij", deviations, deviations)
    if measure == "loss_hessian":
        return np.stack([np.einsum("pipj->ij", one.hessian()) for one in each])
    jacobians = [one.by_input() if measure == "input_sensitivity" else one.of_outputs()
                 for one in each]  # fmt: skip
    return np.stack([np.einsum("api,apj->ij", one, one) for one in jacobians])


@pytest.mark.parametrize(("kind", "measure"), EXACT, ids=ids(EXACT))
def test_what_is_exact_is_what_loops_over_samples_and_positions_give(kind, measure):
    products = matrices_by_loops(kind, measure)
    assert np.abs(products).max() > 0
    tolerance = 1e-9 * np.abs(products).max()  # double precision, and sums of some dozens
    printed, released = (ask(kind, measure, convention=name) for name in ml.CONVENTIONS)
    np.testing.assert_allclose(printed, np.abs(products).mean(axis=0), atol=tolerance)
    np.testing.assert_allclose(released, np.abs(products.mean(axis=0)), atol=tolerance)
    assert printed.standard_error is None


@pytest.mark.parametrize(("kind", "measure"), PROBED, ids=ids(PROBED))
def test_what_is_probed_is_exact_within_its_standard_error(kind, measure):
    probed = ask(kind, measure, convention="released", probes=N_PROBES)
    exact = matrices_by_loops(kind, measure).mean(axis=0)
    # Absolute values of both differ by no more than they do. Five standard errors, as estimated
    # from 200 probes, are passed by chance once in a million.
    room = 5 * probed.standard_error + 1e-9 * np.abs(exact).max()
    assert (np.abs(probed.values - np.abs(exact)) <= room).all()
    assert (probed.standard_error >= 0).all()


@pytest.mark.parametrize(("kind", "measure"), CELLS, ids=IDS)
def test_what_is_refused_is_refused_for_the_reason_that_is_given(kind, measure):
    cell = kind.cells[measure]
    for probes in [None] * (not cell.exact) + [10] * (not cell.probed and bool(cell.says)):
        with pytest.raises(ValueError, match=cell.says):
            ask(kind, measure, probes=probes)


def test_a_measure_without_derivatives_is_the_same_with_probes():
    kind = KINDS[0]
    assert not kind.cells["covariance"].probed
    probed = ask(kind, "covariance", probes=10)
    assert probed.standard_error is None
    np.testing.assert_array_equal(probed, ask(kind, "covariance"))


def test_the_table_has_every_kind_and_measure_with_a_reason_for_each_refusal():
    shown = table()
    assert shown.shape == (len(KINDS), len(ml.MEASURES))
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert list(kind.cells) == list(ml.MEASURES)
        for cell in kind.cells.values():
            assert bool(cell.why) == bool(cell.says)
            assert cell.exact or cell.why
    assert ALL["covariance"].text == "exact"
    assert ALL["loss_hessian"].text == "exact, probed"
    row = shown.loc["transformer on words"]
    assert row.tolist() == [
        "exact", "refused: whole numbers have no derivatives", "exact, probed", "exact, probed"
    ]  # fmt: skip
