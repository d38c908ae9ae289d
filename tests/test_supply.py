"""What everything is built with: locks by hash, licences, and the bill of materials."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from email.message import Message
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply import __main__ as command
from supply import bill, builds, groups, licenses, lock
from supply.licenses import License
from supply.lock import Entry

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EVERY, CUDA, CPU = (lock.load(path) for path in (lock.LOCK, lock.CUDA, lock.CPU))
TABLE = licenses.table()
A, B, C = (letter * 64 for letter in "abc")


def entry(name: str, version: str = "1.0", hashes=(A,), via=("modlib (pyproject.toml)",), **more):
    return Entry(name, version, tuple(hashes), tuple(via), **more)


# -------------------------------------------------------------------------------------- the locks


@pytest.mark.parametrize("path", [lock.LOCK, lock.CUDA], ids=lambda path: path.stem)
def test_a_lock_is_read_without_loss(path):
    text = path.read_text()
    assert lock.write(*lock.read(text)) == text


def test_every_release_in_the_locks_has_hashes_and_none_is_anything_but_a_pin():
    for path in (lock.LOCK, lock.CUDA, lock.CPU):
        lines = path.read_text().splitlines()
        pins = [line for line in lines if not line.startswith((" ", "#"))]
        after = [lines[lines.index(pin) + 1] for pin in pins]
        assert all(re.match(r"[a-z0-9-]+==[0-9]\S*( ; .+)? \\$", pin) for pin in pins)
        assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in after)
    assert len(EVERY) > 150


def test_everything_that_pyproject_asks_for_is_locked():
    project = PYPROJECT["project"]
    asked = chain(
        project["dependencies"],
        *project["optional-dependencies"].values(),
        PYPROJECT["dependency-groups"]["dev"],
    )
    names = {re.match(r"[A-Za-z0-9-]+", each)[0] for each in asked}
    assert names - {"modlib"} <= {each.name for each in EVERY}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torch>=2 \\\n    --hash=sha256:" + A, "must name one release .* Got 'torch>"),
        ("torch==2.0\n    # via modlib", "Got 'torch==2.0' with 0 hashes. Run make lock"),
        ("torch==2.0 \\\n    --hash=sha256:beef", "hash of torch must be 64 .* Got 'beef'"),
    ],
)
def test_what_is_not_one_release_with_hashes_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        lock.read(text)


def test_what_is_needed_is_followed_step_by_step():
    entries = [entry("a"), entry("b", via=["a", "x"]), entry("c", via=["b"]), entry("x")]
    assert lock.needed(entries, {"a", "unknown"}) == {"a", "b", "c"}


# ------------------------------------------------------------------------------ builds of PyTorch


def test_only_what_cuda_needs_stands_in_a_lock_of_its_own():
    entries = [entry(name) for name in ("cuda-toolkit", "nvidia-nccl-cu13", "torch", "triton")]
    every, cuda = builds.split(entries)
    assert [each.name for each in every] == ["torch"]
    assert [each.name for each in cuda] == ["cuda-toolkit", "nvidia-nccl-cu13", "triton"]


def test_the_hashes_of_another_build_are_added_to_those_of_the_same_release():
    entries = [entry("numpy"), entry("torch", "2.0", [C, A])]
    numpy, torch = builds.admit(entries, [entry("torch", "2.0+cpu", [B])])
    assert numpy == entries[0]
    assert torch == entry("torch", "2.0", [A, B, C])


def test_a_build_of_another_release_is_refused():
    with pytest.raises(ValueError, match=r"cpu.lock .* no torch 2.1. Run make lock with TORCH_IND"):
        builds.admit([entry("torch", "2.0")], [entry("torch", "2.1+cpu")])


def test_the_lock_admits_pytorch_for_the_cpu_and_with_cuda():
    by_name = {each.name: each for each in EVERY}
    assert {each.name for each in CPU} == {"torch", "torchvision"}
    for build in CPU:
        locked = by_name[build.name]
        assert build.version == f"{locked.version}+cpu"
        assert set(build.hashes) < set(locked.hashes)  # and PyPI's beside them
    assert builds.split(EVERY) == (EVERY, [])
    assert builds.split(CUDA) == ([], CUDA)
    assert {"torch"} <= {user for each in CUDA for user in each.via}


def test_the_lock_stays_with_the_pair_of_releases():
    pair = re.findall(r"^(\w+==\S+)", (ROOT / "torch-pair.txt").read_text(), re.MULTILINE)
    assert len(pair) == 2
    assert set(pair) <= {f"{each.name}=={each.version}" for each in EVERY}


def test_the_locks_are_written_from_what_was_resolved(tmp_path, monkeypatch):
    resolved, cpu = tmp_path / "resolved", tmp_path / "cpu"
    resolved.write_text(lock.write("", [entry("torch", "2.0"), entry("triton", via=["torch"])]))
    cpu.write_text(lock.write("", [entry("torch", "2.0+cpu", [B])]))
    monkeypatch.setattr(lock, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(lock, "CUDA", tmp_path / "cuda.lock")
    command.write_locks(resolved, cpu)
    assert lock.load(lock.LOCK) == [entry("torch", "2.0", [A, B])]
    assert lock.load(lock.CUDA) == [entry("triton", via=["torch"])]
    command.write_locks(resolved, None)
    assert lock.load(lock.LOCK) == [entry("torch", "2.0")]


# ------------------------------------------------------------------------------------ what pip does


def wheel(folder: Path, version: str) -> Path:
    """The smallest package there is, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        file.writestr(f"{info}/RECORD", "")
    return path


