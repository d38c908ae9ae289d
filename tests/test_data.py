"""Tests of experiments.data: exact contents, and one clear error for every way to fail."""

import gzip
import hashlib
import importlib.util
import re
import socket
import struct
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mirror
import pytest
import torch

from experiments import data

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = data.MNIST_FILES


def idx(shape: tuple[int, ...], values: list[int]) -> bytes:
    """An IDX file of unsigned bytes."""
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


# Three training images and one test image of 2 by 2 pixels. 51 = 255 / 5 and 102 = 2 * 51.
TINY = {
    TRAIN_IMAGES: idx((3, 2, 2), [0, 51, 255, 102] + [255] * 4 + [0] * 4),
    TRAIN_LABELS: idx((3,), [2, 0, 1]),
    TEST_IMAGES: idx((1, 2, 2), [102, 0, 51, 255]),
    TEST_LABELS: idx((1,), [1]),
}
TRAIN_INPUTS = torch.tensor([[0.0, 0.2, 1.0, 0.4], [1.0] * 4, [0.0] * 4])
TEST_INPUTS = torch.tensor([[0.4, 0.0, 0.2, 1.0]])
RECORDS = {
    name: data.FileRecord(len(content), hashlib.sha256(content).hexdigest())
    for name, content in TINY.items()
}
ARCHIVES = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in TINY.items()}


