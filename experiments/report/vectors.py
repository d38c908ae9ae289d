"""Vector graphics of Matplotlib, made light to load, and for dark pages."""

import re
import xml.etree.ElementTree as ET
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator

from experiments.report.pixels import indexed

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
HREF = f"{XLINK}href"
PAGE = "#121212"
"""The background of dark pages."""
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_NUMBER = re.compile(r"(?<![#\w.])-?\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)")  # and no colour
_STEP = re.compile(r"([MLQCZz])([^MLQCZz]*)")
_LETTER = {"x", "href"}
_PAINTS = ("fill", "stroke")
ET.register_namespace("", SVG[1:-1])
ET.register_namespace("xlink", XLINK[1:-1])


def lean(svg: str) -> str:
    """Return the same picture in fewer bytes.

    Comments, metadata and names that nothing refers to are left out, places are rounded to a
    hundredth of a point, paths go on from where they are, what all parts of a group have in common
    is said once, and images have a palette.

    Parameters
    ----------
    svg
        As Matplotlib writes it, or :func:`darkened` returns it.
    """
    root = ET.fromstring(svg)
    for metadata in root.findall(f"{SVG}metadata"):
        root.remove(metadata)
    _shorten_names(root)
    for element in root.iter():
        _tidy(element)
    _ungroup(root)
    _join(root)
    _say_words_once(root)
    for group in root.iter(f"{SVG}g"):
        _share(group)
    _say_styles_once(root)
    return _HEAD + ET.tostring(root, encoding="unicode").replace(" />", "/>")


def darkened(svg: str) -> str:
    """Return a picture for dark pages: what was black is light, and white is the page.

    Colours keep their hue, and are lightened where they would hardly show. What lies on an image,
    such as the numbers of a matrix, stays as it is, for so does the image.

    Parameters
    ----------
    svg
        As Matplotlib writes it, before it is made lean.
    """
    root = ET.fromstring(svg)
    figure = root.find(f"{SVG}g")
    if figure is not None and len(figure) and figure[0].get("id") == "patch_1":
        figure.remove(figure[0])
    for element in list(_on_pages(root)):
        _darken(element)
    root.set("fill", _on_dark("#000000", for_text=True))  # what says nothing of itself is black
    return ET.tostring(root, encoding="unicode")


# ------------------------------------------------------------------------------------------ light


def _shorten_names(root: ET.Element) -> None:
    referred = {
        element.get(HREF, "")[1:] for element in root.iter() if element.tag != f"{SVG}image"
    }
    for element in root.iter():
        for value in element.attrib.values():
            referred.update(re.findall(r"url\(#(\w+)\)", value))
    named = [element for element in root.iter() if element.get("id") in referred]
    short = {element.get("id"): f"a{place:x}" for place, element in enumerate(named)}
    for element in root.iter():
        if (name := element.attrib.pop("id", None)) in short:
            element.set("id", short[name])
        for key, value in element.attrib.items():
            if key == HREF and value[1:] in short:
                element.set(key, "#" + short[value[1:]])
            elif "url(#" in value:
                element.set(key, re.sub(r"#(\w+)", lambda found: "#" + short[found[1]], value))


def _tidy(element: ET.Element) -> None:
    if element.tag != f"{SVG}style":
        element.text = None
    element.tail = None
    for key, value in element.attrib.items():
        if key == "d":
            element.set(key, _relative(value))
        elif key == "style":
            element.set(key, _styled(value))
        elif key in ("transform", "x", "y", "width", "height"):
            element.set(key, re.sub(r"(?:scale|matrix)\([^)]*\)|" + _NUMBER.pattern, _place, value))
        elif key == HREF and value.startswith("data:"):
            kind, _, data = value.partition(",")
            element.set(key, f"{kind},{b64encode(indexed(b64decode(data))).decode()}")
    moved = re.fullmatch(r"translate\((\S+) 0\)", element.get("transform", ""))
    if element.tag == f"{SVG}use" and moved and "x" not in element.attrib:  # letters of a word
        del element.attrib["transform"]
        element.set("x", moved[1])
    if HREF in element.attrib:  # as every browser understands by now
        element.set("href", element.attrib.pop(HREF))


