"""The sweep with real processes: the same tables whatever happens, and faults that are named.

Every test that lets a sweep finish holds its tables against those of one undisturbed worker.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import nbformat
import psutil
import pytest
import tiny

import experiments
from experiments import paper
from experiments.config import Recipe, SettingConfig
from experiments.engine import provenance, tables
from experiments.engine.experiment import Experiment, Run
from experiments.engine.files import file_hash
from experiments.engine.run import execute
from experiments.engine.store import Store
from experiments.engine.sweep import open_store
from experiments.paper import EXPERIMENT, MODULES, NETWORKS, full_grid, smoke_grid, table_1
from experiments.weights import load_weights

ROOT = Path(__file__).parents[1]
TABLES = [*(f"{name}.parquet" for name in paper.TABLES), "examples.safetensors"]
NO_DATA = "/dev/null/none"


def start(folder: Path, *options: str, command: str = "run", preset: str = "tiny", **kwargs):
    return subprocess.Popen(
        [sys.executable, ROOT / "tests" / "tiny.py", command, "--preset", preset,
         "--results", folder, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs,
    )  # fmt: skip


def finish(process) -> tuple[int, str]:
    """How a command ends, and what it says beside how far it is."""
    out, err = process.communicate(timeout=200)
    return process.returncode, out + re.sub(r"^\d.* parts .*done\n", "", err, flags=re.MULTILINE)


def run(folder: Path, *options: str, **kwargs) -> tuple[int, str]:
    return finish(start(folder, *options, **kwargs))


def done(folder: Path) -> tuple[int, str]:
    """What a run that finishes says."""
    return 0, f"All 2 runs are done: the tables are in {folder / 'paper'}\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "paper" / name).read_bytes() for name in TABLES}


def wait_for(condition, seconds: float = 100):
    """Wait until the condition holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
    return found


def kernels(*processes) -> list[psutil.Process]:
    """The notebook kernels below processes."""
    found = []
    for process in processes:
        try:
            below = psutil.Process(process.pid).children(recursive=True)
            found += [p for p in below if any("ipykernel_launcher" in a for a in p.cmdline())]
        except psutil.NoSuchProcess:
            pass
    return found


def at_work(folder: Path) -> list[Path]:
    return list((folder / "raw").glob(".working/*/pulse"))


def are_gone(processes) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The results of one sweep with one worker; do not change them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(folder, "--workers", "1") == done(folder)
    return folder


# --------------------------------------------------------------------------------------- the grid


def test_the_grid_is_table_1_and_a_hundred_untrained_networks():
    settings = table_1()
    runs = full_grid()
    assert len({run.hash for run in runs}) == len({run.name for run in runs}) == 30 + 4
    assert [run.n_parts for run in runs] == [9] * 30 + [25] * 4
    names = [f"{setting.name}-{seed}" for setting in settings for seed in setting.seeds]
    assert len(set(names)) == len(names) == 30 * 9 + 100 == 370
    strengths = {
        kind: [s.strength for s in settings if s.regularizer == kind]
        for kind in ("l2", "l1", "dropout")
    }
    # Table 1: from 1e-5 to 1e-1 and to 1e-2 in steps of half a decade; from 0.05 to 0.7 by 0.05.
    assert (strengths["l2"][0], strengths["l2"][-1], len(strengths["l2"])) == (1e-5, 1e-1, 9)
    assert (strengths["l1"][0], strengths["l1"][-1], len(strengths["l1"])) == (1e-5, 1e-2, 7)
    for kind in ("l2", "l1"):
        for low, high in pairwise(strengths[kind]):
            assert high / low == pytest.approx(10**0.5)
    assert strengths["dropout"] == [round(0.05 * step, 2) for step in range(1, 15)]
    assert {s.training.l2 for s in settings if s.regularizer in ("l1", "dropout")} == {1e-5}
    assert {setting.recipe for setting in settings} == {Recipe()}


