"""A mirror of MNIST on loopback, and a child process in which torchvision downloads from it.

Where the builds of torch and torchvision do not match, torchvision can be imported only after the
operators that it fails to find are declared. That would change torch for all other tests, so it is
done in a child process that serves all tests here.
"""

import contextlib
import hashlib
import io
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import mock

from experiments import data

_declared: list[Any] = []  # keeps what declares operators alive, as they vanish with it


class Mirror:
    """Serves ``archives`` (name to bytes); a name in ``stalling`` is never answered."""

    def __init__(self, archives: dict[str, bytes]) -> None:
        self.archives = archives
        self.stalling: set[str] = set()
        self.requested: set[str] = set()
        self.url = ""


@contextlib.contextmanager
def serve(archives: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror that runs in a thread until the context ends."""
    mirror = Mirror(archives)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # then hang up on a client without a limit, for a failure and not a hang

        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            mirror.requested.add(name)
            if name in mirror.stalling:
                self.rfile.read()  # until one of the two hangs up
            elif name in mirror.archives:
                self.send_response(200)
                self.send_header("Content-Length", str(len(mirror.archives[name])))
                self.end_headers()
                self.wfile.write(mirror.archives[name])
            else:
                self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mirror.url = f"http://127.0.0.1:{server.server_port}/"
        Thread(target=server.serve_forever, daemon=True).start()
        yield mirror
        server.shutdown()


@contextlib.contextmanager
def closed() -> Iterator[str]:
    """The address of a port on loopback that is taken but refuses, as with no network."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}/"


@contextlib.contextmanager
def torchvision_process() -> Iterator[ProcessPoolExecutor]:
    """A child process in which torchvision can be imported, mended if need be."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_mend_torchvision) as child:
        yield child


def _mend_torchvision() -> None:
    # An address in the environment would send requests for loopback to a proxy.
    os.environ["no_proxy"] = "127.0.0.1"
    try:
        import torchvision.datasets
    except RuntimeError:
        import torch

        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        import torchvision.datasets  # noqa: F401


def load_from_mirror(
    root: Path,
    urls: list[str],
    archives: dict[str, bytes],
    files: dict[str, data.FileRecord],
    timeout_seconds: float = 30.0,
) -> dict[str, Any]:
    """In the child: load "mnist" from other mirrors, with the sums of other files.

    torchvision expects the MD5 sums of ``archives``, whatever the mirrors serve; modlib
    expects ``files``. Warnings are errors.
    """
    from torchvision.datasets import MNIST

    resources = [
        (name, hashlib.md5(archive, usedforsecurity=False).hexdigest())
        for name, archive in archives.items()
    ]
    printed = io.StringIO()
    with (
        mock.patch.multiple(MNIST, mirrors=urls, resources=resources),
        mock.patch.multiple(data, MNIST_FILES=files, _TIMEOUT_SECONDS=timeout_seconds),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        dataset = data.load("mnist", root)
    return {
        "train_inputs": dataset.train_inputs.tolist(),
        "train_targets": dataset.train_targets.tolist(),
        "test_inputs": dataset.test_inputs.tolist(),
        "test_targets": dataset.test_targets.tolist(),
        "printed": printed.getvalue(),
    }
