"""A folder belongs to the process that holds it, for as long as that process lives."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.engine import owner, sockets
from experiments.engine.experiment import Run
from experiments.engine.owner import OWNER, PULSE, STALE_SECONDS, is_owned, own
from experiments.engine.sockets import PREFIX, SocketFolder
from experiments.engine.store import Store

ROOT = Path(__file__).parents[1]
RUN = Run("paper", "one", {"seeds": [7]})


@pytest.fixture
def start():
    """Start a process that runs some code, says so, and then sleeps."""
    processes = []

    def start(code: str) -> subprocess.Popen:
        text = f"import time\nfrom pathlib import Path\n{code}\nprint('ready', flush=True)\n"
        process = subprocess.Popen(
            [sys.executable, "-c", f"{text}time.sleep(600)"],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def owning(folder: Path) -> str:
    return f"from experiments.engine.owner import own\nfile = own(Path({str(folder)!r}))"


def working(folder: Path) -> str:
    """Code that works on a run, and would go on."""
    return (
        "from experiments.engine.store import Store\n"
        "from experiments.engine.experiment import Run\n"
        f"store = Store(Path({str(folder)!r}), 'code')\n"
        "run = Run('paper', 'one', {'seeds': [7]})\n"
        "place = store.working_folder(run)\n(place.__enter__() / 'progress').write_text('3')"
    )


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def date(folder: Path, ahead: float) -> None:
    """Date a folder and all in it, so many seconds ahead of now."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() + ahead,) * 2)


def test_a_folder_is_owned_while_its_process_lives_and_no_longer(tmp_path, start):
    process = start(owning(tmp_path))
    assert is_owned(tmp_path)
    kill(process)
    assert not is_owned(tmp_path)


def test_a_process_that_is_stopped_for_long_keeps_what_it_owns(tmp_path, start):
    process = start(owning(tmp_path))
    process.send_signal(signal.SIGSTOP)
    date(tmp_path, -10 * STALE_SECONDS)
    assert is_owned(tmp_path)


def test_what_is_closed_is_no_longer_owned(tmp_path):
    with own(tmp_path):
        assert is_owned(tmp_path)
    assert not is_owned(tmp_path)


@pytest.mark.parametrize("ahead", [-2 * STALE_SECONDS, 2 * STALE_SECONDS, 1e6])
def test_a_folder_without_an_owner_that_is_dated_otherwise_than_now_is_left(tmp_path, ahead):
    (tmp_path / PULSE).touch()
    date(tmp_path, ahead)
    assert not is_owned(tmp_path)


@pytest.mark.parametrize("name", ["elsewhere", ""])
def test_where_locks_are_not_seen_a_fresh_pulse_is_a_sign_of_life(tmp_path, name):
    (tmp_path / OWNER).write_text(name)  # of another machine, or not told yet
    (tmp_path / PULSE).touch()
    date(tmp_path, -2 * STALE_SECONDS)
    assert not is_owned(tmp_path)
    (tmp_path / PULSE).touch()
    assert is_owned(tmp_path)
    now = lambda: time.time() + 1000  # noqa: E731 -- by the file system's clock it is old
    assert not is_owned(tmp_path, now)


def test_without_locks_the_pulse_serves(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(owner.fcntl, "flock", none)
    with own(tmp_path):
        assert is_owned(tmp_path)
        date(tmp_path, -2 * STALE_SECONDS)
        assert not is_owned(tmp_path)


def test_a_run_whose_process_is_killed_runs_no_more_and_is_cleaned_at_once(tmp_path, start):
    store = Store(tmp_path / "raw", "code")
    process = start(working(store.raw))
    assert store.progress() == {store.name(RUN): 3}
    store.clean()
    assert store.progress() == {store.name(RUN): 3}  # what is alive is left
    kill(process)
    assert store.progress() == {}
    store.clean()
    assert not list(store.raw.iterdir())


def test_a_left_folder_dated_ahead_does_not_run_and_is_cleaned(tmp_path):
    store = Store(tmp_path / "raw", "code")
    left = store.working / f"{store.name(RUN)}-0123456789ab"
    left.mkdir(parents=True)
    (left / PULSE).touch()
    date(left, 3600)
    assert store.progress() == {}
    store.clean()
    assert not list(store.raw.iterdir())


def test_of_two_at_work_the_one_that_is_killed_does_not_hide_the_other(tmp_path, start):
    store = Store(tmp_path / "raw", "code")
    process = start(working(store.raw))
    with store.working_folder(RUN) as folder:
        (folder / "progress").write_text("1")
        kill(process)
        assert store.progress() == {store.name(RUN): 1}
        store.clean()
        assert (folder / "progress").is_file()


# ------------------------------------------------------------------------------ sockets of kernels


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(sockets.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sockets, "PLACES", ())
    monkeypatch.setattr(sockets, "LONGEST", len(str(tmp_path)) + 40)
    return tmp_path


def test_sockets_of_a_killed_process_go_when_the_next_kernel_starts(temporary, start):
    path = temporary / f"{PREFIX}12345678"
    path.mkdir()
    process = start(owning(path))
    SocketFolder().remove()
    assert path.is_dir()
    kill(process)
    folder = SocketFolder()
    assert list(temporary.iterdir()) == [folder.path]
    folder.remove()
    assert not list(temporary.iterdir())


def test_a_temporary_folder_with_a_long_name_is_left_for_a_short_one(temporary, monkeypatch):
    long = temporary / ("x" * 110)
    long.mkdir()
    monkeypatch.setattr(sockets.tempfile, "tempdir", str(long))
    monkeypatch.setattr(sockets, "PLACES", (str(temporary),))
    folder = SocketFolder()
    assert folder.path.parent == temporary
    assert len(os.fsencode(folder.path / "kernel-5")) <= sockets.LONGEST
    folder.remove()


def test_if_there_is_no_short_folder_the_error_names_tmpdir(temporary, monkeypatch):
    monkeypatch.setattr(sockets, "LONGEST", 20)
    with pytest.raises(ValueError, match=rf"TMPDIR must be .* Got {temporary}, .* shorter one"):
        SocketFolder()


def test_the_longest_name_that_is_allowed_is_one_that_the_system_takes():
    import socket

    name = Path("/tmp") / ("x" * (sockets.LONGEST - len("/tmp/")))
    assert len(os.fsencode(name)) == sockets.LONGEST
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(name))
    name.unlink()
