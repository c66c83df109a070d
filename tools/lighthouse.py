"""Lighthouse's scores of built pages, desktop, from a server that compresses; a report for people, not a test.

    make book && python -m tools.lighthouse [PAGE ...] [--reports FOLDER]

Needs npm and Chromium. Each page is loaded three times; the middle run, by performance, is shown.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .browser import Quiet, chromium, serving
from .notebooks import ROOT

HTML = ROOT / "_build" / "html"
LIGHTHOUSE = "lighthouse@12.8.2"
PAGES = ("book/index.html", "book/expanding_path.html", "book/results.html")
RUNS = 3
KINDS = {"performance": 95, "accessibility": 100, "best-practices": 95, "seo": 95}
TIMES = {
    "first-contentful-paint": "first paint",
    "largest-contentful-paint": "largest paint",
    "total-blocking-time": "blocked",
    "cumulative-layout-shift": "shift",
    "total-byte-weight": "bytes",
}
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"


class Compressing(Quiet):
    """Serves files as hosts of static pages do: text in gzip, everything kept by the browser for ten minutes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            return self.send_error(404)
        content, kind = path.read_bytes(), self.guess_type(str(path))
        packed = kind.startswith("text/") or kind.split("/")[-1] in ("javascript", "json", "svg+xml", "wasm")
        content = gzip.compress(content, 6) if packed else content
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)


def report(address, folder):
    """What Lighthouse says of one load of a page."""
    target = Path(folder) / "report.json"
    subprocess.run(
        [
            "npx",
            "--yes",
            LIGHTHOUSE,
            address,
            "--preset=desktop",
            "--quiet",
            f"--chrome-flags={FLAGS}",
            "--output=json",
            f"--output-path={target}",
        ],
        check=True,
        env={**os.environ, "CHROME_PATH": chromium()},
    )
    return json.loads(target.read_text())


def failures(report):
    """Title of each audit that costs a score, with the elements it names."""
    audits = {
        reference["id"]
        for kind in KINDS
        for reference in report["categories"][kind]["auditRefs"]
        if reference["weight"]
    }
    for name in sorted(audits):
        audit = report["audits"][name]
        if audit["score"] is not None and audit["score"] < 0.9:
            items = [
                item.get("node", {}).get("snippet") or item.get("url") or item.get("description") or ""
                for item in audit.get("details", {}).get("items", [])
            ]
            shown = "; ".join(map(str, filter(None, items[:4])))
            yield f"{audit['title']} {audit.get('displayValue', '')} {shown}".strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", default=PAGES)
    parser.add_argument("--reports", type=Path, help="folder for the middle report of each page, as JSON")
    arguments = parser.parse_args()
    lacking = [
        what
        for what, there in (
            ("npx, of Node.js", shutil.which("npx")),
            ("Chromium", chromium()),
            ("the book; make it with make book", (HTML / "book").is_dir()),
        )
        if not there
    ]
    unknown = [page for page in arguments.pages if not (HTML / page).is_file()] if not lacking else []
    if lacking or unknown:
        sys.exit(f"error: there is no {' and no '.join(lacking or unknown)}")
    with serving(HTML, Compressing) as site:
        examine(site, arguments)


def examine(site, arguments):
    """Print the table of the pages and what costs them; exit with the scores that are too low."""
    print(f"{LIGHTHOUSE}, desktop, middle of {RUNS} runs")
    print("| page | " + " | ".join([*KINDS, *TIMES.values()]) + " |\n|---|" + "---:|" * (len(KINDS) + len(TIMES)))
    low, notes = [], []
    for page in arguments.pages:
        with tempfile.TemporaryDirectory() as folder:
            runs = [report(f"{site}/{page}", folder) for _ in range(RUNS)]
        middle = sorted(runs, key=lambda run: run["categories"]["performance"]["score"])[RUNS // 2]
        scores = {kind: round(100 * middle["categories"][kind]["score"]) for kind in KINDS}
        times = [middle["audits"][name]["displayValue"].replace("Total size was ", "") for name in TIMES]
        print(f"| {page} | " + " | ".join([*map(str, scores.values()), *times]) + " |", flush=True)
        low += [
            f"{page}: {kind} {scores[kind]}, wanted {wanted}" for kind, wanted in KINDS.items() if scores[kind] < wanted
        ]
        notes += [f"{page}: {line}" for line in failures(middle)]
        if arguments.reports:
            arguments.reports.mkdir(parents=True, exist_ok=True)
            (arguments.reports / f"{Path(page).stem}.json").write_text(json.dumps(middle))
    print("\n".join(notes))
    sys.exit("\n".join(["too low:", *low]) if low else 0)


if __name__ == "__main__":
    main()