def write_tiny(root: Path, names=tuple(TINY)) -> Path:
    """Put tiny files where those of MNIST belong; returns their folder."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(TINY[name])
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; an empty dictionary if there is none, or no folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def tiny_records(monkeypatch):
    """Expect the tiny files in place of those of MNIST."""
    monkeypatch.setattr(data, "MNIST_FILES", RECORDS)


@pytest.fixture
def broken_torchvision(monkeypatch, tmp_path_factory):
    """A function that replaces torchvision by one whose import runs the given line."""

    def breaks(line: str) -> None:
        folder = tmp_path_factory.mktemp("site")
        (folder / "torchvision").mkdir()
        (folder / "torchvision" / "__init__.py").write_text(line)
        monkeypatch.syspath_prepend(folder)

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    yield breaks
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


# Contents


@pytest.mark.usefixtures("tiny_records")
def test_pixels_are_divided_by_255_and_flattened(tmp_path):
    write_tiny(tmp_path)
    dataset = data.load("mnist", tmp_path)
    torch.testing.assert_close(dataset.train_inputs, TRAIN_INPUTS, rtol=0, atol=0)
    torch.testing.assert_close(dataset.test_inputs, TEST_INPUTS, rtol=0, atol=0)


@pytest.mark.usefixtures("tiny_records")
def test_labels_are_int64_in_the_order_of_the_file(tmp_path):
    write_tiny(tmp_path)
    dataset = data.load("mnist", tmp_path)
    torch.testing.assert_close(dataset.train_targets, torch.tensor([2, 0, 1]))
    torch.testing.assert_close(dataset.test_targets, torch.tensor([1]))
    assert (dataset.name, dataset.n_inputs, dataset.n_classes) == ("mnist", 4, 3)


@pytest.mark.usefixtures("tiny_records")
def test_a_change_to_one_loaded_data_set_does_not_reach_the_next(tmp_path):
    write_tiny(tmp_path)
    data.load("mnist", tmp_path).train_inputs.zero_()
    assert torch.equal(data.load("mnist", tmp_path).train_inputs, TRAIN_INPUTS)


def test_mnist_is_the_published_data_set(mnist_root):
    dataset = data.load("mnist", mnist_root)
    assert dataset.train_inputs.shape == (60_000, 784)
    assert dataset.test_inputs.shape == (10_000, 784)
    # Published: the class counts of the test set, and the mean pixel 0.1307 by which users of
    # MNIST normalise it.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert dataset.test_targets.bincount().tolist() == counts
    assert dataset.train_inputs.double().mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert (dataset.train_inputs.min(), dataset.train_inputs.max()) == (0, 1)
    assert dataset.train_targets[:5].tolist() == [5, 0, 4, 1, 9]


def test_digits_hold_out_every_fifth_image_of_each_class():
    dataset = data.load("digits")
    # UCI lists 178 182 177 183 181 182 181 179 174 180 images of the digits 0 to 9; a fifth of
    # each, rounded down, is for testing.
    tested = [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    trained = [143, 146, 142, 147, 145, 146, 145, 144, 140, 144]
    assert dataset.test_targets.bincount().tolist() == tested
    assert dataset.train_targets.bincount().tolist() == trained
    # The file begins 0, 1, ..., 9, 0, 1, ..., 9 and so on, so its first images are for training.
    assert dataset.train_targets[:20].tolist() == [*range(10), *range(10)]


def test_digits_are_pixels_from_0_to_1():
    dataset = data.load("digits")
    inputs = torch.cat([dataset.train_inputs, dataset.test_inputs])
    assert inputs.dtype == torch.float32
    assert inputs.shape == (1797, 64)
    assert (inputs.min(), inputs.max()) == (0, 1)
    # The first image begins 0 0 5 13 9 1 0 0, in sixteenths.
    assert (dataset.train_inputs[0, :8] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert (dataset.n_inputs, dataset.n_classes) == (64, 10)


def test_no_image_of_digits_is_in_both_parts():
    dataset = data.load("digits")
    train = {tuple(image) for image in dataset.train_inputs.tolist()}
    test = {tuple(image) for image in dataset.test_inputs.tolist()}
    assert len(train | test) == 1797


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of 'mnist', 'digits'\. Got 'cifar'\."):
        data.load("cifar")


# Where the files are looked for


def test_the_root_is_modlib_data(monkeypatch, tmp_path):
    monkeypatch.setenv("MODLIB_DATA", str(tmp_path))
    assert data.data_root() == tmp_path


@pytest.mark.usefixtures("tiny_records")
def test_load_reads_from_modlib_data_by_default(monkeypatch, tmp_path):
    write_tiny(tmp_path)
    monkeypatch.setenv("MODLIB_DATA", str(tmp_path))
    assert torch.equal(data.load("mnist").train_inputs, TRAIN_INPUTS)


@pytest.mark.usefixtures("tiny_records")
def test_a_tilde_in_a_root_is_the_home_folder(monkeypatch, tmp_path):
    write_tiny(tmp_path / "mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODLIB_DATA", "~/mine")
    assert data.data_root() == tmp_path / "mine"
    assert torch.equal(data.load("mnist", "~/mine").test_inputs, TEST_INPUTS)


@pytest.mark.parametrize("unset", [True, False])
def test_the_root_is_data_in_the_checkout_without_modlib_data(monkeypatch, tmp_path, unset):
    if unset:
        monkeypatch.delenv("MODLIB_DATA", raising=False)
    else:
        monkeypatch.setenv("MODLIB_DATA", "")
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(data, "__file__", str(tmp_path / "experiments" / "data.py"))
    assert data.data_root() == tmp_path.resolve() / "data"


def test_the_root_is_data_in_the_working_folder_without_a_checkout(monkeypatch, tmp_path):
    monkeypatch.delenv("MODLIB_DATA", raising=False)
    monkeypatch.setattr(data, "__file__", str(tmp_path / "experiments" / "data.py"))
    assert data.data_root() == Path("data")


# Files that are there but wrong


@pytest.mark.usefixtures("tiny_records")
@pytest.mark.parametrize("name", TINY)
def test_a_truncated_file_is_named_with_both_sizes_and_sums(tmp_path, name):
    path = write_tiny(tmp_path) / name
    half = TINY[name][: len(TINY[name]) // 2]
    path.write_bytes(half)
    expected = f"expected {len(TINY[name])} bytes with SHA-256 {RECORDS[name].sha256}"
    found = f"found {len(half)} bytes with SHA-256 {hashlib.sha256(half).hexdigest()}"
    with pytest.raises(data.DatasetCorrupt, match=f"{path} is .*: {expected}, {found}") as caught:
        data.load("mnist", tmp_path)
    advice = (
        "Name another folder in MODLIB_DATA to have it downloaded there, or put the original in "
        "its place; the file itself is left alone."
    )
    assert path.read_bytes() == half
    assert str(caught.value).endswith(advice)


@pytest.mark.usefixtures("tiny_records")
@pytest.mark.parametrize("name", TINY)
def test_one_altered_byte_is_an_error(tmp_path, name):
    path = write_tiny(tmp_path) / name
    path.write_bytes(TINY[name][:-1] + bytes([TINY[name][-1] ^ 1]))
    with pytest.raises(data.DatasetCorrupt, match=f"{path} is truncated or altered"):
        data.load("mnist", tmp_path)


@pytest.mark.usefixtures("tiny_records")
def test_an_unreadable_file_is_named_with_the_cause(tmp_path):
    path = write_tiny(tmp_path, [TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]) / TRAIN_IMAGES
    path.mkdir()  # unreadable for root too
    with pytest.raises(data.DatasetCorrupt, match=f"{path} cannot be read .*Is a directory"):
        data.load("mnist", tmp_path)


@pytest.mark.usefixtures("tiny_records")
def test_a_dangling_link_is_unreadable_and_not_replaced(tmp_path):
    path = write_tiny(tmp_path, [TRAIN_LABELS, TEST_IMAGES, TEST_LABELS]) / TRAIN_IMAGES
    path.symlink_to(tmp_path / "unmounted")
    with pytest.raises(data.DatasetCorrupt, match=f"{path} cannot be read .*No such file"):
        data.load("mnist", tmp_path)
    assert path.is_symlink()


@pytest.mark.usefixtures("tiny_records")
def test_a_file_that_is_still_packed_is_called_so(tmp_path):
    path = write_tiny(tmp_path) / TRAIN_LABELS
    path.write_bytes(ARCHIVES[f"{TRAIN_LABELS}.gz"])
    with pytest.raises(data.DatasetCorrupt, match=f"{path} is still packed by gzip: expected 11"):
        data.load("mnist", tmp_path)


@pytest.mark.usefixtures("tiny_records")
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", TINY[TEST_LABELS] * 2, None])
def test_no_message_has_the_reader_delete_a_file_of_theirs(tmp_path, content):
    """They may have no other copy: it says what is wrong, and what to put there or name instead."""
    path = write_tiny(tmp_path) / TEST_LABELS
    if content is None:
        path.unlink()
        path.symlink_to(tmp_path / "unmounted")
    else:
        path.write_bytes(content)
    with pytest.raises(data.DatasetCorrupt) as caught:
        data.load("mnist", tmp_path)
    message = str(caught.value)
    assert not re.search(r"\b(delet|remov|eras|rm\b|discard)", message, re.IGNORECASE)
    assert "MODLIB_DATA" in message
    assert "put the original in its place" in message
    assert path.is_symlink() if content is None else path.read_bytes() == content


# Files that are missing, and torchvision of no use


@pytest.mark.usefixtures("tiny_records")
@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "torchvision::nms"),
        ("raise OSError('libcudart.so: cannot open shared object file')", "libcudart.so"),
        ("raise AttributeError('partially initialized module')", "partially initialized"),
        ("raise ImportError('undefined symbol')", "undefined symbol"),
        ("", "No module named 'torchvision.datasets'"),
    ],
)
def test_a_torchvision_that_cannot_be_imported_is_the_cause(
    tmp_path, broken_torchvision, line, cause
):
    broken_torchvision(line)
    folder = write_tiny(tmp_path, [TRAIN_IMAGES, TEST_IMAGES])
    with pytest.raises(data.DatasetUnavailable) as caught:
        data.load("mnist", tmp_path)
    message = str(caught.value)
    assert f"{folder} lacks {TRAIN_LABELS}, {TEST_LABELS}, and" in message
    assert f"torchvision cannot be imported beside torch {torch.__version__}" in message
    assert cause in message
    assert "install the torchvision build made for this torch" in message
    assert f"Put the unpacked files {', '.join(TINY)} into {folder}, or" in message
    assert "MODLIB_DATA to a folder that holds them in MNIST/raw" in message
    assert caught.value.__cause__ is not None


@pytest.mark.usefixtures("tiny_records")
def test_nothing_is_written_without_torchvision(tmp_path, broken_torchvision):
    broken_torchvision("raise RuntimeError('broken')")
    with pytest.raises(data.DatasetUnavailable):
        data.load("mnist", tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.usefixtures("tiny_records")
def test_torchvision_is_not_needed_for_files_that_are_there(tmp_path, broken_torchvision):
    broken_torchvision("raise RuntimeError('broken')")
    write_tiny(tmp_path)
    assert torch.equal(data.load("mnist", tmp_path).test_inputs, TEST_INPUTS)


# Digits in place of MNIST


@pytest.mark.usefixtures("tiny_records")
def test_digits_stand_in_with_one_sentence_that_says_why(tmp_path, broken_torchvision):
    broken_torchvision("raise RuntimeError('operator torchvision::nms does not exist')")
    dataset, reason = data.load_or_digits("mnist", tmp_path)
    assert dataset.name == "digits"
    assert reason.startswith("The digits of scikit-learn stand in for mnist, because ")
    assert "torchvision::nms" in reason
    assert reason.endswith(".")
    assert ". " not in reason


@pytest.mark.usefixtures("tiny_records")
def test_no_reason_is_given_when_mnist_is_there(tmp_path):
    write_tiny(tmp_path)
    dataset, reason = data.load_or_digits("mnist", tmp_path)
    assert (dataset.name, reason) == ("mnist", None)


@pytest.mark.usefixtures("tiny_records")
def test_digits_never_stand_in_for_a_corrupt_file(tmp_path):
    folder = write_tiny(tmp_path)
    (folder / TEST_LABELS).write_bytes(b"")
    with pytest.raises(data.DatasetCorrupt, match=TEST_LABELS):
        data.load_or_digits("mnist", tmp_path)


def test_digits_never_stand_in_for_an_unknown_name():
    with pytest.raises(ValueError, match="'cifar'"):
        data.load_or_digits("cifar")


# Download through torchvision, from a mirror on loopback


@pytest.fixture(scope="module")
def child():
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision: install modlib[mnist]")
    with mirror.torchvision_process() as process:
        yield process


@pytest.fixture
def server():
    with mirror.serve(dict(ARCHIVES)) as running:
        yield running


def load_in(child: ProcessPoolExecutor, root: Path, *urls: str, archives=ARCHIVES, **options):
    """Load the tiny files in the child, where torchvision expects ``archives``."""
    arguments = (root, list(urls), archives, RECORDS)
    return child.submit(mirror.load_from_mirror, *arguments, **options).result()


def assert_unavailable(child, root: Path, *urls: str, match: str, **options) -> None:
    """The load fails as it should, and leaves below the root exactly what was there before."""
    before = contents(root)
    with pytest.raises(data.DatasetUnavailable, match=f"(?s){match}.*Put the unpacked files "):
        load_in(child, root, *urls, **options)
    assert contents(root) == before
    assert not list(root.glob(".download-*"))


def test_missing_files_are_downloaded_unpacked_and_read(child, server, tmp_path):
    loaded = load_in(child, tmp_path / "new", server.url)
    torch.testing.assert_close(torch.tensor(loaded["train_inputs"]), TRAIN_INPUTS, rtol=0, atol=0)
    torch.testing.assert_close(torch.tensor(loaded["test_inputs"]), TEST_INPUTS, rtol=0, atol=0)
    assert (loaded["train_targets"], loaded["test_targets"]) == ([2, 0, 1], [1])
    # The four files in place, and no temporary folder nor archive.
    assert contents(tmp_path / "new") == {f"MNIST/raw/{name}": TINY[name] for name in TINY}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["MNIST"]


def test_a_download_prints_nothing(child, server, tmp_path):
    assert load_in(child, tmp_path, server.url)["printed"] == ""
    assert server.requested == set(ARCHIVES)


def test_what_was_downloaded_is_not_downloaded_again(child, server, tmp_path):
    first = load_in(child, tmp_path, server.url)
    server.requested.clear()
    assert load_in(child, tmp_path, server.url) == first
    assert server.requested == set()


def test_only_missing_files_are_downloaded_and_the_others_kept(child, server, tmp_path):
    folder = write_tiny(tmp_path, [TRAIN_IMAGES, TEST_LABELS])
    kept = (folder / TRAIN_IMAGES).stat()
    load_in(child, tmp_path, server.url)
    assert server.requested == {f"{TRAIN_LABELS}.gz", f"{TEST_IMAGES}.gz"}
    assert contents(folder) == TINY
    after = (folder / TRAIN_IMAGES).stat()
    assert (after.st_ino, after.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


def test_an_altered_file_stops_the_download_of_missing_ones(child, server, tmp_path):
    folder = write_tiny(tmp_path, [TRAIN_IMAGES])
    (folder / TRAIN_IMAGES).write_bytes(b"mine")
    with pytest.raises(data.DatasetCorrupt, match=f"{TRAIN_IMAGES} is truncated or altered"):
        load_in(child, tmp_path, server.url)
    assert contents(folder) == {TRAIN_IMAGES: b"mine"}
    assert server.requested == set()


def test_the_second_mirror_serves_when_the_first_is_closed(child, server, tmp_path):
    with mirror.closed() as url:
        load_in(child, tmp_path, url, server.url)
    assert contents(tmp_path / "MNIST" / "raw") == TINY


def test_no_network_is_the_cause(child, tmp_path):
    with mirror.closed() as url:
        match = f"lacks {', '.join(TINY)}, and .*the download failed .*{url}.*Connection refused"
        assert_unavailable(child, tmp_path, url, match=match)


def test_a_mirror_without_the_file_is_the_cause(child, server, tmp_path):
    del server.archives[f"{TEST_LABELS}.gz"]  # the last one: those before it must not stay
    match = f"the download failed .*{TEST_LABELS}.gz.*404"
    assert_unavailable(child, tmp_path, server.url, match=match)


def test_a_truncated_archive_is_the_cause(child, server, tmp_path):
    server.archives[f"{TEST_IMAGES}.gz"] = ARCHIVES[f"{TEST_IMAGES}.gz"][:-4]
    match = f"the download failed .*{TEST_IMAGES}.gz.*not found or corrupted"
    assert_unavailable(child, tmp_path, server.url, match=match)


def test_a_download_that_torchvision_accepts_is_verified_all_the_same(child, server, tmp_path):
    write_tiny(tmp_path, [TRAIN_IMAGES])
    other = gzip.compress(idx((1,), [7]), mtime=0)
    archives = ARCHIVES | {f"{TEST_LABELS}.gz": other}
    server.archives[f"{TEST_LABELS}.gz"] = other
    wrong = hashlib.sha256(idx((1,), [7])).hexdigest()
    match = (
        f"the downloaded {TEST_LABELS} is altered: expected 9 bytes with SHA-256 "
        f"{RECORDS[TEST_LABELS].sha256}, found 9 bytes with SHA-256 {wrong}"
    )
    assert_unavailable(child, tmp_path, server.url, match=match, archives=archives)


def test_a_mirror_that_stalls_is_the_cause(child, server, tmp_path):
    server.stalling.add(f"{TRAIN_LABELS}.gz")
    match = "the download failed .*timed out"
    # What stalls on loopback never comes back, so that a short wait is as good as a long one.
    assert_unavailable(child, tmp_path, server.url, match=match, timeout_seconds=0.5)
    assert child.submit(socket.getdefaulttimeout).result() is None


def test_an_answer_that_is_not_http_is_the_cause(child, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        future = child.submit(mirror.load_from_mirror, tmp_path, [url], ARCHIVES, RECORDS)
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"220 mail.example ready\r\n")
        with pytest.raises(data.DatasetUnavailable, match=r"the download failed .*220 mail"):
            future.result()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("below", [".", "root"])
def test_an_unwritable_root_is_named(child, server, tmp_path, below):
    blocker = tmp_path / "file"
    blocker.write_bytes(b"")  # stops root too, which a mode does not
    root = blocker / below
    match = re.escape(f"nothing can be downloaded: {root} cannot be written to (")
    assert_unavailable(child, root, server.url, match=match)
    assert server.requested == set()


def test_an_unwritable_folder_of_mnist_is_named(child, server, tmp_path):
    (tmp_path / "MNIST").write_bytes(b"")
    match = f"{tmp_path} cannot be written to .*{tmp_path / 'MNIST'}"
    assert_unavailable(child, tmp_path, server.url, match=match)


# Split


def test_a_tenth_of_mnist_is_for_validation():
    train, validation = data.split(60_000, 0.1, seed=0)
    assert (len(train), len(validation)) == (54_000, 6_000)
    assert train.dtype == validation.dtype == torch.int64


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_sample_is_in_exactly_one_part(seed):
    parts = torch.cat(data.split(11, 0.3, seed))
    assert parts.sort().values.tolist() == list(range(11))


def test_the_split_depends_on_the_seed_alone():
    first = data.split(1000, 0.1, seed=3)
    torch.manual_seed(5)
    second = data.split(1000, 0.1, seed=3)
    assert all(map(torch.equal, first, second))
    # That two of C(1000, 100) > 10^139 draws agree is out of the question.
    assert set(data.split(1000, 0.1, seed=4)[1].tolist()) != set(first[1].tolist())


def test_the_split_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    data.split(100, 0.5, seed=7)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_smallest_split_has_one_sample_in_each_part():
    train, validation = data.split(2, 0.5, seed=0)
    assert sorted([train.item(), validation.item()]) == [0, 1]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ValueError, match=f"validation_fraction must be .*Got {fraction}"):
        data.split(100, fraction, seed=0)


@pytest.mark.parametrize(
    ("n_samples", "fraction", "n_validation"), [(0, 0.5, 0), (1, 0.4, 0), (9, 0.05, 0), (3, 0.9, 3)]
)
def test_a_split_with_an_empty_part_is_refused(n_samples, fraction, n_validation):
    message = f"n_samples must be enough .* leaves {n_validation} for .*Got {n_samples}"
    with pytest.raises(ValueError, match=message):
        data.split(n_samples, fraction, seed=0)


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed must be a whole number.*Got {seed}"):
        data.split(100, 0.1, seed=seed)


# --------------------------------------------------------------------------------------- devices


def test_on_the_cpu_the_data_are_the_same(digits):
    same = digits.to("cpu")
    assert same.device.type == "cpu"
    assert torch.equal(same.train_inputs, digits.train_inputs)
    assert torch.equal(same.test_targets, digits.test_targets)
    assert same.name == digits.name


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_its_name_is_refused_with_what_to_do(digits):
    with pytest.raises(ValueError, match=r"device must be 'cpu' .* Got 'cuda': choose 'cpu'"):
        digits.to("cuda")
