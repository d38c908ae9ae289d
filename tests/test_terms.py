"""Where a chapter first uses a term, it links to the glossary; and every such link leads there."""

import re
from pathlib import Path

import pytest
import yaml
from test_glossary import ENTRIES

ROOT = Path(__file__).parents[1]
FORMS = {
    "ablation": "ablations?", "activation": "activations?", "adjacency": "adjacency",
    "agreement": "agreements?", "assignment": "assignments?", "certificate": "certificates?",
    "chance level": "chance levels?", "checker": "checker", "cluster": "clusters?",
    "co-activity": "co-activity", "convention": "conventions?", "covariance": "covariances?",
    "damage": "damages?", "downstream": "downstream",
    "effective number of modules": "effective number(?: of (?:modules|clusters))?",
    "emergent": "emergent", "excess": "excess", "input sensitivity": "input sensitivity",
    "layer": "layers?", "leak": "leaks?", "lesion": "lesions?", "loss Hessian": "loss Hessian",
    "method": "eight methods", "modularity": "modularity", "module": "modules?",
    "Monte Carlo steps": "Monte Carlo steps", "normalised": "normalised",
    "output sensitivity": "output sensitivity", "planted": "planted", "probes": "probes",
    "recovery": "recovery", "regulariser": "regularisers?", "resolution": "resolutions?",
    "retest": "retest", "rotation": "rotations?", "seed": "seeds?",
    "similarity": "similarit(?:y|ies)", "snapshot": "snapshots?", "specificity": "specificity",
    "sweep": "sweeps?", "synergy": "synerg(?:y|ies)", "unit": "units?", "untrained": "untrained",
    "unused": "unused", "upstream": "upstream",
}  # fmt: skip
"""The terms that are no words of every day, and how each may stand in a sentence."""
INLINE = re.compile(
    r"(\{term\}`[^`]*`)|\{[\w:]+\}`[^`]*`|`[^`]+`|(?<!\\)\$[^$]+\$|<[a-z/][^<>]*>|\]\([^)]*\)"
    # What goes by the name of a term, and is something else:
    r"|PyTorch\s+module|(?:structural|functional)\s+modularity"
)
"""What may stand in a sentence and is none of its words; the first kind, links to terms, stays."""
LINK = re.compile(r"\{term\}`(?:[^`<]*<([^`>]+)>|([^`<]+))`")


def numbered_chapters() -> list[Path]:
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    parts = [part for part in contents["parts"] if part.get("numbered")]
    pages = [ROOT / f"{page['file']}.md" for part in parts for page in part["chapters"]]
    return [page for page in pages if page.parent.name == "notebooks"]


def blanked(pattern: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> str:
    """Put blanks in place of what a pattern finds, so that all else stays where it is."""
    return re.sub(pattern, lambda found: re.sub(r"\S", " ", found[0]), text, flags=flags)


def prose(text: str) -> str:
    """What a chapter says in sentences; code, formulas, tables, headings and other links are blank.

    Links to the glossary stay.
    """
    many = re.MULTILINE | re.DOTALL
    text = blanked(r"\A---\n.*?^---\n", text, many)
    text = blanked(r"^(`{3,})\{(?:code-cell|math|glossary)\}.*?^\1$", text, many)
    text = blanked(r"^```(?:python|console|text)?\n.*?^```$", text, many)
    text = blanked(r"^\$\$.*?^\$\$", text, many)
    text = blanked(r"^`{3,}.*$|^:\w+:.*$|^#.*$|^\|.*$|^\(.*\)=$", text, re.MULTILINE)
    return INLINE.sub(lambda found: found[0] if found[1] else " " * len(found[0]), text)


def unlinked(text: str) -> list[str]:
    """The terms that a chapter uses before it links to them, or without doing so."""
    said = prose(text)
    links = {link.span(): (link[1] or link[2]).lower() for link in LINK.finditer(said)}
    missing = []
    for term, form in FORMS.items():
        spaced = form.replace(" ", r"\s+")
        for word in re.finditer(rf"(?<![\w-]){spaced}(?![\w-])", said, re.IGNORECASE):
            inside = [to for (start, end), to in links.items() if start <= word.start() < end]
            if inside in ([], [term.lower()]):  # else it is a part of another term
                missing += [term] * (not inside)
                break
    return missing


@pytest.mark.parametrize("chapter", numbered_chapters(), ids=lambda path: path.stem)
def test_a_term_is_linked_where_it_first_stands(chapter):
    missing = unlinked(chapter.read_text())
    how = ", ".join(f"{{term}}`{term}`" for term in missing)
    assert not missing, f"{chapter.name}: the first use of each is to be a link: {how}"


PAGES = [*sorted(ROOT.glob("notebooks/*.md")), *sorted(ROOT.glob("book/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_leads_to_an_entry(page):
    found = {one or other for one, other in LINK.findall(page.read_text())}
    assert found <= set(ENTRIES)


def test_terms_are_entries_in_the_order_of_the_glossary():
    assert set(FORMS) <= set(ENTRIES)
    assert list(FORMS) == sorted(FORMS, key=str.lower)


@pytest.mark.parametrize(
    "text",
    ["Units agree.", "A {term}`seed` draws a unit.", "The unit comes before its {term}`unit`.",
     "One {term}`loss Hessian` has a\nmodule.", "```{admonition} Note\nA seed.\n```"],
)  # fmt: skip
def test_a_term_without_a_link_is_noticed(text):
    assert len(unlinked(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["Two {term}`units <unit>` agree, and a unit does not.", "`unit` is code, and $unit$ is not.",
     "# Modules\n", "| unit | seed |", "```{code-cell} ipython3\nseed = 0\n```",
     "A unitary matrix, unit-like.", "{doc}`the module <06-regularization>`",
     "By {term}`input\nsensitivity <input sensitivity>`."],
)  # fmt: skip
def test_what_is_no_first_use_is_let_be(text):
    assert unlinked(text) == []
