"""Tests of the data sets beside MNIST: signals made by code, and archives in a reader's folder."""

import ast
import gzip
import hashlib
import importlib.util
import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import datasets
from experiments.data import DatasetCorrupt, DatasetUnavailable
from experiments.datasets import IDX_SETS, IdxSet, load, make_signals, shape_of

ARCHIVES = tuple(IDX_SETS["fashion-mnist"].archives)


def idx(shape: tuple[int, ...], values: list[int]) -> bytes:
    """An IDX file of unsigned bytes."""
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


# Three training images and one test image of 2 by 2 pixels; 51 is a fifth of 255.
CONTENTS = (
    idx((3, 2, 2), [0, 51, 255, 102] + [255] * 4 + [0] * 4),
    idx((3,), [2, 0, 1]),
    idx((1, 2, 2), [102, 0, 51, 255]),
    idx((1,), [1]),
)


def packed(contents=CONTENTS) -> dict[str, bytes]:
    return {
        name: gzip.compress(content, mtime=0)
        for name, content in zip(ARCHIVES, contents, strict=True)
    }


def made(monkeypatch, root, archives=None):
    """Expect made archives in place of those of Fashion-MNIST, and put them there."""
    archives = archives or packed()
    sums = {name: hashlib.md5(content).hexdigest() for name, content in archives.items()}
    monkeypatch.setitem(IDX_SETS, "fashion-mnist", IdxSet("FashionMNIST/raw", (2, 2), sums))
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    return folder


# ------------------------------------------------------------------------------ images in a folder


def test_images_are_read_from_the_archives_of_a_folder(tmp_path, monkeypatch):
    made(monkeypatch, tmp_path)
    data = load("fashion-mnist", tmp_path)
    expected = torch.tensor([[0.0, 0.2, 1.0, 0.4], [1.0] * 4, [0.0] * 4])
    torch.testing.assert_close(data.train_inputs, expected, rtol=0, atol=1e-7)
    torch.testing.assert_close(data.test_inputs, torch.tensor([[0.4, 0.0, 0.2, 1.0]]))
    assert data.train_targets.tolist() == [2, 0, 1]
    assert data.test_targets.tolist() == [1]
    assert (data.name, data.n_classes) == ("fashion-mnist", 3)
    assert (data.train_inputs.dtype, data.train_targets.dtype) == (torch.float32, torch.int64)


def test_the_root_is_the_folder_for_data_unless_another_is_named(tmp_path, monkeypatch):
    made(monkeypatch, tmp_path)
    monkeypatch.setenv("MODLIB_DATA", str(tmp_path))
    assert load("fashion-mnist").train_targets.tolist() == [2, 0, 1]


def test_what_is_missing_is_named_and_not_downloaded(tmp_path, monkeypatch):
    folder = made(monkeypatch, tmp_path)
    (folder / ARCHIVES[1]).unlink()
    with pytest.raises(DatasetUnavailable) as caught:
        load("fashion-mnist", tmp_path)
    assert f"lacks {ARCHIVES[1]}, and nothing is downloaded" in caught.value.problem
    assert "MODLIB_DATA" in caught.value.remedy
    assert "FashionMNIST/raw" in caught.value.remedy


def test_an_altered_archive_is_refused_and_left_alone(tmp_path, monkeypatch):
    folder = made(monkeypatch, tmp_path)
    altered = packed()[ARCHIVES[0]][:-1]
    (folder / ARCHIVES[0]).write_bytes(altered)
    with pytest.raises(DatasetCorrupt, match=rf"{ARCHIVES[0]} is truncated or altered: .* MD5"):
        load("fashion-mnist", tmp_path)
    assert (folder / ARCHIVES[0]).read_bytes() == altered


def test_a_folder_in_the_place_of_an_archive_is_refused(tmp_path, monkeypatch):
    folder = made(monkeypatch, tmp_path)
    (folder / ARCHIVES[0]).unlink()
    (folder / ARCHIVES[0]).mkdir()
    with pytest.raises(DatasetCorrupt, match="cannot be read"):
        load("fashion-mnist", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be unpacked"),
        (gzip.compress(idx((3, 2, 2), [0] * 11)), "holds no IDX file of bytes"),
        (gzip.compress(b"\0\0\x0d\1" + bytes(4)), "holds no IDX file of bytes"),  # of floats
        (gzip.compress(b""), "holds no IDX file of bytes"),
    ],
    ids=["no archive", "too short", "floats", "empty"],
)
def test_an_archive_of_something_else_is_refused(tmp_path, monkeypatch, content, message):
    """Whatever its sum: a record may be wrong."""
    made(monkeypatch, tmp_path, packed() | {ARCHIVES[0]: content})
    with pytest.raises(DatasetCorrupt, match=message):
        load("fashion-mnist", tmp_path)


@pytest.mark.parametrize("name", IDX_SETS)
def test_sums_are_those_that_torchvision_knows(name):
    """Read, not imported: a build that does not match PyTorch cannot be."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        pytest.skip("needs torchvision")
    source = (Path(found.origin).parent / "datasets" / "mnist.py").read_text()
    kind = IDX_SETS[name]
    (theirs,) = [
        ast.literal_eval(line.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == kind.folder.partition("/")[0]
        for line in node.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "resources"
    ]
    assert dict(kind.archives) == dict(theirs)


# ------------------------------------------------------------------------------------------ signals


@pytest.fixture(scope="module")
def signals():
    return make_signals(100)


def test_signals_are_standardised_and_a_fifth_is_for_the_test(signals):
    assert signals.train_inputs.shape == (80, 40)
    assert signals.test_inputs.shape == (20, 40)
    every = torch.cat([signals.train_inputs, signals.test_inputs]).double()
    assert every.mean().item() == pytest.approx(0, abs=1e-6)
    assert every.std(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_every_class_has_as_many_signals(signals):
    every = torch.cat([signals.train_targets, signals.test_targets])
    assert every.bincount().tolist() == [10] * 10
    assert signals.train_targets.dtype == torch.int64


def test_a_seed_makes_the_same_signals_again_and_another_seed_others(signals):
    assert torch.equal(make_signals(100).train_inputs, signals.train_inputs)
    assert not torch.equal(make_signals(100, seed=1).train_inputs, signals.train_inputs)


def test_making_signals_leaves_random_streams_alone():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = random.random(), np.random.random()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    make_signals(50)
    assert (random.random(), np.random.random()) == before  # noqa: NPY002


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(DatasetUnavailable, match=r"cannot be made.*mnist1d.*\[sweep\]"):
        load("mnist1d", tmp_path)


# ------------------------------------------------------------------------------------------ by name


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_a_shape_has_as_many_numbers_as_a_sample(name, request):
    root = request.getfixturevalue("mnist_root") if name == "mnist" else None
    rows, columns = shape_of(name)
    assert load(name, root).n_inputs == rows * columns


def test_signals_have_one_axis(signals):
    assert shape_of("mnist1d") == (signals.n_inputs,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load("cifar"), "name must be one of 'mnist', 'digits', 'mnist1d'"),
        (lambda: shape_of("cifar"), "name must be one of 'mnist', 'digits', 'mnist1d'"),
        (lambda: load("digits", 3), "root must be a path"),
        (lambda: make_signals(5), "n_samples must be"),
        (lambda: make_signals(10, -1), "seed must be"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_names_are_those_of_the_loaders():
    assert set(datasets.DATASETS) == {"mnist", "digits", "mnist1d", *IDX_SETS}
