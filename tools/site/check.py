#!/usr/bin/env python3
"""Checks a built site: every link and every anchor inside of it exists, and nothing is loaded from elsewhere.

    check.py DIR [--external FILE]

Links to other sites are not followed; FILE gets the list of them.
"""
import posixpath
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script", "img", "iframe", "source", "video", "audio", "embed", "object"}
STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads = {"", "top"}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        for name in ("id", "name"):
            if values.get(name):
                self.anchors.add(values[name])
        for name in ("href", "src", "data"):
            target = values.get(name)
            if not target or (name == "data" and tag != "object"):
                continue
            loaded = tag in LOADS or (tag == "link" and values.get("rel") not in ("canonical", "prev", "next"))
            (self.loads if loaded else self.links).append(target)
        if tag == "img" and not (values.get("alt") or "").strip() and not values.get("src", "").startswith("data:"):
            self.loads.append(None)


def main(root, external_to):
    pages = {p.relative_to(root).as_posix(): Page(p.read_text()) for p in sorted(root.rglob("*.html"))}
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    faults, external, inside = [], {}, 0
    for name, page in pages.items():
        if name == "404.html":
            continue  # its links are those of wherever it is shown
        for target in page.links + page.loads:
            if target is None:
                if not name.startswith("reference/"):
                    faults.append(f"{name}: a picture without alternative text")
                continue
            url = urlsplit(target)
            if url.scheme in ("data", "javascript", "mailto"):
                continue
            if url.scheme or url.netloc:
                if target in page.loads:
                    faults.append(f"{name}: loads {target}")
                external.setdefault(target, name)
                continue
            inside += 1
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(url.path))) if url.path else name
            if path not in files and posixpath.join(path, "index.html") in files:
                faults.append(f"{name}: {target} is a folder, which shows as a list where there is no server")
            elif path not in files:
                faults.append(f"{name}: {target} does not exist")
            elif path in pages and unquote(url.fragment) not in pages[path].anchors:
                faults.append(f"{name}: {target}: no such anchor")
    for style in root.rglob("*.css"):
        for match in STYLE.finditer(style.read_text()):
            faults.append(f"{style.relative_to(root)}: loads {match.group(1)}")
    if external_to:
        Path(external_to).write_text("".join(f"{url}  ({page})\n" for url, page in sorted(external.items())))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"{len(pages)} pages, {inside} links inside, {len(external)} other sites' addresses, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[3] if len(sys.argv) == 4 else None))