def _place(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith(("scale", "matrix")) else _plain(float(found[0]))


def _plain(number: float, digits: int = 2) -> str:
    """A number in the fewest letters."""
    text = f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits else str(round(number))
    return re.sub(r"^(-?)0\.", r"\1.", text) if text not in ("-0", "") else "0"


def _styled(style: str) -> str:
    rounded = _NUMBER.sub(lambda found: _plain(float(found[0]), 4), style)
    short = re.sub(r"#(\w)\1(\w)\2(\w)\3\b", r"#\1\2\3", rounded)
    return re.sub(r"\s*([:;])\s*", r"\1", short).strip(";")


def _relative(path: str) -> str:
    """Write a path in steps from where it is; places are rounded before they are subtracted."""
    written, before, here, start = "", "", (0, 0), (0, 0)  # in hundredths
    for letter, numbers in _STEP.findall(path):
        if letter in "Zz":
            written, before, here = f"{written}z", "z", start
            continue
        places = [round(100 * float(number)) for number in numbers.split()]
        points = list(zip(places[::2], places[1::2], strict=True))
        steps = [step - at for point in points for step, at in zip(point, here, strict=True)]
        # A letter that comes again need not be said; a minus parts two numbers.
        said = " " if letter == before != "M" else letter.lower()
        for step in steps:
            part = " " if written[-1:].isdigit() and not said and step >= 0 else said
            written += ("" if part == " " and step < 0 else part) + _plain(step / 100)
            said = ""
        before, here = letter, points[-1]
        start = here if letter == "M" else start
    return written


def _ungroup(root: ET.Element) -> None:
    """Put what groups without any properties hold in their place."""
    for parent in list(root.iter()):
        children: list[ET.Element] = []
        for child in parent:
            children += list(_flat(child))
        parent[:] = children


def _flat(element: ET.Element) -> Iterator[ET.Element]:
    if element.tag == f"{SVG}g" and not element.attrib:
        for child in element:
            yield from _flat(child)
    else:
        yield element


def _join(root: ET.Element) -> None:
    """Put what is cut to the same shape, one after the other, under one cut."""
    for parent in list(root.iter()):
        children: list[ET.Element] = []
        for child in parent:
            shape = child.get("clip-path")
            if shape is None or "transform" in child.attrib:  # which would move the cut too
                children.append(child)
                continue
            if not (children and _only_cuts(children[-1], shape)):
                children.append(ET.Element(f"{SVG}g", {"clip-path": shape}))
            if _only_cuts(child, shape):
                children[-1].extend(child)
            else:
                del child.attrib["clip-path"]
                children[-1].append(child)
        parent[:] = children


def _only_cuts(element: ET.Element, shape: str) -> bool:
    """Whether a group does nothing else, so that its parts lie on each other as they did."""
    return element.tag == f"{SVG}g" and element.attrib == {"clip-path": shape}


def _say_words_once(root: ET.Element) -> None:
    """Draw words and numbers that come again as what was drawn before, in another place."""
    drawn: dict[str, list[ET.Element]] = {}
    for group in root.iter(f"{SVG}g"):
        letters = [child for child in group if child.tag == f"{SVG}use"]
        if "transform" in group.attrib and len(letters) > 1 and all(map(_is_plain, group)):
            word = " ".join(f"{each.get('x')} {each.get('href')}" for each in letters)
            if word not in drawn or len(letters) == len(group):  # nothing is defined in it
                drawn.setdefault(word, []).append(group)
    again = [groups for groups in drawn.values() if len(groups) > 1]
    for place, (first, *others) in enumerate(again):
        letters = [child for child in first if child.tag == f"{SVG}use"]
        once = ET.Element(f"{SVG}g", {"id": f"w{place:x}"})
        once.extend(letters)
        first[:] = [*(child for child in first if child not in letters), once]
        for other in others:
            other.tag = f"{SVG}use"
            other.set("href", f"#w{place:x}")
            other[:] = []


def _is_plain(part: ET.Element) -> bool:
    """Whether it is a letter, or defines some."""
    return part.tag == f"{SVG}defs" or (part.tag == f"{SVG}use" and not set(part.attrib) - _LETTER)


def _share(group: ET.Element) -> None:
    """Say once, of a group, how all of its parts are painted, each of them by itself."""
    styles = {child.get("style") for child in group}
    if len(styles) == 1 and re.search(r"(?:^|;)opacity:", str(*styles)):
        return  # together, parts that lie on each other would let less through
    if len(group) > 1 and len(styles) == 1 and None not in styles and "style" not in group.attrib:
        (style,) = styles
        group.set("style", str(style))
        for child in group:
            del child.attrib["style"]


def _say_styles_once(root: ET.Element) -> None:
    """Give styles that come often a class."""
    counts = Counter(element.get("style", "") for element in root.iter())
    often = [style for style, count in counts.items() if count > 2 and style]
    names = {style: f"s{place:x}" for place, style in enumerate(often)}
    for element in root.iter():
        if element.get("style") in names:
            element.set("class", names[element.attrib.pop("style")])
    sheet = root.find(f".//{SVG}style")
    if sheet is not None:
        rules = (f".{name}{{{style}}}" for style, name in names.items())
        sheet.text = (sheet.text or "") + "".join(rules)


# ------------------------------------------------------------------------------------------- dark


def _on_pages(root: ET.Element) -> Iterator[ET.Element]:
    """Go through all elements that do not lie on an image."""
    skipped: set[ET.Element] = set()
    for axes in root.iter(f"{SVG}g"):
        if re.fullmatch(r"axes_\d+", axes.get("id", "")):
            boxes = [_box(image) for image in axes.iter(f"{SVG}image")]
            for child in axes if boxes else ():
                if _lies_on(child, boxes):
                    skipped.update(child.iter())
    for element in root.iter():
        if element in skipped and element.get("id", "").startswith("text_"):
            element.set("style", "fill: #000000")  # and not what the whole picture says
        elif element not in skipped and element.tag != f"{SVG}image":
            yield element


def _box(image: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of an image, which is written in its cells, or upside down."""
    x, y, width, height = (float(image.get(name, 0)) for name in ("x", "y", "width", "height"))
    kind, numbers = re.findall(r"(\w+)\(([^)]*)\)", image.get("transform", "none()"))[-1]
    moved = [float(number) for number in numbers.split()]
    if kind == "matrix":
        across, _, _, down, x, y = moved
        width, height = across * width, down * height
    elif kind == "translate":  # after scale(1 -1)
        y = -(y + moved[1]) - height
    return x, y, x + width, y + height


def _lies_on(child: ET.Element, boxes: list[tuple[float, float, float, float]]) -> bool:
    name = child.get("id", "")
    if name.startswith("text_"):
        moved = next(
            (
                part.get("transform", "")
                for part in child.iter()
                if "translate" in part.get("transform", "")
            ),
            "",
        )
        found = re.match(r"translate\((-?[\d.]+) (-?[\d.]+)\)", moved)
        if not found:
            return False
        x, y = map(float, found.groups())
        return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)
    return name.startswith(("line2d_", "LineCollection_", "PatchCollection_"))


def _darken(element: ET.Element) -> None:
    for_text = element.find(f"{SVG}use") is not None and "scale" in element.get("transform", "")
    style = dict(re.findall(r"([\w-]+):\s*([^;]+)", element.get("style", "")))
    for name in _PAINTS:
        if style.get(name, "").startswith("#"):
            style[name] = _on_dark(style[name], for_text=for_text)
    if style:
        element.set("style", "; ".join(f"{name}: {value}" for name, value in style.items()))


def _on_dark(color: str, *, for_text: bool) -> str:
    """Return what stands for a colour on a dark page."""
    channels = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    if max(channels) - min(channels) < 8:  # grey: from the page to nearly white
        page = [int(PAGE[place : place + 2], 16) for place in (1, 3, 5)]
        share = channels[0] / 255
        channels = [round(232 + share * (dark - 232)) for dark in page]
    else:
        while contrast(_hex(channels), PAGE) < (4.5 if for_text else 3.0):
            channels = [round(value + 0.1 * (255 - value)) for value in channels]
    return _hex(channels)


def _hex(channels: list[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in channels)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as the Web Content Accessibility Guidelines define it."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(color: str) -> float:
    values = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values
    )
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