def test_parameters_are_those_that_the_notebook_knows():
    cells = nbformat.read(EXPERIMENT.notebook_path, as_version=4).cells
    (cell,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    defaults = {}
    exec(cell.source, defaults)
    for run in [*full_grid(), *smoke_grid(), *tiny.tiny()]:
        assert set(run.parameters) | {"folder"} == set(defaults) - {"__builtins__"}
        again = paper.run_of(SettingConfig.from_parameters(run.parameters))
        assert (again.name, again.hash) == (run.name, run.hash)


def test_the_hash_of_a_run_is_of_its_parameters_and_nothing_else():
    one = Run("paper", "one", {"a": 1, "b": [1.5]})
    text = '{"experiment":"paper","parameters":{"a":1,"b":[1.5]}}'
    assert one.hash == sha256(text.encode()).hexdigest()[:12]
    assert Run("paper", "other", {"b": [1.5], "a": 1}, n_parts=3, length=(2,)).hash == one.hash
    assert one.told(a=2).hash != one.hash
    with pytest.raises(ValueError, match=r"parameter must be one of 'a', 'b'. Got 'device'"):
        one.told(device="cpu")


def test_two_runs_of_a_grid_cannot_have_one_name():
    grid = lambda: [Run("twins", "one", {"a": n}) for n in (1, 2)]  # noqa: E731
    with pytest.raises(ValueError, match=r"runs must have a name each. Got 'one' 2 times"):
        Experiment("twins", "none", {}, {"full": grid}).runs("full")
    with pytest.raises(ValueError, match=r"preset must be one of 'full', 'smoke'. Got 'large'"):
        EXPERIMENT.runs("large")
    with pytest.raises(
        ValueError, match=r"experiment must be one of 'paper', 'crossed', .* Got 'papers'"
    ):
        experiments.experiment("papers")


# ---------------------------------------------------------------------------------- the same bits


def test_a_sweep_leaves_tables_weights_examples_and_where_they_come_from(undisturbed):
    networks = tables.read(NETWORKS, undisturbed / "paper" / "networks.parquet")
    names = ["dropout-0.2-0", "dropout-0.2-1", "untrained-0-0", "untrained-0-3"]
    assert networks["network"].to_pylist() == names
    assert (
        tables.read(paper.TABLES["layers"], undisturbed / "paper" / "layers.parquet").num_rows
        == 4 * 2
    )
    assert (
        tables.read(paper.TABLES["modules"], undisturbed / "paper" / "modules.parquet").num_rows
        == 4 * 2 * 2 * 8
    )
    assert (
        tables.read(paper.TABLES["agreement"], undisturbed / "paper" / "agreement.parquet").num_rows
        == 4 * 2 * 2 * 28
    )
    manifest = json.loads((undisturbed / "paper" / "manifest.json").read_text())
    for name in TABLES:
        assert manifest["files"][name] == file_hash(undisturbed / "paper" / name)
    assert manifest["experiment"] == "paper"
    assert list(manifest["data"]) == ["digits"]
    hashes = {run["config_hash"] for run in manifest["runs"].values()}
    assert hashes == set(networks["config_hash"].to_pylist()) == {r.hash for r in tiny.tiny()}
    assert manifest["seconds"]["training"] > 0
    (example,) = undisturbed.glob("raw/paper-dropout-*/weights/dropout-0.2-0.safetensors")
    assert load_weights(example).widths == (64, 8, 6, 10)
    assert not list(undisturbed.rglob(".*"))
    assert not list(undisturbed.glob("raw/*.failed"))


def test_a_second_sweep_does_nothing_and_status_says_that_all_is_done(undisturbed):
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.is_file()}
    assert run(undisturbed) == done(undisturbed)
    after = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.is_file()}
    assert after == before
    assert run(undisturbed, command="status") == (0, "2 done, 0 running, 0 failed, 0 waiting\n")


