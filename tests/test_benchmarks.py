"""The benchmarks measure what they say; how fast things are is for their tables, not for tests."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import (  # noqa: E402
    any_network,
    clustering,
    commands,
    halves,
    machine,
    networks,
    optimality,
    similarity,
    stopwatch,
    training,
    ways,
    workers,
)
from experiments import __main__ as experiments_command  # noqa: E402
from experiments.config import TrainingConfig  # noqa: E402
from modlib.layers.network import at_rest  # noqa: E402
from modlib.models import MLP  # noqa: E402
from modlib.similarity.compute import similarity_matrices  # noqa: E402
from modlib.similarity.matrix import Similarity  # noqa: E402


def allocate(n_mebibytes: int):
    return partial(np.ones, n_mebibytes * 2**17)  # float64: 8 bytes each


class Clock:
    """A clock that goes when told to, and by ``step`` whenever it is looked at."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def nap(self, seconds: float) -> None:
        self.now += seconds


def test_the_stopwatch_shows_the_least_disturbed_of_its_repeats(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stopwatch, "perf_counter", clock)
    naps = iter([1.0, 6.0, 2.0, 4.0])  # the first is to warm up
    assert stopwatch.seconds(lambda: clock.nap(next(naps)), repeats=3) == 2
    assert next(naps, None) is None


def test_the_stopwatch_notes_the_time_of_a_block(monkeypatch):
    clock, seconds = Clock(), {"before": 1.0}
    monkeypatch.setattr(stopwatch, "perf_counter", clock)
    with stopwatch.into(seconds, "nap"):
        clock.nap(2.0)
    assert seconds == {"before": 1.0, "nap": 2.0}


def test_commands_run_one_after_the_other_in_a_clone(monkeypatch, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "Makefile").write_text("venv:\n\techo made > made\nbook:\n\ttest -f made\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    subprocess.run(["git", "-C", tmp_path, *identity, "commit", "-qm", "one"], check=True)
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "COMMANDS", ("make venv", "make book"))
    monkeypatch.setattr(stopwatch, "perf_counter", Clock(step=3.0))
    rows = commands.in_a_fresh_clone()
    assert rows == [{"command": command, "seconds": 3.0} for command in ("make venv", "make book")]
    assert not (tmp_path / "made").exists()
    monkeypatch.setattr(commands, "COMMANDS", ("make book",))  # a clone of its own: nothing made
    with pytest.raises(RuntimeError, match=r"make book failed:\n.*test -f made"):
        commands.in_a_fresh_clone()


def test_peak_memory_is_that_of_the_call_alone():
    # The process may have had some mebibytes to spare from its start.
    assert 280 < stopwatch.peak_mebibytes(partial(allocate, 300)) < 330


@pytest.fixture
def digits(monkeypatch):
    """Small images instead of MNIST."""
    monkeypatch.setenv("MODLIB_DATA", "/dev/null/none")
    networks.data.cache_clear()
    yield
    networks.data.cache_clear()


@pytest.mark.usefixtures("digits")
def test_samples_repeat_the_test_set_as_often_as_needed():
    n_test = len(networks.data().test_inputs)
    inputs, targets = networks.samples(n_test + 5)
    assert len(inputs) == len(targets) == n_test + 5
    assert (inputs[n_test:] == inputs[:5]).all()


# The forward mode of torch.func, of which its hessian is made, loads what PyTorch deprecates.
forward_mode = pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")


@forward_mode
@pytest.mark.usefixtures("digits")
def test_all_ways_to_compute_similarity_run_on_the_same_network(monkeypatch):
    monkeypatch.setattr(networks, "EPOCHS", 1)
    monkeypatch.setattr(similarity, "N_INPUTS", 8)
    monkeypatch.setattr(similarity, "N_FUNC", 4)
    monkeypatch.setattr(similarity, "N_LOOP", 2)
    monkeypatch.setattr(similarity, "peak_mebibytes", lambda prepare: prepare()())
    rows = similarity.against_autograd()
    assert [row["inputs"] for row in rows] == [8, 8, 4, 2]
    assert rows[0]["ratio"] == 1


