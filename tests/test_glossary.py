"""One word for each thing: the glossary and the code hold each other to it."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import chain
from pathlib import Path

import jupytext
import pytest

import experiments
import modlib
from experiments.__main__ import _parser
from experiments.config import SettingConfig
from experiments.data import DATASETS
from experiments.names import network_name
from experiments.regularizers import REGULARIZERS, UNTRAINED
from modlib.clustering.find import SEARCHES
from modlib.comparison import AGREEMENT_MEASURES
from modlib.losses import LOSSES
from modlib.plotting import TITLES
from modlib.similarity.compute import DERIVATIVES, POOLS
from modlib.similarity.conventions import CONVENTIONS
from modlib.similarity.measures import MEASURES, Method

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("book/*.md"))]
CHAPTERS = sorted(ROOT.glob("notebooks/*.md"))
MIGRATION = ROOT / "experiments" / "migration.py"  # knows the old names, to replace them
SOURCES = sorted({*ROOT.glob("modlib/**/*.py"), *ROOT.glob("experiments/**/*.py")} - {MIGRATION})


def entries() -> list[tuple[str, str]]:
    """Each term of the glossary with what is said of it, in order."""
    page = (ROOT / "book" / "glossary.md").read_text()
    (block,) = re.findall(r"```\{glossary\}\n(.*?)```", page, re.DOTALL)
    found = re.findall(r"^(\S.*)\n((?:  .*\n|\n)+)", block, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\S", block, re.MULTILINE))  # nothing is passed over
    return [(term, " ".join(text.split())) for term, text in found]


ENTRIES = dict(entries())


def spans(text: str) -> list[str]:
    """What is set as code in a text; blocks of code are left out."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def named(term: str) -> set[str]:
    return set(spans(ENTRIES[term]))


# ----------------------------------------------------------------- the glossary against the code


def stages() -> set[str]:
    """What the stopwatch of a run is told, in the notebook and in what it calls."""
    text = "".join(path.read_text() for path in [*SOURCES, *CHAPTERS])
    return set(re.findall(r'stopwatch\("(\w+)"\)', text))


def commands() -> set[str]:
    (action,) = _parser()._subparsers._group_actions
    return set(action.choices)


EXPERIMENTS = [experiments.experiment(name) for name in experiments.EXPERIMENTS]
PRESETS = set(chain.from_iterable(experiment.presets for experiment in EXPERIMENTS))
CHOICES = {
    "convention": set(CONVENTIONS),
    "search": set(SEARCHES),
    "derivatives": set(DERIVATIVES),
    "loss": set(LOSSES),
    "pool": set(POOLS),
    "preset": PRESETS,
    "stage": stages(),
    "experiment": set(experiments.EXPERIMENTS),
    "regulariser": set(REGULARIZERS),
    "untrained": {UNTRAINED},
    "dataset": set(DATASETS),
    "method": set(Method._fields),
}
"""The terms that are choices in the code, and what there is to choose from."""


@pytest.mark.parametrize("term", CHOICES)
def test_a_term_names_all_that_can_be_chosen(term):
    assert CHOICES[term]
    assert CHOICES[term] <= named(term)


def test_there_are_stages_to_be_named():
    assert {"training", "similarity", "best"} <= stages()


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_a_term_that_names_it_and_its_side(measure):
    term = TITLES[measure]
    assert measure in named(term)
    assert ENTRIES[term].startswith(f"{MEASURES[measure].side.capitalize()} measure")
    assert term in ENTRIES["measure"]


def names_of_code() -> set[str]:
    """Names, parameters, attributes, columns, values and commands that a reader may meet."""
    face = [getattr(modlib, name) for name in modlib.__all__]
    functions = [thing for thing in face if inspect.isfunction(thing)]
    classes = [thing for thing in face if inspect.isclass(thing)]
    tables = [
        t for e in EXPERIMENTS for t in [*e.tables.values(), e.proofs and e.proofs.table] if t
    ]
    setting = SettingConfig(regularizer="dropout", strength=0.5)
    return {
        *modlib.HOMES, "spectral_modules",
        *chain.from_iterable(inspect.signature(function).parameters for function in functions),
        *chain.from_iterable(map(dir, classes)),
        *(field.name for c in classes if is_dataclass(c) for field in fields(c)),
        *chain.from_iterable(table.columns for table in tables),
        *setting.parameters, setting.name, network_name(setting.name, 0),
        setting.recipe.architecture,
        *AGREEMENT_MEASURES, *MEASURES, *chain.from_iterable(CHOICES.values()), *commands(),
    }  # fmt: skip


