#!/usr/bin/env python3
"""Draws the pictures of the documentation, as SVG that is readable on light and dark pages.

    pictures.py [--check] DIR     writes them to DIR; --check: only fails if one there is another
"""
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

STYLE = """
svg { font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 14px; }
.page { fill: #ffffff; } .text { fill: #1c2430; font-size: 13px; } .name { fill: #1c2430; font-weight: 600; }
.note { fill: #4a5568; font-size: 12px; stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }
.box { fill: #eef2ff; stroke: #4f5fb5; } .good { fill: #e3f4e6; stroke: #2f855a; }
.bad { fill: #fdeaea; stroke: #b83232; }
.mild { fill: #f3f4f6; stroke: #6b7280; } .warm { fill: #fff4dc; stroke: #a86a12; }
.group { fill: none; stroke: #8a94a6; stroke-dasharray: 5 4; }
.line { fill: none; stroke: #4a5568; stroke-width: 1.6px; } .head { fill: #4a5568; } .seam { stroke: #a86a12; }
@media (prefers-color-scheme: dark) {
.page { fill: #1e2129; } .text { fill: #e6e9ef; } .name { fill: #ffffff; }
.note { fill: #b6bfcd; stroke: #1e2129; }
.box { fill: #2b3358; stroke: #98a6f0; } .good { fill: #1f3d2b; stroke: #74c48f; }
.bad { fill: #4a2424; stroke: #ee8f8f; }
.mild { fill: #2f343f; stroke: #97a1b2; } .warm { fill: #47371a; stroke: #e0ae5c; }
.group { stroke: #7d8798; } .line { stroke: #b6bfcd; } .head { fill: #b6bfcd; } .seam { stroke: #e0ae5c; }
}
""".strip()


class Picture:
    def __init__(self, width, height, title, text):
        self.size, self.title, self.text, self.parts = (width, height), title, text, []

    def label(self, x, y, text, kind="note", anchor="middle"):
        """`text` has a line for each line break; y is the middle of the whole."""
        lines = text.split("\n")
        step = 16 if kind == "note" else 18
        for n, line in enumerate(lines):
            at = y + 5 + (n - (len(lines) - 1) / 2) * step
            self.parts += [f'<text class="{kind}" x="{x}" y="{at:g}" text-anchor="{anchor}"', f">{escape(line)}</text>"]

    def box(self, x, y, width, height, name, text="", kind="box"):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>')
        middle = y + height / 2
        if text:
            lines = text.count("\n") + 1
            self.label(x + width / 2, middle - 9 * lines, name, "name")
            self.label(x + width / 2, middle + 9, text, "text")
        else:
            self.label(x + width / 2, middle, name, "name")

    def group(self, x, y, width, height, text, below=False):
        self.parts.append(f'<rect class="group" x="{x}" y="{y}" width="{width}" height="{height}" rx="12"/>')
        self.label(x + 12, y + height + 12 if below else y - 12, text, "note", "start")

    def arrow(self, *points, both=False, kind="line"):
        """Along the points, straight from each to the next."""
        way = "M" + " L".join(f"{x} {y}" for x, y in points)
        start = ' marker-start="url(#back)"' if both else ""
        self.parts.append(f'<path class="{kind}" d="{way}" marker-end="url(#head)"{start}/>')

    def line(self, *points, kind="line"):
        self.parts.append(f'<path class="{kind}" d="M{" L".join(f"{x} {y}" for x, y in points)}"/>')

    @staticmethod
    def marker(name, at, shape):
        return (f'<marker id="{name}" viewBox="0 0 10 10" refX="{at}" refY="5" markerWidth="8" markerHeight="8"',
                f' markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="{shape}"/></marker>')

    def svg(self):
        width, height = self.size
        return "\n".join([
            '<svg xmlns="http://www.w3.org/2000/svg"',
            f' viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.text)}</desc>",
            f"<style>\n{STYLE}\n</style>",
            *self.marker("head", 9, "M0 0 L10 5 L0 10 z"),
            *self.marker("back", 1, "M10 0 L0 5 L10 10 z"),
            f'<rect class="page" width="{width}" height="{height}" rx="12"/>',
            *self.parts, "</svg>", ""])


def states():
    names = re.findall(r"^  (\w+) = [1-9],", Path("include/sqlq/job.hpp").read_text().split("enum class JobState")[1]
                       .split("};")[0], re.MULTILINE)
    drawn = {"scheduled": (150, 60, "mild"), "pending": (150, 190, "box"), "waiting": (150, 320, "mild"),
             "running": (440, 190, "warm"), "cancelling": (440, 320, "warm"),
             "success": (770, 60, "good"), "errored": (770, 190, "bad"), "cancelled": (770, 320, "mild")}
    if sorted(names) != sorted(drawn):
        sys.exit(f"error: the states of include/sqlq/job.hpp are {names}: draw them")
    p = Picture(940, 480, "The states of a job", "What each state is followed by, and why.")
    p.group(130, 40, 180, 350, "not started")
    p.group(420, 170, 180, 220, "held: a worker has the lease", below=True)
    p.group(750, 40, 170, 350, "finished: kept for a while")
    for name, (x, y, kind) in drawn.items():
        p.box(x, y, 140 if x < 700 else 130, 50, name, kind=kind)
    p.arrow((20, 215), (150, 215))
    p.label(70, 200, "enqueue")
    p.arrow((20, 85), (150, 85))
    p.label(70, 62, "enqueue\nwith a delay")
    p.arrow((220, 110), (220, 190))
    p.label(220, 150, "due")
    p.arrow((220, 320), (220, 240))
    p.label(220, 280, "its key has room")
    p.arrow((20, 345), (150, 345))
    p.label(70, 322, "enqueue\nwith a key")
    p.arrow((290, 205), (440, 205))
    p.label(365, 192, "claim")
    p.arrow((440, 228), (290, 228))
    p.label(365, 250, "given back,\nlease ended")
    p.arrow((490, 190), (490, 85), (290, 85))
    p.label(400, 72, "failed, attempts left; snooze")
    p.arrow((545, 190), (545, 85), (770, 85))
    p.label(655, 72, "handler returned")
    p.arrow((580, 215), (770, 215))
    p.label(678, 191, "failed, no attempts left;\ndiscard; max_crashes")
    p.arrow((510, 240), (510, 320))
    p.label(510, 280, "cancel")
    p.arrow((580, 345), (770, 345))
    p.label(678, 321, "handler returned,\nlease ended")
    p.arrow((220, 390), (220, 430), (835, 430), (835, 370))
    p.label(330, 418, "cancel, before it has started")
    p.label(470, 457, "An operator can requeue what has finished: it is pending again.", "text")
    return p