@pytest.mark.faults
def test_two_sweeps_at_once_with_two_workers_each_give_the_same_tables(undisturbed, tmp_path):
    both = [start(tmp_path, "--workers", "2") for _ in range(2)]
    assert [finish(process) for process in both] == [done(tmp_path)] * 2
    assert contents(tmp_path) == contents(undisturbed)
    assert len(list((tmp_path / "raw").iterdir())) == 2


# ------------------------------------------------------------------------------------------ faults


@pytest.mark.faults
def test_after_the_driver_is_killed_or_interrupted_the_tables_are_the_same(undisturbed, tmp_path):
    for number, moment, code in [
        (signal.SIGKILL, at_work, -9),
        (signal.SIGINT, lambda _: kernels(driver), 130),  # noqa: B023
        # When one of the two runs is done, and the other not yet.
        (signal.SIGTERM, lambda folder: list(folder.glob("raw/paper-*")), 130),
    ]:
        driver = start(tmp_path, "--workers", "1")
        wait_for(lambda: moment(tmp_path))  # noqa: B023
        below = psutil.Process(driver.pid).children(recursive=True)
        driver.send_signal(number)
        assert finish(driver)[0] == code
        wait_for(lambda: are_gone(below), 30)  # noqa: B023
        assert not (tmp_path / "paper" / "manifest.json").exists()
        assert " 0 running, " in run(tmp_path, command="status")[1]
    assert run(tmp_path, "--workers", "2") == done(tmp_path)
    assert contents(tmp_path) == contents(undisturbed)
    assert not list((tmp_path / "raw").glob(".*"))


@contextmanager
def cluster(folder: Path, *paths: str):
    """A scheduler of Dask and a worker for each PYTHONPATH, two with ours unless given.

    As one would start them by hand. Gives the address, the workers and the scheduler.
    """
    place = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    file = folder / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file]
    processes = [subprocess.Popen([*dask, "scheduler", *options], **place)]
    try:
        wait_for(file.exists)
        options = ["--nthreads", "1", "--no-dashboard", "--scheduler-file", file]
        processes += [
            subprocess.Popen(
                [*dask, "worker", *options], env=os.environ | {"PYTHONPATH": path}, **place
            )
            for path in paths or (str(ROOT),) * 2
        ]
        address = wait_for(lambda: json.loads(file.read_text())["address"])
        yield address, processes[1:], processes[0]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


@pytest.mark.faults
def test_a_remote_scheduler_gives_the_same_tables_also_if_a_worker_and_a_kernel_are_killed(
    undisturbed, tmp_path
):
    folder = tmp_path / "results"
    with cluster(tmp_path) as (address, workers, _):
        driver = start(folder, "--scheduler", address)
        both = wait_for(lambda: len(found := kernels(*workers)) == 2 and found)
        kernel, orphan = both
        kernel.kill()
        orphan.parent().kill()  # its worker; the nanny starts another
        assert finish(driver) == done(folder)
        wait_for(lambda: are_gone([orphan]), 30)
    assert contents(folder) == contents(undisturbed)


@pytest.fixture
def no_package(tmp_path) -> str:
    """A PYTHONPATH on which the package cannot be imported."""
    folder = tmp_path / "without"
    (folder / "experiments").mkdir(parents=True)
    (folder / "experiments" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'experiments'\")"
    )
    return str(folder)