@forward_mode
@pytest.mark.usefixtures("digits")
def test_plain_torch_func_computes_what_the_library_computes(monkeypatch):
    monkeypatch.setattr(similarity, "CHUNK", 3)  # the last of seven samples is on its own
    model, samples = MLP((64, 9, 8, 10)), networks.samples(7)
    plain = similarity.with_torch_func(model, *samples)
    ours = similarity_matrices(model, *samples, conventions=["printed"])
    assert len(plain) == len(ours) == 8
    for layer, measure in plain:
        expected = ours[layer, measure, "printed"]
        np.testing.assert_allclose(plain[layer, measure], expected, rtol=1e-4, atol=1e-7)


SMALL = {
    "convolutional": partial(halves.convolutional, 4),
    "transformer": partial(halves.transformer, 14, 8),
    "recurrent": partial(halves.recurrent, 3),
    "fully connected": partial(halves.connected, 5),
}


def images(n_images):
    """Noise of 28 x 28 pixels, and classes."""
    random = torch.Generator().manual_seed(0)
    return torch.rand(n_images, 784, generator=random), torch.arange(n_images) % 10


@forward_mode
@pytest.mark.parametrize("network", SMALL)
def test_ways_by_hand_compute_what_the_library_computes_within_the_whole_network(network):
    torch.manual_seed(0)
    model, samples = SMALL[network](), images(3)
    ours = similarity_matrices(
        model, *samples, layers=["head"], conventions=["printed"], derivatives="autograd"
    )
    assert len(ours) == 4
    for (_, measure, _), expected in ours.items():
        room = {"rtol": 1e-4, "atol": 1e-5 * expected.values.max()}
        chunked = ways.vectorized(model, *samples, measure, 2)  # the last sample is on its own
        np.testing.assert_allclose(chunked, expected, **room)
        np.testing.assert_allclose(ways.looped(model, *samples, measure), expected, **room)


@pytest.mark.parametrize(
    ("make", "counts"),
    [
        # 16 channels at 14 x 14 positions are more than the 784 pixels.
        (partial(halves.convolutional, 16), (1, 784, 10, 10)),
        # 4 tokens of 8 units; the tail is curved.
        (SMALL["transformer"], (1, 32, 10, 32)),
        (SMALL["recurrent"], (1, 28 * 3, 10, 28 * 3)),
        (SMALL["fully connected"], (1, 5, 10, 10)),
    ],
)
def test_bare_passes_are_as_many_as_a_measure_needs(make, counts, monkeypatch):
    monkeypatch.setattr(ways, "perf_counter", Clock(step=1.0))  # all passes take the same
    model, samples = make(), images(1)
    measures = ("covariance", "input_sensitivity", "output_sensitivity", "loss_hessian")
    assert tuple(ways.passes(model, *samples, measure) for measure in measures) == counts


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_products_forward_are_the_columns_of_the_jacobian(make):
    torch.manual_seed(0)
    model, (inputs, _) = make(), images(2)
    with at_rest(model):
        n_forward, forward = ways._forward(model, inputs)
        n_backward, backward = ways._backward(model, inputs)
        columns = torch.stack([column for (column,) in forward], dim=-1).flatten(1, -2)
        rows = torch.stack([row for (row,) in backward], dim=1)
    assert (n_forward, n_backward) == (784, rows.shape[1])
    torch.testing.assert_close(columns, rows, rtol=1e-4, atol=1e-6)


@pytest.fixture
def small_case(monkeypatch):
    """A small network, and every call that is timed takes a second."""
    case = any_network.Case(SMALL["fully connected"], n_inputs=6, n_func=4, chunk=2)
    monkeypatch.setattr(any_network, "CASES", {"small": case})
    monkeypatch.setattr(any_network, "samples", images)
    monkeypatch.setattr(stopwatch, "perf_counter", Clock(step=1.0))
    monkeypatch.setattr(ways, "perf_counter", Clock(step=1.0))
    return case


