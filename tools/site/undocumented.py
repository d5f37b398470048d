#!/usr/bin/env python3
"""Lists every public name that Doxygen's XML has without a word about it; an overload that only differs in how it is
called needs one too. Fails if there are any.

    undocumented.py XML_DIR
"""
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def silent(node):
    return not any("".join(part.itertext()).strip() for tag in ("briefdescription", "detaileddescription")
                   for part in node.findall(tag))


def needs_words(node, owner):
    """Not what is inherited or private, and no special member function, which does what it does everywhere."""
    name = node.findtext("name") or ""
    arguments = node.findtext("argsstring") or ""
    special = name.startswith("~") or "=delete" in arguments or (name == owner and arguments.startswith("()"))
    inherited = node.find("reimplements") is not None
    return node.get("prot") in ("public", "protected", None) and not (special or inherited)


def main(folder):
    names, missing = 0, []
    for file in sorted(Path(folder).glob("*.xml")):
        for compound in xml.parse(file).getroot().findall("compounddef"):
            kinds = ("class", "struct", "concept", "namespace", "file")
            if compound.get("kind") not in kinds or compound.get("prot") == "private":
                continue
            where = compound.findtext("compoundname")
            if where.endswith((".md", ".dox")):
                continue
            nodes = [(where, compound)]
            if compound.get("kind") != "file":  # its members are those of its namespaces
                for member in compound.iter("memberdef"):
                    nodes.append((f"{where}::{member.findtext('name')}", member))
            else:
                nodes += [(m.findtext("name"), m) for m in compound.iter("memberdef") if m.get("kind") == "define"]
            for name, node in list(nodes):
                nodes += [(f"{name}::{value.findtext('name')}", value) for value in node.findall("enumvalue")]
            for name, node in nodes:
                if node.get("kind") == "friend" or not needs_words(node, where.rpartition("::")[2]):
                    continue
                names += 1
                if silent(node):
                    place = node.find("location")
                    at = compound.find("location") if place is None else place
                    missing.append(f"{at.get('file')}:{at.get('line')}: {name}" if at is not None else name)
    for entry in sorted(set(missing)):
        print(f"error: not documented: {entry}", file=sys.stderr)
    print(f"reference: {names} public names, {len(set(missing))} not documented")
    return 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