@pytest.fixture
def other_code(tmp_path) -> str:
    """A PYTHONPATH on which a constant of the package is another one."""
    folder = tmp_path / "other"
    for package in ("experiments", "modlib", "notebooks"):
        shutil.copytree(ROOT / package, folder / package)
    path = folder / "experiments" / "training" / "stack.py"
    text = path.read_text()
    assert "ALIGNMENT = 16" in text
    path.write_text(text.replace("ALIGNMENT = 16", "ALIGNMENT = 32"))
    return str(folder)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ("no_package", "No module named 'experiments'"),
        ("other_code", "this worker has other code ("),
    ],
)
def test_a_worker_that_does_not_fit_is_named_and_does_nothing(
    undisturbed, tmp_path, request, wrong, cause
):
    path, folder = request.getfixturevalue(wrong), tmp_path / "results"
    with cluster(tmp_path, path) as (address, _, _):
        code, said = run(folder, "--scheduler", address)
    assert code == 1
    assert cause in said
    assert f"ConnectionError: the scheduler {address} must have a worker that fits" in said
    assert not list(folder.glob("raw/*.failed"))
    with cluster(tmp_path, path, str(ROOT)) as (address, _, _):
        code, said = run(folder, "--scheduler", address)
    left_out, *rest = said.splitlines(keepends=True)[::-1]
    assert (code, "".join(rest)) == done(folder)
    assert left_out.startswith("The worker tcp://127.0.0.1:")
    assert cause in left_out
    assert contents(folder) == contents(undisturbed)


@pytest.mark.faults
def test_a_scheduler_that_is_lost_is_told_in_a_sentence(undisturbed, tmp_path):
    folder = tmp_path / "results"
    with cluster(tmp_path) as (address, _, scheduler):
        driver = start(folder, "--scheduler", address)
        wait_for(lambda: at_work(folder))
        scheduler.kill()
        assert finish(driver) == (
            1,
            f"ConnectionError: the scheduler {address} was lost. What is done is kept: start a "
            "scheduler, and the command again to go on.\n",
        )
    assert run(folder, "--workers", "2") == done(folder)
    assert contents(folder) == contents(undisturbed)


@pytest.mark.faults
def test_a_temporary_folder_with_a_long_name_is_no_matter(undisturbed, tmp_path):
    long = tmp_path / ("x" * 110)
    long.mkdir()
    folder = tmp_path / "results"
    env = os.environ | {"TMPDIR": str(long)}
    assert run(folder, "--workers", "1", env=env) == done(folder)
    assert contents(folder) == contents(undisturbed)


@pytest.mark.faults
def test_damaged_raw_results_are_done_again(undisturbed, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(undisturbed, folder)
    (table,) = folder.glob("raw/paper-dropout-*/modules.parquet")
    table.write_bytes(table.read_bytes()[:-100])
    (weights,) = folder.glob("raw/paper-untrained-*/weights/untrained-0-3.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (folder / "paper" / "networks.parquet").write_bytes(b"")
    assert run(folder, "--workers", "2") == done(folder)
    assert contents(folder) == contents(undisturbed)
    tables.read(MODULES, table)
    assert weights.read_bytes() != bytes(content)


@pytest.mark.faults
def test_a_setting_without_its_data_fails_by_name_and_the_others_are_done(undisturbed, tmp_path):
    env = os.environ | {"MODLIB_DATA": NO_DATA}
    code, said = run(tmp_path, "--workers", "2", preset="with_mnist", env=env)
    assert code == 1
    assert said.startswith(
        "l1-0.001-seed-0 failed: DatasetUnavailable: /dev/null/none/MNIST/raw lacks"
    )
    code, said = run(tmp_path, command="status", preset="with_mnist")
    assert "l1-0.001-seed-0: failed: DatasetUnavailable" in said
    assert said.endswith("1 done, 0 running, 1 failed, 0 waiting\n")
    assert not (tmp_path / "paper" / "manifest.json").exists()
    (notebook,) = tmp_path.glob("raw/*.failed/90-setting.ipynb")
    assert "DatasetUnavailable" in notebook.read_text()


@pytest.mark.faults
def test_a_full_disk_is_told_and_with_room_the_tables_are_the_same(undisturbed, tmp_path):
    def little_room():  # no file of more than 20 kB: the executed notebook does not fit
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    code, said = run(tmp_path, "--workers", "1", preexec_fn=little_room)
    assert code == 1
    assert "dropout-0.2-seeds-0-to-1 failed: " in said
    assert "File too large" in said
    assert not list(tmp_path.glob("raw/paper-dropout-*/record.json"))
    assert run(tmp_path, "--workers", "2") == done(tmp_path)
    assert contents(tmp_path) == contents(undisturbed)


@pytest.fixture
def change_notebook(tmp_path, monkeypatch):
    """Put a line of one's own below the parameters of the notebook."""

    def change(line: str) -> None:
        notebook = nbformat.read(EXPERIMENT.notebook_path, as_version=4)
        notebook.cells.insert(3, nbformat.v4.new_code_cell(line))
        nbformat.write(notebook, tmp_path / "changed.ipynb")
        changed = replace(EXPERIMENT, notebook=str(tmp_path / "changed"))
        monkeypatch.setattr(paper, "EXPERIMENT", changed)

    return change


@pytest.mark.faults
@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(0)", "outcome.json"),
        ("import os; os.kill(os.getpid(), 9)", "DeadKernelError: Kernel died"),
        ("n_steps = -1", "ValueError: n_steps must be a whole number between 0 and"),
    ],
)
def test_a_cell_that_raises_leaves_or_dies_fails_its_setting(
    change_notebook, tmp_path, line, cause
):
    run = tiny.tiny()[1]
    before = provenance.code_hash(paper.EXPERIMENT)
    change_notebook(line)
    store = open_store(paper.EXPERIMENT, tmp_path)
    assert store.code != before  # changed code is told apart
    said = execute(run, store)
    assert cause in said
    assert store.failure(run) == said
    assert not store.is_there(run)
    assert not list(store.working.iterdir())


