"""The bill of materials: what the locks hold, in CycloneDX 1.6 (https://cyclonedx.org).

It is made from committed files alone, with no date and no chance: the same locks give the same
bytes. Where a release has a file for each platform, it lists the hash of each.
"""

import json
from uuid import NAMESPACE_URL, uuid5

from supply.groups import DEVELOPMENT
from supply.licenses import License
from supply.lock import Entry


def bill(
    entries: list[Entry], groups: dict[str, str], licenses: dict[str, License], version: str
) -> str:
    """Return the bill of materials as the text of a JSON file.

    Parameters
    ----------
    entries
        Of all locks.
    groups, licenses
        Who needs each package, and under what licence it is, by its name.
    version
        That of modlib.
    """
    main = {
        "type": "library", "bom-ref": "modlib", "name": "modlib", "version": version,
        "licenses": [{"expression": "MIT"}], "purl": f"pkg:pypi/modlib@{version}",
    }  # fmt: skip
    content = {
        "metadata": {"component": main},
        "components": [
            _component(entry, groups[entry.name], licenses[entry.name]) for entry in entries
        ],
        "dependencies": _dependencies(entries),
    }
    serial = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": f"urn:uuid:{serial}",
    }  # fmt: skip
    return json.dumps(head | content, indent=1) + "\n"


def _reference(entry: Entry) -> str:
    return f"pkg:pypi/{entry.name}@{entry.version}"


def _component(entry: Entry, group: str, license_: License) -> dict:
    properties = [{"name": "modlib:needed-by", "value": group}]
    if entry.marker:
        properties.append({"name": "modlib:marker", "value": entry.marker})
    return {
        "type": "library", "bom-ref": _reference(entry),
        "name": entry.name, "version": entry.version,
        "scope": "excluded" if group == DEVELOPMENT else "required",
        "hashes": [{"alg": "SHA-256", "content": each} for each in entry.hashes],
        "licenses": [{"expression": license_.expression}],
        "purl": _reference(entry), "properties": properties,
    }  # fmt: skip


def _dependencies(entries: list[Entry]) -> list[dict]:
    """Turn what asked for each entry around into what each asks for."""
    asked: dict[str, set[str]] = {}
    for entry in entries:
        for user in entry.via:
            asked.setdefault(user.partition(" ")[0], set()).add(_reference(entry))
    users = [("modlib", "modlib"), *((_reference(entry), entry.name) for entry in entries)]
    return [{"ref": ref, "dependsOn": sorted(asked.get(name, ()))} for ref, name in users]
