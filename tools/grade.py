"""Grades notebooks of one assignment, each in processes of its own, and writes scores, feedback and a summary.

python -m tools.grade NAME IN OUT          grade every notebook in IN: a folder, or a .zip as a system exports it
python -m tools.grade NAME --json FILE     grade one notebook, print the result

The same command goes on where it was stopped.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from . import assignments
from .grading import sandbox
from .grading.course import grade_folder, say
from .grading.judging import grade
from .grading.prepared import Limits, prepare


def _class_number(text):
    number = int(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text}: the number of a class is 0 or more, and below 2147483648")
    return number


_class_number.__name__ = "class number"  # argparse says: invalid class number value


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.grade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("source", nargs="?", metavar="IN", help="folder or .zip of notebooks")
    parser.add_argument("target", nargs="?", metavar="OUT", help="folder for what is written")
    parser.add_argument("--json", metavar="FILE", help="grade one notebook and print the result")
    parser.add_argument("--masters", default=assignments.MASTERS, help="a class's own folder in place of assignments/")
    parser.add_argument(
        "--class",
        dest="group",
        type=_class_number,
        help="number of the class: its inputs; drawn at random unless given",
    )
    parser.add_argument("--jobs", type=int, help="notebooks at once; one a core unless given")
    parser.add_argument("--memory", type=float, help=f"GiB that a notebook may use ({Limits.memory / 2**30:g})")
    parsed = parser.parse_args(arguments)
    walled = sandbox.available()
    if not walled:
        say(
            "bubblewrap is not here, or may not start processes: the notebooks run with limits of time, memory and "
            "processes, but could read and write your files"
        )
    given = {"memory": parsed.memory and int(parsed.memory * 2**30)}
    try:
        if parsed.json:
            print(json.dumps(grade_one(parsed, walled, given), indent=1))
            return 0
        if not (parsed.source and parsed.target):
            raise ValueError("give a folder of notebooks and a folder for the results, or --json FILE")
        results = grade_folder(
            parsed.name, parsed.source, parsed.target, parsed.group, parsed.masters, parsed.jobs, walled, **given
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say(f"stopped: what is graded stands in {parsed.target}; the same command goes on")
        return 130
    ungraded = [result.student for result in results if not result.graded]
    left_out = len((Path(parsed.target) / "left_out.txt").read_text(encoding="utf-8").splitlines())
    print(
        f"{len(results)} notebooks: {parsed.target}/grades.csv, feedback/, summary.png"
        + (f"; {left_out} files left out, see left_out.txt" if left_out else "")
        + (f"; NOT graded: {', '.join(ungraded)}" if ungraded else "")
    )
    return 1 if ungraded else 0


def grade_one(parsed, walled, given):
    """The result of one notebook, to be printed."""
    os.environ["UNET_TUTORIAL_CLASS"] = str(secrets.randbelow(10**9) if parsed.group is None else parsed.group)
    sandbox.adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        result = grade(parsed.json, prepare(parsed.name, folder, parsed.masters, **given), walled)
    return {
        "student": result.student,
        "points": result.points,
        "possible": result.possible,
        "graded": result.graded,
        "questions": [asdict(question) for question in result.questions],
        "went wrong": result.notes,
        "seconds": result.seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