def install(lines: str, folder: Path, place: Path) -> subprocess.CompletedProcess:
    """Install as the Makefile does, from one folder into another."""
    (folder / "lock").write_text(lines)
    flags = re.search(r"^HASHED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    return subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "install", *flags, "--no-index",
         "--find-links", folder, "--target", place, "-r", folder / "lock"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("version", ["1.0", "1.0+cpu"])
def test_pip_takes_either_build_by_one_entry_of_the_lock(version, tmp_path):
    one, other = wheel(tmp_path / "one", "1.0"), wheel(tmp_path / "other", "1.0+cpu")
    (locked,) = builds.admit(
        [entry("tiny", hashes=[digest(one)])], [entry("tiny", "1.0+cpu", [digest(other)])]
    )
    folder = (one if version == "1.0" else other).parent
    result = install(locked.text(), folder, tmp_path / "place")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "place" / f"tiny-{version}.dist-info").is_dir()


def test_pip_refuses_a_file_with_one_bit_changed(tmp_path):
    path = wheel(tmp_path / "one", "1.0")
    lines = entry("tiny", hashes=[digest(path)]).text()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    result = install(lines, path.parent, tmp_path / "place")
    assert result.returncode != 0
    assert "DO NOT MATCH THE HASHES" in result.stderr
    assert not (tmp_path / "place").exists()


def test_pip_refuses_what_has_no_hash(tmp_path):
    path = wheel(tmp_path / "one", "1.0")
    result = install("tiny==1.0\n", path.parent, tmp_path / "place")
    assert result.returncode != 0
    assert "Hashes are required" in result.stderr


def test_make_installs_nothing_but_this_package_without_hashes():
    """Every command that the target would run is looked at; none is."""
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "venv"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.replace("\\\n", " ")  # fmt: skip
    installs = [line for line in plan.splitlines() if re.search(r"pip .*\binstall\b", line)]
    loose = [line for line in installs if "--require-hashes" not in line]
    assert len(installs) == 4
    (own,) = loose
    assert own.endswith("install --no-deps --no-build-isolation --editable .")
    for path in (lock.LOCK, lock.CUDA):
        assert any(line.endswith(f"-r {path.name}") for line in installs)


# ------------------------------------------------------------------------------------ the licences