@forward_mode
@pytest.mark.usefixtures("small_case")
def test_ways_measured_on_fewer_samples_are_scaled_up_and_compared_with_the_library():
    rows = any_network.against_hand_cuts()
    ratios = {(row["measure"], row["way"]): row["ratio"] for row in rows}
    assert len(rows) == len(ratios) == 5 * 4
    # Six samples: torch.func is timed on four of them, the loop on one.
    expected = {"library": 1, "bare passes": 1, "torch.func": 6 / 4, "loop": 6}
    for way, ratio in expected.items():
        assert ratios["loss_hessian", way] == pytest.approx(ratio)
        # One call of the library gives all four; the other ways are four calls.
        assert ratios["all four", way] == pytest.approx(ratio * (1 if way == "library" else 4))


@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_only_what_is_short_is_repeated(seconds, monkeypatch):
    clock, naps = Clock(), []
    monkeypatch.setattr(stopwatch, "perf_counter", clock)
    found = any_network._settled(lambda: naps.append(clock.nap(seconds)))
    assert found == pytest.approx(seconds)
    assert len(naps) == (1 if seconds > any_network.SHORT else 5)


@forward_mode
@pytest.mark.usefixtures("small_case")
def test_memory_is_of_as_many_samples_as_each_way_takes_at_a_time(monkeypatch):
    taken = []
    monkeypatch.setattr(any_network, "samples", lambda n: taken.append(n) or images(n))
    monkeypatch.setattr(any_network, "peak_mebibytes", lambda prepare: prepare()() and None)
    monkeypatch.setattr(any_network, "LARGEST_CHUNK", 7)
    rows = any_network.memory()
    assert [(row["way"], row["inputs"]) for row in rows] == [("library", 7), ("torch.func", 2)]
    assert taken == [2, 7, 2, 2]  # each has a small call beforehand


@pytest.mark.usefixtures("small_case")
@pytest.mark.parametrize(
    ("growth", "given", "column", "sizes"),
    [
        (any_network.growth_with_inputs, (2, 5), "inputs", [2, 5]),
        (any_network.growth_with_units, (8, 12), "units", [8, 12]),
        (any_network.growth_with_positions, (28, 14), "positions", [1, 4]),
    ],
)
def test_growth_of_any_network_is_measured_at_each_size(growth, given, column, sizes, monkeypatch):
    monkeypatch.setattr(any_network, "peak_mebibytes", lambda prepare: prepare()() and 3.0)
    rows = growth(given)
    assert [row[column] for row in rows] == sizes
    assert all((row["seconds"], row["mebibytes"]) == (1.0, 3.0) for row in rows)


@forward_mode
@pytest.mark.usefixtures("small_case")
def test_probes_are_compared_with_all_directions():
    rows = any_network.probed_against_exact(["small"])
    assert [row["measure"] for row in rows] == any_network.DERIVED
    for row in rows:
        assert row["probes"] == 64
        assert row["ratio"] == 1
        # The error is of the size that is told: a chance of about one in a thousand to be thrice.
        assert row["told"] / 3 < row["error"] < 3 * row["told"]
        assert row["excess"] > -3 * row["told"]


def test_errors_of_probes_are_shares_of_the_similarities_by_hand():
    exact = Similarity(np.full((2, 2), 2.0), layer="a", measure="b", convention="released")
    probed = Similarity(
        np.full((2, 2), 2.2), standard_error=np.full((2, 2), 0.1),
        layer="a", measure="b", convention="released",
    )  # fmt: skip
    assert any_network._errors(probed, exact) == pytest.approx({"told": 0.05, "error": 0.1})
    assert any_network._excess(2.2, 2.0) == pytest.approx(0.1)


def test_products_of_an_epoch_by_hand():
    # 3 -> 2 -> 2 units: 2 * (6 + 4) for the outputs, as many for the gradients of the weights,
    # 2 * 4 for that of the hidden units; five samples.
    assert training.epoch_gigaflop((3, 2, 2), 5) == pytest.approx(5 * 48 / 1e9)
    # The paper's architecture, 54,000 images.
    assert training.epoch_gigaflop((784, 64, 64, 10), 54_000) == pytest.approx(12.4, abs=0.05)


