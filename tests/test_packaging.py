"""What `pip install modlib` gives: a library alone, typed, without pickle, writing nowhere."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from email.parser import Parser
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
import yaml

from experiments.paper import TABLES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LIBRARY = [
    "modlib.clustering.find", "modlib.layers", "modlib.models", "modlib.modularity",
    "modlib.optimality.certificate", "modlib.seeds", "modlib.similarity.compute",
]  # fmt: skip
EXTRAS = {
    "IPython", "dask", "distributed", "ipykernel", "jupyter_client", "matplotlib", "myst_nb",
    "nbformat", "pandas", "papermill", "pyarrow", "sphinx", "torchvision",
}  # fmt: skip
SOURCES = sorted(
    chain(
        ROOT.glob("modlib/**/*.py"),
        ROOT.glob("experiments/**/*.py"),
        ROOT.glob("benchmarks/*.py"),
        ROOT.glob("supply/*.py"),
        ROOT.glob("book/_ext/*.py"),
    )
)
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def python(code: str, **options) -> str:
    """What code prints in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, **options
    ).stdout


# ------------------------------------------------------------------------------------ the package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return ZipFile(path)


def test_the_wheel_holds_the_library_and_its_types_only(wheel):
    names = wheel.namelist()
    assert "modlib/py.typed" in names
    files = {str(path.relative_to(ROOT)) for path in ROOT.glob("modlib/**/*.py")}
    assert len(files) > 20
    assert files <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"modlib", f"modlib-{PROJECT['version']}.dist-info"}


