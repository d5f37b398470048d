#!/usr/bin/env python3
"""Takes files of source out of the search of a built site, and writes the index as a script beside it (search.js).

    search_index.py DIR
"""
import json
import re
import sys
from pathlib import Path

SOURCE = re.compile(r"\.[a-z]+\.html(#|$)|^(tests|schema|examples)/.*index\.html")

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    file = Path(sys.argv[1]) / "search" / "search_index.json"
    index = json.loads(file.read_text())
    index["docs"] = [entry for entry in index["docs"] if not SOURCE.search(entry["location"])]
    text = json.dumps(index)
    file.write_text(text)
    file.with_suffix(".js").write_text(f"window.searchIndex = {text};\n")