def test_every_locked_package_has_a_licence_that_is_let_through():
    assert not list(licenses.refusals(groups.of(EVERY + CUDA), TABLE))


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("MIT", "permissive"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("MIT AND MPL-2.0", "weak copyleft"),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", "weak copyleft"),
        ("BSD-3-Clause AND GPL-2.0-only", "copyleft"),
        ("AGPL-3.0-or-later OR MIT", "permissive"),
        ("MIT AND (GPL-3.0-only OR MPL-2.0)", "weak copyleft"),
        ("LicenseRef-NVIDIA-Proprietary", "proprietary"),
    ],
)
def test_the_class_is_that_of_the_strictest_part_and_of_the_most_lenient_choice(expression, kind):
    assert licenses.class_of(expression) == kind


@pytest.mark.parametrize("expression", ["", "MIT AND", "GPL-3.0-or-later WITH"])
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(ValueError, match="must be an SPDX expression"):
        licenses.class_of(expression)


def test_a_licence_of_no_known_class_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"Got 'Beerware'\. Read it"):
        licenses.class_of("MIT AND Beerware")


PROJECT = {"dependencies": ["a>=1"], "optional-dependencies": {"more": ["e", "a"]}}
ENTRIES = [
    entry("a"), entry("b", via=["a"]), entry("e"), entry("f", via=["e"]),
    entry("d", via=["modlib (pyproject.toml:dev)"]),
]  # fmt: skip
FREE = {name: License("MIT", "MIT") for name in "abdef"}


def test_the_wheel_comes_before_extras_and_extras_before_development():
    found = groups.of(ENTRIES, PROJECT)
    assert found == {"a": "wheel", "b": "wheel", "e": "extra", "f": "extra", "d": "development"}


@pytest.mark.parametrize(("name", "group"), [("b", "wheel"), ("f", "extra"), ("d", "development")])
def test_a_package_under_the_gpl_is_refused_wherever_it_comes_from(name, group):
    known = FREE | {name: License("GPL-3.0-or-later", "GPL")}
    (refusal,) = licenses.refusals(groups.of(ENTRIES, PROJECT), known)
    assert refusal.startswith(f"{name} ({group}) is under GPL-3.0-or-later: copyleft is let")


def test_what_is_stated_for_development_is_refused_in_the_wheel(monkeypatch):
    known = FREE | {name: License("GPL-3.0-or-later", "GPL") for name in "bd"}
    monkeypatch.setattr(licenses, "STATED", dict.fromkeys("bd", ("development", "an oracle")))
    (refusal,) = licenses.refusals(groups.of(ENTRIES, PROJECT), known)
    assert refusal.startswith("b (wheel) is under GPL")


def test_only_libraries_of_cuda_may_be_proprietary():
    proprietary = License("LicenseRef-NVIDIA-Proprietary", "")
    known = {"nvidia-nccl-cu13": proprietary, "numpy": proprietary}
    (refusal,) = licenses.refusals(dict.fromkeys(known, "wheel"), known)
    assert refusal.startswith("numpy (wheel)")


def test_the_table_has_a_line_for_each_package_and_no_other():
    known = {"a": FREE["a"], "gone": FREE["a"]}
    refused = list(licenses.refusals({"a": "wheel", "new": "wheel"}, known))
    assert refused == [
        "gone is in licenses.csv, but in no lock: remove its line.",
        "new is locked, but not in licenses.csv: read its licence, and add a line.",
    ]


def test_a_package_that_says_something_else_than_before_is_named():
    known = FREE | {"e": License("MIT", "MIT License | MIT")}
    said = {"a": "MIT", "b": "Apache-2.0", "e": "MIT License", "unlisted": "GPL"}
    (change,) = licenses.changes(said, known)
    assert change.startswith("b says 'Apache-2.0', but 'MIT' in licenses.csv")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("License-Expression", "MIT"), ("License", "other")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: BSD License"), ("License", "\n BSD \nmore")],
         "BSD License; BSD"),
        ([("Classifier", "Topic :: X")], ""),
    ],
)  # fmt: skip
def test_what_a_package_says_is_its_expression_or_else_its_classifiers_and_first_line(fields, said):
    metadata = Message()
    for key, value in fields:
        metadata[key] = value
    assert licenses.declared(SimpleNamespace(metadata=metadata)) == said