def test_a_worker_with_other_code_refuses(tmp_path):
    said = execute(tiny.tiny()[0], Store(tmp_path / "raw", "0" * 12))
    assert said.startswith("this worker has other code")


def test_results_that_another_sweep_has_put_in_place_are_left(tmp_path):
    run = Run("paper", "one", {"seeds": [7]})
    store = Store(tmp_path, "0" * 12)
    contents = []
    for text in ("first", "second"):
        with store.working_folder(run) as folder:
            (folder / "table").write_text(text)
            store.publish(run, folder, {})
        contents.append((store.folder(run) / "table").read_text())
    assert contents == ["first", "first"]
    (store.folder(run) / "table").write_text("damaged")
    assert not store.is_done(run)
    with store.working_folder(run) as folder:
        (folder / "table").write_text("third")
        store.publish(run, folder, {})
    assert store.is_done(run)
    assert (store.folder(run) / "table").read_text() == "third"
    store.clean()
    assert [path.name for path in tmp_path.iterdir()] == [store.name(run)]


def test_failures_are_kept_apart_for_runs_of_one_setting(tmp_path):
    """The four runs of untrained networks have one setting's name, and a failure each."""
    runs = [run for run in full_grid() if run.name.startswith("untrained")]
    store = Store(tmp_path, "0" * 12)
    for run in runs[:2]:
        with store.working_folder(run) as folder:
            store.tell_failure(run, folder, f"cause of {run.name}")
    told = [store.failure(run) for run in runs]
    assert told == [f"cause of {runs[0].name}", f"cause of {runs[1].name}", None, None]


def test_progress_is_of_runs_at_work_and_takes_one_look_however_many_there_are(
    tmp_path, monkeypatch
):
    store, runs = Store(tmp_path, "0" * 12), [Run("paper", f"n-{n}", {"n": n}) for n in range(50)]
    looks = []
    with store.working_folder(runs[3]) as one, store.working_folder(runs[7]):
        (one / "progress").write_text("2")
        listed = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda p: looks.append(p) or listed(p))
        assert store.progress() == {store.name(runs[3]): 2, store.name(runs[7]): 0}
    assert looks == [store.working]
