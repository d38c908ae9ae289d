"""One lock for two builds of PyTorch: that for the CPU, and that of PyPI, which brings CUDA.

Both are files of the same release, so that its entry in the lock lists the hashes of both: pip
takes a file if its hash is any of them. What only the build with CUDA needs stands in a lock of
its own, since the other would be several gigabytes larger with it.
"""

import re
from dataclasses import replace

from supply.lock import Entry

HEAD = """\
# Written by make lock: every release, with the SHA-256 of each of its files. pip takes nothing else
# with `--require-hashes --no-deps --only-binary :all:`. The entries of torch and torchvision list
# the files of two builds: PyPI's, and that for the CPU, from cpu.lock. What only PyPI's build for
# Linux needs beside them, CUDA's libraries, is in cuda.lock.
"""
CUDA_HEAD = """\
# Written by make lock: what only the build of PyTorch with CUDA needs, beside requirements.lock.
"""
ONLY_CUDA = re.compile(r"nvidia-|cuda-|triton$")  # by name: nothing in their metadata tells


def split(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Part the entries into those of every build and those that only the build with CUDA needs."""
    cuda = [entry for entry in entries if ONLY_CUDA.match(entry.name)]
    return [entry for entry in entries if entry not in cuda], cuda


def admit(entries: list[Entry], builds: list[Entry]) -> list[Entry]:
    """Add the hashes of further builds to the entries of the same releases.

    Raises
    ------
    ValueError
        Where a build is of a release that the lock does not have.
    """
    versions = {(entry.name, entry.version) for entry in entries}
    hashes = {(build.name, build.version.partition("+")[0]): build.hashes for build in builds}
    if missing := sorted(set(hashes) - versions):
        name, version = missing[0]
        raise ValueError(
            f"cpu.lock must be of the releases in the lock, which has no {name} {version}. Run "
            "make lock with TORCH_INDEX, which reads the hashes of that index."
        )
    return [
        replace(entry, hashes=tuple(sorted({*entry.hashes, *hashes.get(_key(entry), ())})))
        for entry in entries
    ]


def _key(entry: Entry) -> tuple[str, str]:
    return entry.name, entry.version