def test_what_is_stated_is_so_and_the_page_on_security_says_it_too():
    found = groups.of(EVERY + CUDA)
    page = (ROOT / "SECURITY.md").read_text()
    strict = {name for name in found if licenses.class_of(TABLE[name].expression) == "copyleft"}
    assert strict == set(licenses.STATED)
    for name, (group, _) in licenses.STATED.items():
        assert found[name] == group
        assert f"`{name}`" in page


def test_the_command_ends_with_what_is_wrong(monkeypatch):
    monkeypatch.setattr(licenses, "table", lambda: TABLE | {"gone": FREE["a"]})
    monkeypatch.setattr(sys, "argv", ["supply", "licenses"])
    with pytest.raises(SystemExit, match=r"^gone is in licenses\.csv, but in no lock"):
        command.main()


def test_the_command_says_what_is_wrong_with_a_lock_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "resolved").write_text("torch\n")
    monkeypatch.setattr(sys, "argv", ["supply", "locks", str(tmp_path / "resolved")])
    with pytest.raises(SystemExit, match=r"^every entry of a lock must name one release"):
        command.main()


# --------------------------------------------------------------------------- the bill of materials


@pytest.fixture(scope="module")
def materials(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("bill") / "sbom.json"
    command.write_bill(path)
    return path.read_text()


def test_the_bill_is_valid_cyclonedx(materials):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(materials) is None


def test_the_bill_lists_each_release_of_the_locks_with_its_hashes_and_no_other(materials):
    """Held against the text of the locks, without our reader of them."""
    text = lock.LOCK.read_text() + lock.CUDA.read_text()
    parts = json.loads(materials)["components"]
    assert sorted((part["name"], part["version"]) for part in parts) == sorted(
        re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)
    )
    hashes = [each["content"] for part in parts for each in part["hashes"]]
    assert sorted(hashes) == sorted(re.findall("sha256:([0-9a-f]{64})", text))
    (torch,) = [part for part in parts if part["name"] == "torch"]
    block = re.search(r"^torch==.*?# via", text, re.DOTALL | re.MULTILINE)[0]
    assert [each["content"] for each in torch["hashes"]] == re.findall("sha256:(.{64})", block)


def test_the_bill_says_who_needs_what(materials):
    content = json.loads(materials)
    asked = {each["ref"]: each["dependsOn"] for each in content["dependencies"]}
    assert set(asked) == {part["bom-ref"] for part in content["components"]} | {"modlib"}
    assert set(chain(*asked.values())) <= set(asked)
    direct = {re.match("[a-z-]+", each)[0] for each in PYPROJECT["project"]["dependencies"]}
    assert direct <= {re.match("pkg:pypi/([a-z0-9-]+)@", each)[1] for each in asked["modlib"]}
    (torch,) = [ref for ref in asked if ref.startswith("pkg:pypi/torch@")]
    assert {"sympy", "filelock", "triton"} <= {ref[9:].split("@")[0] for ref in asked[torch]}
    kinds = {part["name"]: part["properties"][0]["value"] for part in content["components"]}
    assert (kinds["numpy"], kinds["matplotlib"], kinds["ruff"]) == ("wheel", "extra", "development")


def test_the_same_locks_give_the_same_bill_and_others_another(materials, tmp_path):
    command.write_bill(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == materials
    texts = [bill.bill([entry("a", hashes=[h])], {"a": "wheel"}, FREE, "1") for h in (A, B)]
    serials = {json.loads(text)["serialNumber"] for text in texts}
    assert len(serials) == 2