@pytest.mark.parametrize("term", ENTRIES)
def test_what_an_entry_sets_as_code_is_in_the_code(term):
    paths = {word for word in named(term) if (ROOT / word).exists()}
    shapes = {word for word in named(term) if word.startswith("[")}
    assert named(term) - paths - shapes <= names_of_code()


def test_terms_are_in_order_each_once():
    terms = [term for term, _ in entries()]
    assert terms == sorted(set(terms), key=str.lower)


# ------------------------------------------------------------------- words that were replaced

OPTIONS = {"absolute"}  # as a word of English, and for arrays of absolute values, it stays
REPLACED = {
    "n_clusters", "q_one_cluster", "cluster_similarity", "effective_clusters", "CLUSTER_MEASURES",
    "ClusterMeasure",
}  # fmt: skip
VALUES = {"inside", "outside"}
KEYWORDS = {
    "find_modules": {"method"},
    "pairwise_similarity": {"method", "absolute"},
    "similarity_matrices": {"method", "absolute"},
    "normalize": {"rule"},
}
PROSE = REPLACED | OPTIONS | VALUES


def replaced(code: str) -> Iterator[str]:
    """Names, options and values of code that now go by another word."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Constant(value=str(text)):
                yield from {text} & (REPLACED | OPTIONS | VALUES)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.alias(name=name):
                yield from {name} & REPLACED
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield from {name} & REPLACED
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield from {name} & (REPLACED | OPTIONS)
            case ast.Call():
                yield from _of_call(node)


def _of_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func).rpartition(".")[2]
    yield from {word.arg for word in call.keywords} & KEYWORDS.get(name, set())
    if name == "normalize":
        given = [word.value for word in call.keywords] + call.args
        yield from {arg.value for arg in given if isinstance(arg, ast.Constant)} & {
            "max", "geometric"
        }  # fmt: skip


def cells(page: Path) -> str:
    """The code of a chapter, without lines of magic."""
    found = [cell.source for cell in jupytext.read(page).cells if cell.cell_type == "code"]
    return re.sub(r"^[%!].*$", "", "\n\n".join(found), flags=re.MULTILINE)


def examples(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_uses_no_word_that_was_replaced(path):
    assert list(replaced(path.read_text())) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_cells_use_no_word_that_was_replaced(path):
    assert list(replaced(cells(path))) == []


@pytest.mark.parametrize("path", [*PAGES, *CHAPTERS], ids=lambda path: path.stem)
def test_pages_use_no_word_that_was_replaced(path):
    assert list(replaced(examples(path))) == []
    found = spans(path.read_text())
    assert {word for span in found for word in re.findall(r"\w+", span)} & PROSE == set()
    assert [span for span in found if re.search(r"\b(method|rule)=", span)] == []


@pytest.mark.parametrize(
    "code",
    ["f(absolute='printed')", "row.absolute", "table['absolute']", "found.n_clusters",
     "find_modules(S, method='best')", "ml.pairwise_similarity(a, b, c, method='autograd')",
     "normalize(S, 'max')", "normalize(S, rule='printed')", "from modlib import cluster_similarity",
     "convention = 'inside'"],
)  # fmt: skip
def test_a_word_that_was_replaced_is_noticed(code):
    assert list(replaced(code))


@pytest.mark.parametrize(
    "code", ["ranks.rank(method='dense')", "absolute = abs(value)", "normalize(S, 'released')"]
)
def test_other_uses_of_a_word_are_let_be(code):
    assert list(replaced(code)) == []
