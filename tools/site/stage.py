#!/usr/bin/env python3
"""Lays out the pages of the site: a copy of the Markdown of the repository, in the same folders.

    stage.py OUT TAGS

Begins with README.md and docs, and follows links. In the copies, what is no page becomes one: a public header is a page
of the reference (TAGS: Doxygen's tag file of it), any other file a page with its text, a folder a list of its files. A
link that leads nowhere is an error, and so are a page that the navigation lacks and a header that docs/reference.md
lacks. On GitHub the same links lead to the files themselves.
"""
import posixpath
import re
import shutil
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

FENCE = re.compile(r"^\s*(```+|~~~+)")
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
LANGUAGES = {".hpp": "cpp", ".cpp": "cpp", ".sql": "sql", ".cmake": "cmake", ".sh": "sh", ".py": "python"}


def headers(tags):
    """Path of each header below its include folder -> its page in the reference."""
    pages = {}
    for compound in xml.parse(tags).getroot().iter("compound"):
        if compound.get("kind") == "file":
            path = (compound.findtext("path") or "") + compound.findtext("name")
            page = compound.findtext("filename")
            pages[path.rpartition("include/")[2]] = page if page.endswith(".html") else page + ".html"
    return pages


def outside_code(text, change):
    """`text` with `change` applied to what is neither in a fenced block nor in backticks."""
    done, prose, fence = [], [], None

    def flush():
        whole, at = "".join(prose), 0
        for code in CODE.finditer(whole):
            done.append(change(whole[at:code.start()]))
            done.append(code.group())
            at = code.end()
        done.append(change(whole[at:]))
        prose.clear()

    for line in text.splitlines(keepends=True):
        mark = FENCE.match(line)
        if fence is None and not mark:
            prose.append(line)
            continue
        if fence is None:
            flush()
            fence = mark.group(1)
        elif mark and mark.group(1).startswith(fence):
            fence = None
        done.append(line)
    flush()
    return "".join(done)


class Site:
    def __init__(self, out, tags):
        self.out, self.headers = Path(out), headers(tags)
        self.waiting, self.seen, self.faults = [], set(), []

    def add(self, path):
        if path not in self.seen:
            self.seen.add(path)
            self.waiting.append(path)

    def page_of(self, path):
        """Where the site shows the file or folder `path` of the repository."""
        source = Path(path)
        if source.is_dir():
            page = posixpath.join(path, "README.md")
        elif "include/" in path and path.rpartition("include/")[2] in self.headers:
            return "reference/" + self.headers[path.rpartition("include/")[2]]
        elif source.suffix in (".md", ".svg"):
            page = path
        else:
            page = path + ".md"
        self.add(path)
        return page

    def link(self, page, target):
        if re.match(r"[a-z]+:|#", target):
            return target
        file, mark, anchor = target.partition("#")
        folder = posixpath.dirname(page)
        path = posixpath.normpath(posixpath.join(folder, file))
        if path.startswith("..") or not Path(path).exists():
            self.faults.append(f"the link in {page} leads nowhere: {target}")
            return target
        return posixpath.relpath(self.page_of(path), folder or ".") + mark + anchor

    def write(self, path, text):
        place = self.out / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def lay(self, path):
        source = Path(path)
        if source.is_dir():
            readme = posixpath.join(path, "README.md")
            if Path(readme).exists():
                self.add(readme)
                return
            files = sorted(f.name for f in source.iterdir() if f.is_file())
            shown = [(name, self.page_of(posixpath.join(path, name))) for name in files]
            rows = "".join(f"- [{name}]({posixpath.relpath(page, path)})\n" for name, page in shown)
            self.write(readme, f"# {path}\n\n{rows}")
        elif source.suffix == ".md":
            text = source.read_text()
            change = lambda part: LINK.sub(lambda m: f"]({self.link(path, m.group(1))})", part)
            self.write(path, outside_code(text, change))
        elif source.suffix == ".svg":
            (self.out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, self.out / path)
        else:
            language = LANGUAGES.get(source.suffix, "text")
            self.write(path + ".md", f"# {path}\n\n````{language}\n{source.read_text()}````\n")

    def run(self):
        navigation = Path("mkdocs.yml").read_text()
        for page in [Path("README.md"), *sorted(Path("docs").rglob("*.md"))]:
            self.add(page.as_posix())
            if page.parent.name != "decisions" and f": {page.as_posix()}\n" not in navigation:
                self.faults.append(f"the navigation in mkdocs.yml lacks {page.as_posix()}")
        listed = Path("docs/reference.md").read_text()
        for header in sorted(Path("include").rglob("*.hpp")):
            if f"(../{header.as_posix()})" not in listed:
                self.faults.append(f"docs/reference.md lacks {header.as_posix()}")
        while self.waiting:
            self.lay(self.waiting.pop())
        for fault in self.faults:
            print(f"error: {fault}", file=sys.stderr)
        return 1 if self.faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(Site(sys.argv[1], sys.argv[2]).run())
