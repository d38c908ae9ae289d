"""Leave of a style sheet what pages can come to need.

The theme brings the rules of all that it could show. A rule is needed if each class and each name
that its selector asks for stands in a page, or is a word of a script, which might put it there.
"""

import re
from collections.abc import Iterator

NAMES = re.compile(r"\b(?:class|id)=\"([^\"]*)\"")
WORD = re.compile(r"[A-Za-z_][\w-]*")
INLINE = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
TOKEN = re.compile(
    r"/\*.*?\*/"  # comments, texts and addresses may hold what would be a sign elsewhere
    r"|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|url\([^\"')]*\)"
    r"|[{};]|[^{};\"'/u]+|.",
    re.DOTALL,
)
HOLDERS = re.compile(r"@(?:media|supports|layer|container)\b")  # which have rules inside
CHOICE = re.compile(
    r":[\w-]+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
)  # such as :not(...), :is(...)
CONDITION = re.compile(r"\[[^\]]*\]")
ASKED = re.compile(r"[.#]((?:[\w-]|\\.)+)")
SELECTOR = re.compile(r"(?:[^,()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+")


def names(page: str) -> set[str]:
    """Return the classes and names in a page, and the words of the scripts inside it."""
    found = {name for value in NAMES.findall(page) for name in value.split()}
    return found.union(*map(words, INLINE.findall(page)))


def words(script: str) -> set[str]:
    """Return what a script could give an element for a class or a name."""
    return set(WORD.findall(script))


def trim(style: str, used: set[str]) -> str:
    """Return a style without the rules that would need other names than those used."""
    kept = []
    for head, body in blocks(style):
        if body is None:
            kept.append(head)
        elif HOLDERS.match(head):
            inner = trim(body, used)
            kept += [f"{head}{{{inner}}}"] if inner else []
        elif head.startswith("@"):
            kept.append(f"{head}{{{body}}}")
        elif ours := [each.strip() for each in SELECTOR.findall(head) if asks(each) <= used]:
            kept.append(f"{','.join(ours)}{{{body.strip()}}}")
    return "".join(kept)


def asks(selector: str) -> set[str]:
    """Return the classes and names without which a selector finds nothing."""
    plain = CONDITION.sub("", CHOICE.sub("", selector))
    return {re.sub(r"\\(.)", r"\1", name) for name in ASKED.findall(plain)}


def blocks(style: str) -> Iterator[tuple[str, str | None]]:
    """Go through the parts of a style: what they begin with, and what stands in their braces.

    Comments are left out, but for those that state a licence.
    """
    head, body, depth = "", "", 0
    for token in TOKEN.findall(style):
        if token.startswith("/*"):
            if token.startswith("/*!") and not depth:
                yield token, None
            continue
        depth -= token == "}"
        if depth:
            body += token
        elif token == "}":
            yield head.strip(), body
            head, body = "", ""
        elif token == ";":
            yield f"{head.strip()};", None
            head = ""
        elif token != "{":
            head += token
        depth += token == "{"