@pytest.mark.usefixtures("digits")
def test_all_ways_to_train_are_timed_for_each_dropout(monkeypatch):
    # Every look at the clock is a second after the last, so that whatever is timed takes a second:
    # an epoch of the stack of two networks, one of tensors, and a batch of the seven of an epoch.
    clock = Clock(step=1.0)
    monkeypatch.setattr(stopwatch, "perf_counter", clock)
    monkeypatch.setattr(training, "perf_counter", clock)
    monkeypatch.setattr(training, "N_NETWORKS", 2)
    monkeypatch.setattr(training, "gigaflops", lambda: 8.0)
    rows = training.against_plain_loops()
    assert [row["dropout"] for row in rows] == [0, 0, 0, 0.5, 0.5, 0.5]
    assert [row["seconds"] for row in rows] == [0.5, 1, 7] * 2
    assert [row["ratio"] for row in rows] == [1, 2, 14] * 2
    work = training.epoch_gigaflop((64, 64, 64, 10), 1298)  # nine tenths of 1,442 images
    for row in rows:
        assert row["gigaflops"] == pytest.approx(work / row["seconds"])
        assert row["share"] == pytest.approx(row["gigaflops"] / 8)


@pytest.mark.usefixtures("digits")
def test_a_plain_loop_learns():
    learner = training.Learner(TrainingConfig(learning_rate=0.01))
    batch = networks.data().train_inputs[:200], networks.data().train_targets[:200]
    before = functional.cross_entropy(learner.model(batch[0]), batch[1])
    learner.learn([batch] * 20)
    after = functional.cross_entropy(learner.model(batch[0]), batch[1])
    assert after < before / 2


