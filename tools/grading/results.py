"""What a notebook got, and the ledger in which it is kept."""

import contextlib
import json
import secrets
from dataclasses import asdict, dataclass, field

from . import scoring
from .inside import wire


@dataclass
class Result:
    """What a submission got: a `scoring.Question` for each question, and what went wrong on the way.

    `notes` are for the instructor, `told` for the student. Where it is not `graded`, no points count.
    """

    student: str
    id: str = ""
    system: str = ""
    file: str = ""
    late: bool = False
    questions: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    told: list = field(default_factory=list)
    graded: bool = True
    seconds: float = 0.0

    @property
    def points(self):
        return sum(question.points for question in self.questions)

    @property
    def possible(self):
        return sum(question.possible for question in self.questions)

    def fail(self, why):
        """Say that this notebook is not graded, and why."""
        self.graded = False
        self.notes.insert(0, f"NOT GRADED: {wire.clean(why, 400)}")


def result_of(entry):
    """A Result from what `asdict` made of it."""
    questions = [
        scoring.Question(**one | {"faults": [scoring.Fault(**fault) for fault in one["faults"]]})
        for one in entry["questions"]
    ]
    return Result(**entry | {"questions": questions})


class Ledger:
    """What is graded, kept in OUT line by line, so that nothing is lost and the same command goes on."""

    def __init__(self, target, settings):
        self.path, self.kept = target / "results.jsonl", {}
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        if lines:
            before = json.loads(lines[0])
            settings = settings | {"class": before.get("class") if settings["class"] is None else settings["class"]}
            if before != settings:
                raise ValueError(
                    f"OUT {target}: holds another grading, of {before.get('name')} with CLASS={before.get('class')}, "
                    "or the master has changed since; give another folder"
                )
            for line in lines[1:]:
                with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line may be cut off
                    entry = json.loads(line)
                    if entry["result"]["graded"]:
                        self.kept[entry["key"]] = result_of(entry["result"])
        self.settings = settings | {
            "class": settings["class"] if settings["class"] is not None else secrets.randbelow(10**9)
        }
        self.fresh = not lines

    @contextlib.contextmanager
    def open(self):
        """Write, as long as this goes on; the first line says what is graded."""
        with open(self.path, "a", encoding="utf-8") as self.file:
            if self.fresh:
                self.file.write(json.dumps(self.settings) + "\n")
                self.file.flush()
            yield

    def add(self, key, result):
        """Keep one more."""
        self.file.write(json.dumps({"key": key, "result": asdict(result)}) + "\n")
        self.file.flush()
