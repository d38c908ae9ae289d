"""What the kernels of a sweep find in their environment."""

import asyncio

import pytest
from jupyter_client import AsyncKernelManager

from experiments.engine.experiment import ROOT
from experiments.engine.run import KEEP_MEMORY, ONE_THREAD, LocalKernelManager


@pytest.fixture
def environment(monkeypatch):
    """A function that starts a kernel, but for its process, and returns what it would be given."""
    given = {}

    async def start_kernel(self, **options):
        given.update(options["env"])

    monkeypatch.setattr(AsyncKernelManager, "start_kernel", start_kernel)

    def start():
        manager = LocalKernelManager()
        try:
            asyncio.run(manager.start_kernel())
        finally:
            manager.cleanup_ipc_files()
        return given

    return start


def test_a_kernel_computes_on_one_thread_whatever_the_user_has(environment, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    found = environment()
    assert {name: found[name] for name in ONE_THREAD} == dict.fromkeys(ONE_THREAD, "1")


def test_a_kernel_keeps_freed_memory_whatever_dask_tells_its_workers(environment, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    found = environment()
    assert {name: found[name] for name in KEEP_MEMORY} == KEEP_MEMORY


def test_a_kernel_finds_the_code_that_started_it_before_any_other(environment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    assert environment()["PYTHONPATH"].split(":") == [str(ROOT), "elsewhere"]