def threads():
    p = Picture(940, 540, "The threads of a worker",
                "The fetcher claims jobs, executors run handlers, the completer writes outcomes; services do the rest.")
    p.box(20, 40, 130, 470, "database", "", "mild")
    p.group(210, 40, 710, 470, "one worker: threads in your process")
    p.box(240, 90, 190, 60, "fetcher", "claims jobs")
    p.box(240, 200, 190, 60, "completer", "writes outcomes")
    p.box(560, 90, 330, 170, "executors, one a slot", "your handlers run here,\none job each", "warm")
    p.arrow((150, 120), (240, 120))
    p.label(195, 106, "jobs")
    p.arrow((240, 230), (150, 230))
    p.label(195, 216, "outcomes")
    p.arrow((430, 120), (560, 120))
    p.label(495, 106, "for free slots")
    p.arrow((560, 230), (430, 230))
    p.label(495, 216, "ends of jobs")
    services = {"heartbeat": "renews leases", "watchdog": "stops what\nruns too long",
                "rescue": "takes back jobs\nof the dead", "retention": "deletes\nold jobs",
                "log shipper": "sends lines", "schedules": "fires ticks", "inbox": "takes in plain\nINSERTs",
                "gates": "lets in jobs\nwith keys", "follow-ups": "wakes parents", "presence": "tells others\nit is there",
                "maintenance": "says why\nit takes no jobs"}
    names = re.compile(r'name\(\) const noexcept override \{ return "([^"]+)"')
    known = sorted(name for file in Path("src/worker").glob("*.hpp") for name in names.findall(file.read_text()))
    if known != sorted(["fetcher", "completer", *services]):
        sys.exit(f"error: the services of src/worker are {known}: draw them")
    for n, (name, text) in enumerate(services.items()):
        p.box(226 + 114 * (n % 6), 300 + 80 * (n // 6), 108, 68, name, text)
    p.arrow((226, 334), (150, 334), both=True)
    p.arrow((226, 414), (150, 414), both=True)
    p.box(796, 380, 108, 68, "callbacks", "on_event,\nstop callbacks", "warm")
    p.label(565, 480, "Heartbeat and watchdog wait for none of your code and for no row that is locked.", "text")
    return p


def seam():
    p = Picture(940, 600, "The seam between the core and the databases",
                "Programs use public headers; the core says all it wants through Dialect; backends implement it.")
    p.box(40, 40, 560, 60, "your program, the program sqlq", "Client, Worker, Handlers, Admin: public headers",
          "warm")
    p.box(40, 150, 560, 60, "core", "what a queue means: no SQL, no database's name")
    p.line((20, 260), (920, 260), kind="line seam")
    p.label(770, 245, "the seam: sqlq::backend::Dialect")
    p.label(770, 275, "values in, values out")
    p.box(40, 300, 400, 60, "src/sql", "what SQL backends share, written once")
    for n, (name, text) in enumerate([("SQLite", "files"), ("PostgreSQL", "libpq"), ("MySQL", "MariaDB too")]):
        p.box(40 + 140 * n, 410, 120, 60, name, text)
        p.box(40 + 140 * n, 520, 120, 50, "database", kind="mild")
        p.arrow((100 + 140 * n, 360), (100 + 140 * n, 410))
        p.arrow((100 + 140 * n, 470), (100 + 140 * n, 520))
    p.box(460, 410, 140, 60, "memory", "for tests")
    p.box(620, 410, 140, 60, "yours", "one class", "good")
    p.arrow((320, 100), (320, 150))
    p.arrow((240, 210), (240, 300))
    p.arrow((530, 210), (530, 410))
    p.arrow((570, 210), (570, 385), (690, 385), (690, 410))
    p.box(660, 30, 240, 80, "conformance suite", "the specification, as tests:\nevery backend passes it", "good")
    p.arrow((660, 70), (600, 70))
    p.label(780, 138, "uses public headers only,\nreads capabilities, knows no names")
    return p


def main(arguments):
    check = arguments[:1] == ["--check"]
    folder = Path(arguments[-1])
    wrong = []
    for name, draw in {"states": states, "threads": threads, "seam": seam}.items():
        file, text = folder / f"{name}.svg", draw().svg()
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            wrong.append(str(file))
    for file in wrong:
        print(f"error: {file} is not what tools/site/pictures.py draws; run it: tools/site/pictures.py {folder}",
              file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or (len(sys.argv) == 3 and sys.argv[1] != "--check"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