@pytest.mark.usefixtures("digits")
def test_the_loader_is_timed_for_a_part_of_the_epoch_and_scaled(monkeypatch):
    seen = []
    monkeypatch.setattr(
        training.Learner, "learn", lambda _, batches: seen.append(len(list(batches)))
    )
    monkeypatch.setattr(training, "seconds_once", lambda call: call() or 1.0)
    config = TrainingConfig(batch_size=10)
    n_batches = -(-training.n_samples(config) // 10)
    n_timed = -(-n_batches // training.PART)
    assert training.with_loader(config) == pytest.approx(n_batches / n_timed)
    assert seen == [1, n_timed]


def test_one_thread_for_a_while():
    before = torch.get_num_threads()
    with stopwatch.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_the_rate_of_products_is_counted_by_hand(monkeypatch):
    # A product of two matrices of 100 x 100 takes 2 * 100**3 operations, here in half a second.
    monkeypatch.setattr(stopwatch, "perf_counter", Clock(step=0.5))
    assert machine.gigaflops(100) == pytest.approx(2 * 100**3 / 0.5 / 1e9)


def test_the_sweep_is_the_smoke_preset_in_a_folder_of_its_own(monkeypatch):
    ran = []
    monkeypatch.setattr(workers.subprocess, "run", lambda command, **_: ran.append(command))
    monkeypatch.setattr(stopwatch, "perf_counter", Clock(step=2.0))
    assert workers.of_the_small_sweep() == [
        {"workers": 1, "seconds": 2.0}, {"workers": 2, "seconds": 2.0}
    ]  # fmt: skip
    for n_workers, (python, dash_m, package, *arguments) in zip((1, 2), ran, strict=True):
        assert (python, dash_m, package) == (sys.executable, "-m", "experiments")
        options = experiments_command._parser().parse_args(arguments)
        assert options.command is experiments_command._run
        assert (options.preset, options.workers) == ("smoke", n_workers)
        assert ROOT not in options.results.parents


BLOCKS = np.kron(np.eye(2), np.ones((4, 4)))  # two cliques, apart: Q is 1/2


@pytest.fixture
def two_matrices(monkeypatch):
    """Two matrices of which everything is known, instead of those of trained networks."""
    found = {name: BLOCKS * scale for name, scale in (("one", 1.0), ("two", 3.0))}
    monkeypatch.setattr(clustering, "matrices", lambda: found)
    monkeypatch.setattr(optimality, "matrices", lambda: found)


@pytest.mark.usefixtures("two_matrices")
def test_all_searches_find_the_cliques_and_none_is_below_the_best(monkeypatch):
    monkeypatch.setattr(clustering, "perf_counter", Clock(step=4.0))
    rows = clustering.against_leiden(2)
    assert [row["way"] for row in rows] == ["paper", "best", "leidenalg, best of 30"]
    for row in rows:
        assert (row["matrices"], row["seconds"]) == (2, 4 / 2)
        assert (row["below_best"], row["above_best"]) == (0, 0)
        assert row["largest_deficit"] == pytest.approx(0, abs=1e-14)


@pytest.mark.usefixtures("two_matrices")
def test_certificates_of_the_cliques_are_proofs():
    rows = optimality.of_trained_layers(2)
    assert sorted(row["matrix"] for row in rows) == ["one", "two"]
    for row in rows:
        assert row["optimal"]
        assert row["lower"] == pytest.approx(1 / 2)
        assert row["gap"] == pytest.approx(0, abs=1e-8)


@pytest.mark.usefixtures("two_matrices")
def test_the_literal_algorithm_is_scaled_to_as_many_steps(monkeypatch):
    monkeypatch.setattr(stopwatch, "perf_counter", Clock(step=1.0))
    fast, slow = clustering.against_the_literal_algorithm()
    assert (fast["seconds"], slow["seconds"]) == (1, 5000 / 200)
    assert slow["ratio"] == 25


@pytest.mark.usefixtures("digits")
def test_matrices_are_raw_and_normalised_each_in_its_own_convention(monkeypatch):
    monkeypatch.setattr(networks, "trained", lambda *_: MLP((64, 5, 4, 10)))
    found = networks.matrices.__wrapped__()
    assert len(found) == 5 * 2 * 4 * 2 * 2
    for convention, scale in (
        ("printed", np.maximum),
        ("released", lambda a, b: np.sqrt(a * b)),
    ):
        raw = found[f"l2 0.001, h2, loss_hessian, {convention}"]
        selves = np.diagonal(raw)
        expected = raw / scale(selves[:, None], selves[None])
        normalized = found[f"l2 0.001, h2, loss_hessian, {convention}, normalised"]
        np.testing.assert_allclose(normalized, expected, rtol=1e-12)


@pytest.mark.usefixtures("digits")
def test_growth_is_measured_on_plain_matrices_of_any_width():
    matrix = networks.untrained_matrix(6)
    assert type(matrix) is np.ndarray
    assert matrix.shape == (6, 6)


def test_leiden_finds_what_is_plain_to_see():
    found = clustering.best_of_leiden(BLOCKS)
    assert found.q == pytest.approx(1 / 2)
    assert len(set(found.labels[:4])) == len(set(found.labels[4:])) == 1


def test_report_is_written_whole_and_names_its_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "TABLES", {"one": lambda: [{"seconds": 1.0}]})
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--output", str(tmp_path / "b.json")])
    program.main()
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["tables"] == {"one": [{"seconds": 1.0}]}
    assert {"processor", "threads", "versions", "gigaflops"} <= set(report["machine"])
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize("same_machine", [True, False])
def test_tables_that_are_not_measured_anew_stay_if_the_machine_is_the_same(
    tmp_path, monkeypatch, same_machine
):
    one, other = {"one": lambda: [1]}, {"one": lambda: [2], "two": lambda: [3]}
    path = tmp_path / "b.json"
    for tables, names in ((other, []), (one, ["one"])):
        monkeypatch.setattr(program, "TABLES", tables)
        monkeypatch.setattr(sys, "argv", ["benchmarks", *names, "--output", str(path)])
        program.main()
        if not same_machine:
            report = json.loads(path.read_text())
            report["machine"]["processor"] = "An abacus"
            path.write_text(json.dumps(report))
    kept = {"two": [3]} if same_machine else {}
    monkeypatch.setattr(sys, "argv", ["benchmarks", "one", "--output", str(path)])
    program.main()
    assert json.loads(path.read_text())["tables"] == {"one": [1], **kept}


def test_unknown_tables_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nonsense"])
    with pytest.raises(SystemExit):
        program.main()
    assert "no such table: nonsense" in capsys.readouterr().err


def test_committed_report_has_every_table():
    report = json.loads((ROOT / "results" / "benchmarks.json").read_text())
    assert set(report["tables"]) == set(program.TABLES)
    assert report["data"] == "mnist"