def test_what_the_wheel_requires_is_the_library_s_own(wheel):
    (path,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = Parser().parsestr(wheel.read(path).decode())
    required = metadata.get_all("Requires-Dist")
    always = {re.split("[^a-z-]", line)[0] for line in required if "extra ==" not in line}
    assert always == {
        "clusim", "numba", "numpy", "safetensors", "scikit-learn", "scipy", "torch", "tqdm"
    }  # fmt: skip
    assert set(metadata.get_all("Provides-Extra")) == {
        "mnist", "plot", "sweep", "book", "pandas", "networkx"
    }  # fmt: skip


def test_the_version_is_the_same_everywhere():
    import modlib

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert modlib.__version__ == PROJECT["version"] == str(citation["version"])
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_binder_takes_the_locks_by_hash_and_this_package_in_place():
    lines = (ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    hashes, *locks = [line for line in lines if not line.startswith("#")]
    assert hashes == "--require-hashes"
    places = [(ROOT / ".binder" / lock.removeprefix("--requirement ")).resolve() for lock in locks]
    assert places == [ROOT / "requirements.lock", ROOT / "cuda.lock"]
    script = ROOT / ".binder" / "postBuild"
    assert script.stat().st_mode & 0o111  # else it is not run
    # In place: chapters read files of the checkout, which an installed package would not find.
    assert script.read_text().endswith("--no-deps --no-build-isolation --editable .\n")
    assert (ROOT / ".binder" / "runtime.txt").read_text() == "python-3.13\n"


# ------------------------------------------------------------------------------------ the imports


def test_the_library_works_where_no_extra_is_installed():
    blocked = python(
        f"""
import sys
class Installed:
    finders = sys.meta_path[:]
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in {sorted(EXTRAS)!r}:
            found = (finder.find_spec(name, path, target) for finder in self.finders)
            return next(filter(None, found), None)
sys.meta_path[:] = [Installed()]
import torch
from modlib.clustering.find import find_modules
from modlib.comparison import agreement
from modlib.optimality.certificate import certify
from modlib.similarity.compute import pairwise_similarity
from experiments.training.train import train
from experiments.config import TrainingConfig
from experiments.data import load
network = train(TrainingConfig(hidden=(4, 4), max_epochs=1), load("digits"), [0])[0]
random = torch.Generator().manual_seed(0)
inputs, targets = torch.rand(20, 64, generator=random), torch.arange(20) % 10
similarity = pairwise_similarity(network.model, inputs, targets)
labels = find_modules(similarity).labels
print(agreement(labels, labels), len(certify(similarity).labels))
"""
    )
    assert blocked.split() == ["1.0", "4"]


def test_importing_the_library_imports_no_extra():
    """Not even where they are installed; clusim, below the comparison alone, brings some along."""
    code = f"import sys, {', '.join(LIBRARY)}"
    loaded = set(python(code + "; print(*sys.modules)").split())
    assert "modlib.similarity.compute" in loaded
    assert not EXTRAS & loaded
    assert not {"clusim", "sklearn", "igraph", "networkx"} & loaded  # slow


def test_the_name_of_the_package_alone_imports_nothing():
    loaded = set(python("import sys, modlib; print(*sys.modules)").split())
    assert not {"numpy", "torch", "numba"} & loaded


# ------------------------------------------------------------------------------------------ safety


def code_of(path: Path) -> str:
    """Python source; of a notebook its cells, without lines of magic."""
    if path.suffix == ".py":
        return path.read_text()
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")


def unsafe(code: str) -> list[str]:
    """Names of what would run whatever a file or a text says."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call):
            found.append(ast.unparse(node.func))
            found += [word.arg for word in node.keywords if word.arg == "allow_pickle"]
    forbidden = {
        "pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "allow_pickle",
        "torch.load", "torch.save", "pd.read_pickle", "eval", "exec", "compile",
        "os.system", "yaml.load", "__import__",
    }  # fmt: skip
    return [name for name in found if name in forbidden]


@pytest.mark.parametrize("path", [*SOURCES, *NOTEBOOKS], ids=lambda path: path.name)
def test_nothing_is_unpickled_or_evaluated(path):
    assert unsafe(code_of(path)) == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "torch.load(p)", "np.load(p, allow_pickle=True)",
     "eval(strength)", "exec(text)"],
)  # fmt: skip
def test_what_would_be_unsafe_is_noticed(code):
    assert unsafe(code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_plain_literals(path):
    cells = nbformat.read(path, as_version=4).cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_notebooks_that_are_run_with_parameters_write_files(path):
    writes = re.findall(
        r"\b(?:open|write_\w+|save_\w+|savefig|to_parquet|to_csv|mkdir|unlink|rmtree|publish)\(",
        code_of(path),
    )
    run_with_parameters = (
        "90-setting", "94-network", "95-crossed", "96-dials", "97-elsewhere", "98-dynamics",
    )  # fmt: skip
    assert bool(writes) == (path.stem in run_with_parameters), writes


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time of change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def test_a_setting_writes_below_its_folder_only(tmp_path):
    """Also where a parameter looks like a path, or like code."""
    papermill = pytest.importorskip("papermill")
    given, elsewhere = tmp_path / "given", tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "file").write_text("untouched")
    before = snapshot(elsewhere)
    options = {"hidden": [4, 4], "max_epochs": 1, "n_steps": 1, "seeds": [0], "folder": str(given)}
    run = tmp_path / "run.ipynb"
    notebook = ROOT / "notebooks" / "90-setting.ipynb"
    papermill.execute_notebook(
        notebook, run, options, cwd=elsewhere, progress_bar=False, kernel_name="python3"
    )
    assert snapshot(elsewhere) == before
    written = set(snapshot(tmp_path)) - {"run.ipynb", "elsewhere/deep/file"}
    assert written
    assert all(name.startswith("given/") for name in written)
    assert set(json.loads((given / "outcome.json").read_text())["tables"]) == set(TABLES)


@pytest.mark.parametrize("name", ["../../elsewhere", "__import__('os').abort()"])
@pytest.mark.parametrize("field", ["dataset", "regularizer", "device", "strength", "seeds"])
def test_a_name_that_is_a_path_or_code_is_refused_before_any_work(tmp_path, field, name):
    """By the cells of the notebook up to the first that writes, run where they could write."""
    notebook = nbformat.read(ROOT / "notebooks" / "90-setting.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    given = {field: name, "folder": str(tmp_path / "given")}
    script = "\n".join(
        [cells[0], *(f"{key} = {value!r}" for key, value in given.items()), *cells[1:3]]
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert f"ValueError: {field} must be" in result.stderr
    assert not list(tmp_path.iterdir())
