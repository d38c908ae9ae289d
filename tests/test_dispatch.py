"""Tasks go to workers that fit, and to nobody else; who waits is told why, and not for long."""

import threading
from contextlib import contextmanager
from functools import partial

import dask
import pytest
from distributed import Client, LocalCluster, get_worker

from experiments.engine import crew, dispatch, workers
from experiments.engine.crew import Crew
from experiments.engine.workers import connect

CALLS = []


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


@contextmanager
def cluster(n_workers: int):
    """A cluster whose workers are threads of this process, which takes a moment."""
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, processes=False,
                     dashboard_address="127.0.0.1:0", silence_logs=50) as local,
        Client(local) as client,
    ):  # fmt: skip
        yield local, client


@pytest.fixture(scope="module")
def two():
    with cluster(2) as both:
        yield both[1]


TOLD = threading.Event()
TOLD.set()  # only where the fixture below is used does anyone wait for it


@pytest.fixture
def told(monkeypatch):
    """What is said; tasks that note themselves wait for it, lest they be done before."""
    said = []
    monkeypatch.setattr(crew, "tell", lambda text: (said.append(text), TOLD.set()))
    TOLD.clear()
    yield said
    TOLD.set()


def note(name: str, cause: str | None = None) -> str | None:
    TOLD.wait(60)
    CALLS.append((name, get_worker().address))
    return cause


def misfit(addresses, dask_worker) -> str | None:
    return "other code" if dask_worker.address in addresses else None


def raises(error: Exception) -> None:
    raise error


def spread(client, n=6, **options):
    ended = []
    tasks = {f"task {k}": partial(note, f"task {k}") for k in range(n)}
    causes = dispatch.dispatch(client, tasks, ended.extend, **options)
    assert sorted(ended) == sorted(tasks)
    assert {name for name, _ in CALLS} == set(tasks)
    return causes


def test_all_tasks_are_done_each_once_and_told_to_have_ended(two):
    assert spread(two) == {}
    assert len(CALLS) == 6


def test_what_fails_is_named_with_its_cause_in_one_line(two):
    tasks = {
        "says": partial(note, "says", "no data"),
        "raises": partial(raises, ValueError("two\n  lines")),
        "does": partial(note, "does"),
    }
    causes = dispatch.dispatch(two, tasks, lambda _: None)
    assert causes == {"says": "no data", "raises": "ValueError: two lines"}


def test_a_worker_that_does_not_fit_is_left_out_and_named_once(two, told):
    wrong, right = two.nthreads()
    assert spread(two, probe=partial(misfit, [wrong])) == {}
    assert {address for _, address in CALLS} == {right}
    assert told == [f"The worker {wrong} is left out: other code"]


def test_a_worker_that_cannot_import_the_package_does_not_fit(two, told):
    def probe(dask_worker):
        if dask_worker.address == wrong:
            raise ModuleNotFoundError("No module named 'experiments'")

    wrong, _ = two.nthreads()
    assert spread(two, probe=probe) == {}
    said = f"The worker {wrong} is left out: ModuleNotFoundError: No module named 'experiments'"
    assert told == [said]


def test_where_nobody_fits_the_error_names_each_and_why(two):
    addresses = list(two.nthreads())
    with pytest.raises(ConnectionError) as error:
        spread(two, probe=partial(misfit, addresses), patience=0.5)
    assert all(f"{address}: other code" in str(error.value) for address in addresses)
    assert CALLS == []


def test_without_a_worker_the_error_says_how_to_start_one():
    with cluster(0) as (local, client):
        with pytest.raises(ConnectionError) as error:
            spread(client, patience=0.5)
        assert "Got no worker at all" in str(error.value)
        assert f"dask worker {local.scheduler_address}" in str(error.value)


BEGUN, RELEASE = threading.Event(), threading.Event()


def hold(worker: str) -> None:
    """Keep one worker busy until it is released."""
    note("task")
    if get_worker().address == worker:
        BEGUN.set()
        RELEASE.wait(60)


@contextmanager
def after_it_began(change):
    """Make a change in a thread of its own when the task is at work."""
    BEGUN.clear()
    RELEASE.clear()

    def wait_and_change():
        if BEGUN.wait(60):
            change()

    thread = threading.Thread(target=wait_and_change)
    thread.start()
    try:
        yield
    finally:
        BEGUN.set()
        RELEASE.set()
        thread.join()


def test_if_all_workers_are_lost_later_the_error_comes_too():
    with cluster(1) as (_, client):
        (only,) = client.nthreads()
        tasks = {"task": partial(hold, only)}
        with (
            after_it_began(lambda: client.retire_workers([only])),
            pytest.raises(ConnectionError, match="Got no worker at all"),
        ):
            dispatch.dispatch(client, tasks, lambda _: None, patience=0.5)


def test_a_worker_that_joins_later_is_asked_and_does_what_a_lost_one_was_at():
    with cluster(1) as (local, client):
        (first,) = client.nthreads()

        def change():
            local.scale(2)
            client.wait_for_workers(2)
            client.retire_workers([first])

        with after_it_began(change):
            causes = dispatch.dispatch(client, {"task": partial(hold, first)}, lambda _: None)
    assert causes == {}
    places = [address for _, address in CALLS]
    assert len(places) == 2
    assert places[0] == first != places[1]


def test_who_waits_for_an_answer_is_told_so_and_not_for_ever(two, monkeypatch, capsys):
    monkeypatch.setattr(crew, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(crew, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(Crew, "_ask", lambda *_: None)  # as if workers were stopped
    with pytest.raises(ConnectionError, match="does not answer"):
        spread(two)
    assert "Still waiting: the scheduler" in capsys.readouterr().err


def test_an_address_where_no_scheduler_is_is_named(monkeypatch):
    monkeypatch.setattr("experiments.engine.workers.CONNECT_SECONDS", 1)
    with (
        pytest.raises(ConnectionError, match=r"scheduler must be .* Got tcp://127.0.0.1:9"),
        connect(1, "tcp://127.0.0.1:9"),
    ):
        pass


def test_processes_of_our_own_are_started_again_if_one_is_killed_while_it_starts(monkeypatch):
    def start(**options):
        starts.append(options)
        if len(starts) < fail:
            raise RuntimeError("Cluster failed to start: Nanny failed to start.")
        return LocalCluster(**options | {"processes": False})

    monkeypatch.setattr(workers, "LocalCluster", start)
    starts, fail = [], workers.N_STARTS
    with connect(1) as client:
        assert len(client.nthreads()) == 1
    assert len(starts) == workers.N_STARTS
    starts, fail = [], 1000
    with (
        pytest.raises(ConnectionError, match="1 processes could not be started here: Run"),
        connect(1),
    ):
        pass
    assert len(starts) == workers.N_STARTS


def test_processes_here_do_not_watch_themselves_while_they_wait():
    def watched() -> dict:
        return {name: dask.config.get(name) for name in workers.QUIET}

    with connect(1) as client:
        (of_worker,) = client.run(watched).values()
        assert of_worker == workers.QUIET
        assert client.run_on_scheduler(watched) == workers.QUIET
        assert client.submit(sum, [1, 2]).result() == 3
    assert dask.config.get("distributed.worker.profile.enabled")  # elsewhere all is as it was
