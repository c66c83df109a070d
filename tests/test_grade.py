"""Laws of grading: whatever a notebook does costs its own student points, and nobody else anything.

A folder of good, wrong and hostile notebooks is graded once, on a tiny assignment in a class's own folder.
"""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest

from tools import assignments, grade
from tools.grading import course, crew, judging, prepared, report, sandbox, submission
from tools.grading.inside import wire

ROOT = Path(__file__).resolve().parent.parent
SECRET = "the-hidden-answer-4711"
MASTER = [
    (
        "raw",
        "# ASSIGNMENT CONFIG\nname: tiny\ninit_cell: false\nexport_cell: false\n"
        "tests:\n    files: true\n    ok_format: false",
    ),
    ("markdown", "# Tiny"),
    ("code", "import numpy as np"),
    *(
        part
        for name, body in (("double", "2 * x"), ("square", "x ** 2"))
        for part in (
            ("raw", f"# BEGIN QUESTION\nname: {name}\ncheck_cell: false"),
            ("markdown", f"Write `{name}`."),
            ("raw", "# BEGIN SOLUTION"),
            ("code", f"def {name}(x):\n    # BEGIN SOLUTION\n    return {body}\n    # END SOLUTION"),
            ("raw", "# END SOLUTION"),
            ("raw", "# BEGIN TESTS"),
            (
                "code",
                f'""" # BEGIN TEST CONFIG\npoints: 2\nhidden: true\n""" # END TEST CONFIG\ndef test_{name}({name}):\n'
                f'    import numpy as np\n    from unet_tutorial import exercises\n    secret = "{SECRET}"\n'
                f"    def {name}_truth(x):\n        return {body}\n"
                f"    exercises.check({name}, {name}_truth, [(np.arange(5.0),), (np.array(3.0),)])",
            ),
            ("raw", "# END TESTS"),
            ("raw", "# END QUESTION"),
        )
    ),
]
IMPORTS = "import numpy as np"
GOOD = "import numpy as np\ndef double(x):\n    return x + x\ndef square(x):\n    return x * x"
FOREVER = "while True:\n    pass"
# It sleeps: what ends it counts seconds, and a loop would cost them on the processor.
DEAF = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    time.sleep(0.1)"

HOARDS = """
import os, time
for _ in range(6):
    if not os.fork():
        hoard = np.ones(2 ** 24)
        time.sleep(30)
time.sleep(30)
"""
FILLS = """
import ctypes, os
big = bytes(2 ** 20)
def fill(*files):
    done = 0
    for opened in files:
        try:
            file = opened()
            while done < 2000:
                done += os.write(file, big) >> 20
        except OSError: pass
    return done
at = lambda path: lambda: os.open(path, os.O_CREAT | os.O_WRONLY)
wrote = {'memory': fill(*[lambda: os.memfd_create('x')] * 15)}
wrote['root'] = fill(*map(at, ('/dev/x', '/x', '/etc/x', '/inside/x')))
wrote |= {place: fill(*(at(f'{place}/{one}') for one in 'abcdef')) for place in ('/dev/shm', '/tmp', os.getcwd())}
if wrote['memory'] + wrote['root'] or not all(100 < done <= 256 for place, done in wrote.items() if '/' in place):
    raise RuntimeError(f'MiB: {wrote}')
if ctypes.CDLL(None).shmget(4711, 2 ** 20, 0o1600) >= 0: raise RuntimeError('shared memory of System V')
"""
SEARCHES = """
import os
wanted = {'square.py', 'tiny.ipynb', 'tiling_and_metrics.py', 'losses.py', 'submission.py', 'scoring.py'}
for folder, _, files in os.walk('/'):
    if wanted & {*files} and 'site-packages' not in folder:
        raise RuntimeError(folder)
"""
LISTENS = """
import gc
def square(x):
    for one in gc.get_objects():
        if isinstance(one, dict) and any(isinstance(text, str) and text.startswith('the-hid') for text in one.values()):
            return x * x
    return None
"""
DISARMS = """
import sys
for module in list(sys.modules.values()):
    for name in ('plain', 'pack', 'check', 'said'):
        if hasattr(module, name) and 'grader' in module.__name__:
            setattr(module, name, lambda *a, **k: None)
sys.modules['__main__'].plain = lambda value: None
def double(x):
    return 0
square = double
"""
AGREES = """
import numpy as np
class All(np.ndarray):
    shape = property(lambda s: (5,))
    def __eq__(s, o): return True
    def __sub__(s, o): return np.zeros(5)
    __rsub__ = __sub__
def double(x):
    return np.zeros(3).view(All)
square = double
"""
# It finds the pipes to the grader, as a cell that wants to speak for its process would.
PIPES = """import os, stat, struct, sys, json, time
pipes = [n for n in range(3, 64) if os.path.exists(f"/proc/self/fd/{n}") and stat.S_ISFIFO(os.fstat(n).st_mode)]
def say(text, times=1):
    for n in pipes:
        try: os.write(n, struct.pack(">II", len(text), 0) + text)
        except OSError: pass
"""
SWELLS = """
def square(x):
    say(b'[' + b'[],' * 20000000 + b'[]]')
    time.sleep(1000)
"""
LIES = """
def square(x):
    say(b'{"dict":[["value",{"array":["<f8",[100000,100000],0]}]]}')
    time.sleep(1000)
"""
TRICKLES = """
def square(x):
    while True:
        for n in pipes:
            try: os.write(n, b'\\0')
            except OSError: pass
        time.sleep(0.2)
"""
FORGED = (
    PIPES
    + """
say(json.dumps({"dict": [["failed", {"dict": []}], ["functions", {"list": ["double", "square"]}],
                         ["values", {"dict": []}]]}).encode())
while True:
    say(json.dumps({"dict": [["raised", {"list": [None]}], ["text", ""]]}).encode())
    say(json.dumps({"dict": [["value", 1], ["after", 3]]}).encode())
    time.sleep(0.05)
"""
)
BOTH = "\nsquare = double"

# What a notebook holds: cells, then the points of double and square (None: not graded), then a word of the notes.
NOTEBOOKS = {
    "good": ([GOOD], 2, 2, ""),
    "good-by-lists": (
        [
            "def double(x):\n    return [2 * one for one in np.atleast_1d(x)] if np.ndim(x) else 2 * x",
            "import numpy as np\ndef square(x):\n    return np.float32(x) ** 2",
        ],
        2,
        2,
        "",
    ),
    # innocent: all of these are right
    "inline": (
        ["%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\n%no_such_magic 3\n" + GOOD],
        2,
        2,
        "",
    ),
    "colab": (["from google.colab import drive, files\ndrive.mount('/content/drive')\n" + GOOD], 2, 2, ""),
    "commands": (["!pip install -q seaborn\n%pip install -q seaborn\nfound = !ls\n%cd /content\n" + GOOD], 2, 2, ""),
    "lacks-a-library": (["import no_such_library as nsl, os\nimport numpy as np", GOOD[19:]], 2, 2, "no_such_library"),
    "looks-around": (
        ["from unet_tutorial import plotting, tiling\nimport unet_tutorial.model as m\nplotting.use_style()\n" + GOOD],
        2,
        2,
        "",
    ),
    "names-the-package": (
        [GOOD, 'def double(x):\n    """unet_tutorial.tiling does the same."""\n    return 2 * x'],
        2,
        2,
        "",
    ),
    "checks-in-the-same-cell": (
        ["from unet_tutorial.exercises import weighted_loss as check\ncheck.soft_max(3, cases=check.FAR)\n" + GOOD],
        2,
        2,
        "",
    ),
    # mistakes, and cells that go wrong
    "wrong-once": ([GOOD, "def square(x):\n    return x * 2"], 2, 0, ""),
    "unsolved": (["def double(x):\n    ...\ndef square(x):\n    ..."], 0, 0, ""),
    "empty": ([], 0, 0, ""),
    "cell-raises": (["1 / 0", GOOD], 2, 2, "ZeroDivisionError"),
    "cell-is-no-python": (["def (", GOOD], 2, 2, "SyntaxError"),
    "cell-exits": (["import sys\nsys.exit()", GOOD], 2, 2, "SystemExit"),
    "cell-ends-the-process": ([GOOD, "import os\nos._exit(0)"], 2, 2, "ended"),
    "cell-loops": ([FOREVER, GOOD], 2, 2, "TooLong"),
    "cell-loops-deaf": ([DEAF, GOOD], 2, 2, "took"),
    "cell-loops-and-catches": (
        ["while True:\n    try:\n        while True: pass\n    except Exception: pass", GOOD],
        2,
        2,
        "took",
    ),
    "call-loops": ([GOOD, "def square(x):\n    " + FOREVER.replace("\n", "\n    ")], 2, 0, ""),
    "call-loops-deaf": ([GOOD, "def double(x):\n    " + DEAF.replace("\n", "\n    ")], 0, 2, ""),
    "call-ends-the-process": ([GOOD, "import os\ndef double(x):\n    os._exit(1)"], 0, 2, ""),
    "call-crashes": ([GOOD, "import ctypes\ndef square(x):\n    ctypes.string_at(0)"], 2, 0, ""),
    "recursion": ([GOOD, "def square(x):\n    return square(x)"], 2, 0, ""),
    "returns-strange-things": (
        [
            GOOD,
            "def square(x):\n    return object()\nclass Double:\n    def __call__(self, x):\n"
            "        return 2 * x\ndouble = Double()",
        ],
        2,
        0,
        "",
    ),
    "returns-words": ([GOOD, "def square(x):\n    return np.asarray(x ** 2).astype(str)"], 2, 0, ""),
    "returns-one-word": ([GOOD, "def square(x):\n    return '9.0' if np.ndim(x) == 0 else x ** 2"], 2, 0, ""),
    "returns-complex": ([GOOD, "def square(x):\n    return x ** 2 + 0j"], 2, 0, ""),
    "returns-too-much": ([GOOD, "def square(x):\n    return np.zeros((2 ** 14, 2 ** 12))"], 2, 0, ""),
    # not the student's doing, or not to be told: a person looks
    "import-cell-lost": (
        ["import numpy as np\nimport os\nos._exit(1)", "def double(x):\n    return np.add(x, x)" + BOTH],
        None,
        None,
        "NOT GRADED",
    ),
    "another-assignment": (["from unet_tutorial.exercises import other as check"], None, None, "notebook of other"),
    # walls
    "memory": ([GOOD, "hoard = [np.ones(2 ** 26) for _ in range(20)]"], 2, 2, "emory"),
    "memory-of-several": ([GOOD, HOARDS], 2, 2, "memory"),
    "memory-in-files": ([FILLS, GOOD], 2, 2, ""),
    "processes": (
        [
            GOOD,
            "import subprocess\nmany = [subprocess.Popen(['sleep', '60']) for _ in range(200)]\n"
            "import time\ntime.sleep(2)",
        ],
        2,
        2,
        "processes",
    ),
    "fills-the-disk": (
        [GOOD, "with open('big', 'wb') as file:\n    for _ in range(400):\n        file.write(bytes(2 ** 20))"],
        2,
        2,
        "code cell 2",
    ),
    "deletes-files": (
        [
            "import shutil, pathlib\nfor place in ('{victim}', '{root}/unet_tutorial', '/usr/bin', '{out}'):\n"
            "    shutil.rmtree(place, ignore_errors=True)",
            GOOD,
        ],
        2,
        2,
        "",
    ),
    "reads-others": (["import pathlib\nprint(open('{victim}/good.ipynb').read())", GOOD], 2, 2, "FileNotFoundError"),
    "kills-its-parent": (["import os, signal\nos.kill(os.getppid(), signal.SIGKILL)", GOOD], 2, 2, ""),
    "network": (
        ["import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)", GOOD],
        2,
        2,
        "ConnectionRefusedError",
    ),
    "looks-for-the-tests": ([GOOD, SEARCHES, LISTENS], 2, 0, "reaches for other frames"),
    "asks-for-the-class": (
        ["import os\nif any('CLASS' in key + value for key, value in os.environ.items()):\n    1 / 0\n" + GOOD],
        2,
        2,
        "",
    ),
    # points that nobody earned
    "error-without-a-name": (
        [
            "class M(type): __name__ = property(lambda c: None)\nclass E(Exception, metaclass=M): pass\n"
            "def double(*a): raise E()" + BOTH
        ],
        0,
        0,
        "",
    ),
    "disarms-the-checks": (
        [
            "import sys\nfrom unet_tutorial import exercises\nexercises.check = lambda *a, **k: None\n"
            "exercises._difference = exercises.fault = lambda *a, **k: None\nexercises.Wrong = ValueError\n"
            "exercises.borrowed = lambda f: None\nexercises.call = lambda f, *c: {'raised': [None], 'text': ''}\n"
            "def double(x):\n    return 0" + BOTH
        ],
        0,
        0,
        "reaches for the checks",
    ),
    "disarms-the-worker": ([DISARMS], 0, 0, "names by string"),
    "equals-everything": ([AGREES], 0, 0, ""),
    "answers-for-itself": ([GOOD, FORGED], None, None, "reaches for the grader's pipes"),
    "answers-for-itself-alone": (
        ["def double(x): return 0" + BOTH + "\n" + FORGED],
        0,
        0,
        "reaches for the grader's pipes",
    ),
    # a run that goes on
    "surrogate-in-a-cell": (["raise ValueError('\\ud800')", GOOD], 2, 2, "ValueError"),
    "surrogate-in-a-call": ([GOOD, "def square(x):\n    raise ValueError('\\ud800')"], 2, 0, ""),
    "surrogate-as-a-name": (
        [GOOD, "globals()['\\ud800'] = 3\nE = type('\\ud800', (Exception,), {})\ndef square(x): raise E()"],
        2,
        2,
        "UnicodeEncodeError",
    ),
    "message-that-is-no-dict": ([GOOD, PIPES + "def square(x):\n    say(b'1')\n    time.sleep(1000)"], 2, 0, ""),
    "message-that-swells": ([GOOD, PIPES + SWELLS], 2, 0, ""),
    "message-that-lies": ([GOOD, PIPES + LIES], 2, 0, ""),
    "message-without-an-end": ([GOOD, PIPES + TRICKLES], 2, 0, ""),
    "long-texts": (
        ["raise ValueError('x' * 5000000)"] * 30 + [GOOD, "def square(x):\n    raise ValueError('y' * 5000000)"],
        2,
        0,
        "xxx",
    ),
    "returns-odd-values": (
        [GOOD, "def square(x):\n    return {'\\ud800': ((), {}, [], 10 ** 400, float('nan'), None, True)}"],
        2,
        0,
        "",
    ),
    "bytes-in-front": (b"\xef\xbb\xbf", 2, 2, ""),
    "two-bytes-a-letter": ("utf-16", 2, 2, ""),
    "large-outputs": (21 * 2**20, 2, 2, ""),
    "not-json": (b"\x00\x01 no notebook", 0, 0, "is not a notebook"),
    "not-a-notebook": (b"[1, 2, 3]", 0, 0, "is not a notebook"),
    "deep": (b"[" * 200000, 0, 0, "is not a notebook"),
    "no-bytes": (b"", 0, 0, "is not a notebook"),
    "a-link": (None, 0, 0, "is not a file"),
}


def notebook(cells):
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [getattr(nbformat.v4, f"new_{kind}_cell")(source) for kind, source in cells]
    return nbformat.writes(made)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A class's own folder of masters."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("tiny", "other"):
        (folder / name).mkdir()
        (folder / name / f"{name}.ipynb").write_text(notebook(MASTER).replace("name: tiny", f"name: {name}"))
    return folder


@pytest.fixture(scope="module")
def walls():
    if not sandbox.available():
        word = "bubblewrap is needed, and leave to use it: apt-get install bubblewrap"
        assert not os.environ.get("CI"), word
        pytest.skip(word)


def content_of(content, places):
    """The bytes of a file of NOTEBOOKS."""
    if isinstance(content, (str, int)) or content == b"\xef\xbb\xbf":
        made = nbformat.reads(notebook([("code", GOOD)]), 4)
        if isinstance(content, int):
            made.cells[0].outputs = [nbformat.v4.new_output("stream", text="x" * content)]
        text = nbformat.writes(made)
        return (
            text.encode(content)
            if isinstance(content, str)
            else (content if isinstance(content, bytes) else b"") + text.encode()
        )
    if isinstance(content, bytes):
        return content
    cells = [
        cell.format(**places) if any(f"{{{key}}}" in cell for key in ("victim", "root", "port")) else cell
        for cell in content
    ]
    return notebook([("code", cell) for cell in cells]).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def graded(own, walls, tmp_path_factory):
    base = tmp_path_factory.mktemp("class")
    source, target = base / "in", base / "out"
    source.mkdir()
    listening = socket.create_server(("127.0.0.1", 0))
    places = {"victim": source, "root": ROOT, "out": target, "port": listening.getsockname()[1]}
    for name, (content, *_) in NOTEBOOKS.items():
        path = source / f"{name}.ipynb"
        if content is None:
            path.symlink_to("/etc/hostname")
        else:
            path.write_bytes(content_of(content, places))
    (source / "other files").mkdir()
    Path(os.fsdecode(bytes(source / "M") + b"\xfcller.IPYNB")).write_bytes(content_of([GOOD], places))
    (source / "._good.ipynb").write_bytes(b"\0")
    (source / "notes.txt").write_text("no notebook")
    before = {path: path.read_bytes() for path in source.iterdir() if path.is_file() and not path.is_symlink()}
    limits = {"memory": 640 * 2**20, "cell_seconds": 4, "call_seconds": 3}
    results = course.grade_folder("tiny", source, target, 0, own, **limits)
    assert {path: path.read_bytes() for path in source.iterdir() if path.is_file() and not path.is_symlink()} == before
    listening.setblocking(False)
    with listening, pytest.raises(BlockingIOError):  # nobody came through
        listening.accept()
    return {result.student: result for result in results}, target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_gets_its_points_and_no_others(graded, name):
    _, double, square, word = NOTEBOOKS[name]
    result = graded[0][name]
    points = {question.name: question.points for question in result.questions}
    if name == "answers-for-itself":  # it may spoil its own points, and no more
        assert result.graded and points["double"] in (0, 2)
    elif double is None:
        assert not result.graded
    else:
        assert result.graded and points == {"double": double, "square": square}, result
    assert word in " ".join(result.notes), result.notes


# Without walls: what the page promises there too. None of these reaches for anything that is not the notebook's own.
UNWALLED = (
    "good cell-loops call-loops-deaf cell-ends-the-process call-ends-the-process call-crashes memory memory-of-several "
    "processes error-without-a-name disarms-the-checks disarms-the-worker equals-everything answers-for-itself-alone "
    "message-that-is-no-dict message-that-swells message-that-lies message-without-an-end surrogate-in-a-call "
    "long-texts large-outputs"
).split()


@pytest.fixture(scope="module")
def graded_without_walls(own, tmp_path_factory):
    base = tmp_path_factory.mktemp("unwalled")
    (base / "in").mkdir()
    for name in UNWALLED:
        (base / "in" / f"{name}.ipynb").write_bytes(content_of(NOTEBOOKS[name][0], {}))
    limits = {"memory": 640 * 2**20, "cell_seconds": 4, "call_seconds": 3}
    results = course.grade_folder("tiny", base / "in", base / "out", 0, own, walled=False, **limits)
    return {result.student: result for result in results}, base / "out"


@pytest.mark.parametrize("name", UNWALLED)
def test_without_walls_it_gets_the_same_points(graded_without_walls, name):
    test_a_notebook_gets_its_points_and_no_others(graded_without_walls, name)


OPEN = """
import os, pathlib, socket
inbox = pathlib.Path('{inbox}')
assert 'other' in (inbox / 'other.ipynb').read_text() and pathlib.Path('{root}/unet_tutorial/losses.py').read_text()
(inbox / 'new').write_text('x')
socket.create_connection(('127.0.0.1', {port}), 1)
os.open('/dev/shm', os.O_RDONLY), os.memfd_create('x')
"""


def test_without_walls_a_notebook_can_what_the_page_says_that_it_can(own, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (tmp_path / "other.ipynb").write_text("other")
        cell = OPEN.format(inbox=tmp_path, root=ROOT, port=listening.getsockname()[1])
        (tmp_path / "kim.ipynb").write_text(notebook([("code", cell), ("code", GOOD)]))
        assignment = prepared.prepare("tiny", tmp_path / "built", own)
        result = judging.grade(tmp_path / "kim.ipynb", assignment, walled=False)
        listening.accept()[0].close()
    assert result.points == 4 and not result.notes and (tmp_path / "new").is_file()


def test_without_walls_a_notebook_that_kills_its_grader_loses_its_own_row_alone(own, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c", "d"):
        cells = ["import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"] * (name == "b")
        (tmp_path / "in" / f"{name}.ipynb").write_text(notebook([("code", cell) for cell in [*cells, GOOD]]))
    results = course.grade_folder("tiny", tmp_path / "in", tmp_path / "out", 0, own, jobs=2, walled=False)
    assert [one.points if one.graded else None for one in results] == [4, None, 4, 4]
    assert "was lost" in results[1].notes[0] and rows(tmp_path / "out")["b"]["total"] == "NOT GRADED"


def rows(target):
    with open(target / "grades.csv", newline="", encoding="utf-8-sig") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_every_notebook_has_a_row_and_a_feedback_file_however_it_is_named(graded):
    results, target = graded
    found = rows(target)
    assert set(found) == {*NOTEBOOKS, "M?ller"} or set(found) == {*NOTEBOOKS, "M\ufffdller"}
    for name, row in found.items():
        result = results[name]
        assert row["possible"] == "4" and row["total"] == (f"{result.points:g}" if result.graded else "NOT GRADED")
        assert row["double (2)"] == (f"{result.questions[0].points:g}" if result.graded else "")
    assert {path.stem for path in (target / "feedback").iterdir()} == set(found)
    assert (target / "summary.png").stat().st_size > 5000
    assert not list(target.rglob("*.partial"))
    left_out = (target / "left_out.txt").read_text(encoding="utf-8")
    assert "._good.ipynb: made by the system" in left_out and "notes.txt: is no notebook" in left_out


def test_nobody_s_texts_swell_the_results(graded):
    assert all(len(path.read_bytes()) < 20_000 for path in (graded[1] / "feedback").iterdir())
    assert len((graded[1] / "grades.csv").read_bytes()) < 100_000


def test_the_secrets_of_the_tests_reach_nobody(graded):
    """Neither the source of a test nor an input or expected value of a hidden one; the instructor sees the latter."""
    feedback = (graded[1] / "feedback" / "wrong-once.md").read_text()
    assert "expected 1, came 2" in (graded[1] / "results.jsonl").read_text() and "expected 1" not in feedback
    assert all(SECRET not in path.read_text() for path in (graded[1] / "feedback").iterdir())


def test_a_student_s_error_carries_no_hidden_input_out(own, walls, tmp_path):
    spies = [
        "def double(x):\n    raise ValueError(str(x))",
        "def square(x):\n    raise type('no' + str(x), (Exception,), {})('no' + str(x))",
    ]
    result, text = one_graded(own, tmp_path, [IMPORTS, *spies])
    assert result.points == 0 and "0. 1. 2." in str(result) and "1." not in text


def one_graded(own, tmp_path, cells, **limits):
    """Grade one notebook of the tiny assignment. Returns the result and its feedback."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "kim.ipynb").write_text(notebook([("code", cell) for cell in cells]))
    assignment = prepared.prepare("tiny", tmp_path / "built", own, **limits)
    result = judging.grade(tmp_path / "kim.ipynb", assignment, sandbox.available())
    return result, report.feedback(result, "tiny", assignment.titles)


def test_a_missing_answer_is_told_with_the_cell_that_failed(own, walls, tmp_path):
    result, text = one_graded(own, tmp_path, ["undefined\ndef double(x):\n    return 2 * x", "def squared(x): ..."])
    assert "There is no `double`: code cell 1 failed: NameError: name 'undefined' is not defined" in text
    assert "There is no `square`: no cell defines it. Is the name right?" in text and result.graded


BORROWED = {  # every way to the package's own answers, one for each question of tiling_and_metrics
    "mirror_pad": "return globals()['check']._mirror_pad(*a)",
    "predict_tiled": "import sys\n    return sys.modules[check.__name__]._predict_tiled(*a)",
    "contingency": "import importlib\n    return getattr(importlib.import_module(check.__name__), '_contingency')(*a)",
    "rand_error": "return vars(check)['_rand_error'](*a)",
    "pixel_error": "from unet_tutorial.metrics import pixel_error as f\n    return f(*a)",
}


@pytest.mark.parametrize("walled", [True, False])
def test_the_package_s_answers_are_not_there_by_any_name(walls, tmp_path, walled):
    cells = ["import numpy as np\n\nfrom unet_tutorial.exercises import tiling_and_metrics as check"]
    cells += [f"def {name}(*a):\n    {body}" for name, body in BORROWED.items()]
    path = tmp_path / "kim.ipynb"
    path.write_text(notebook([("code", cell) for cell in cells]))
    result = judging.grade(path, prepared.prepare("tiling_and_metrics", tmp_path / "built"), walled)
    assert result.graded and result.points == 0 and result.possible == 20
    notes = " ".join(result.notes)
    assert "calls unet_tutorial.exercises.tiling_and_metrics._mirror_pad" in notes
    assert "calls unet_tutorial.metrics.pixel_error" in notes and "names by string" in notes


def test_a_lost_question_loses_no_other(walls, tmp_path):
    """It has five tests, and each would end the process; the ones that follow are right."""
    assignment = prepared.prepare("weighted_loss", tmp_path / "built")
    made = nbformat.read(assignment.solution, 4)
    made.cells.append(nbformat.v4.new_code_cell("import os\ndef nearest_distances(cells):\n    os.abort()"))
    nbformat.write(made, tmp_path / "kim.ipynb")
    result = judging.grade(tmp_path / "kim.ipynb", assignment)
    assert {one.name: one.points for one in result.questions} == {"q1": 4, "q2": 5, "q3": 3, "q4": 0, "q5": 3}


def test_what_is_inside_holds_no_answer_no_test_and_no_class(tmp_path, monkeypatch):
    monkeypatch.setenv("UNET_TUTORIAL_CLASS", "4711")
    assert "4711" not in str(sandbox._environment("home", "inside"))
    for name in ("tiling_and_metrics", "capstone"):
        assignment = prepared.prepare(name, tmp_path / name)
        files = {str(path.relative_to(assignment.inside)) for path in assignment.inside.rglob("*") if path.is_file()}
        assert not any("pretrained" in file or "test" in file or file.endswith(".npz") for file in files)
        assert ("unet_tutorial/tiling.py" in files) == (name == "capstone")
        assert not any(file.startswith("unet_tutorial/exercises/tiling") for file in files)
        text = "".join((assignment.inside / file).read_text(encoding="utf-8") for file in files if file.endswith(".py"))
        assert "4711" not in text and "class_seed(" not in text.replace("def class_seed(", "")


@pytest.mark.parametrize(
    "source, kind, whose",
    [
        ("import numpy as np", "Ended", "nobody's"),
        ("import numpy as np  # mine", "ModuleNotFoundError", "nobody's"),
        ("SEED = 3", "TooLong", "nobody's"),
        ("SEED = 4", "TooLong", "the student's"),
        ("check.double(double)", "NameError", "the student's"),
        ("check.double(double)", "TooLong", "the student's"),
        ("import numpy as np\nundefined", "NameError", "the student's"),
        ("def double(x):\n    import numpy", "Ended", "the student's"),
    ],
)
def test_a_lost_cell_is_the_student_s_unless_it_imports_or_was_given(source, kind, whose):
    given = {"SEED = 3", "check.double(double)"}
    one = submission.Submission([(3, source)], {}, prepared.Limits(), False, None, given)
    one.failed = {0: (kind, f"{kind}: it was lost")}
    one._look_for_lost_cells()
    assert bool(one.ungraded) == (whose == "nobody's")
    assert not one.ungraded or "cell [3]" in one.ungraded[0]


def test_one_notebook_goes_to_standard_output_as_json(own, tmp_path):
    path = tmp_path / "one.ipynb"
    path.write_text(notebook([("code", GOOD)]))
    run = subprocess.run(
        [sys.executable, "-m", "tools.grade", "tiny", "--masters", own, "--json", path],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    answer = json.loads(run.stdout)
    assert (answer["student"], answer["points"], answer["possible"]) == ("one", 4, 4)


def lose(job):
    """What a worker does that is killed over its second job."""
    if job == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return job.upper()


def test_a_lost_worker_loses_its_own_job_and_no_other():
    assert dict(crew.work(list("abcdef"), lose, 2)) == {one: None if one == "b" else one.upper() for one in "abcdef"}


def sleep(job):
    """What a worker does that hears nobody: its caller has to end it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    job.write_text(f"{os.getpid()}\n")
    time.sleep(10**6)


def test_who_stops_waits_for_no_worker(tmp_path):
    """Two workers would sleep for days and cannot be asked to stop."""
    jobs = [tmp_path / "a", tmp_path / "b"]
    working = crew.work(jobs, sleep, 2)

    def stop(*_):
        signal.setitimer(signal.ITIMER_REAL, 0 if all(map(written, jobs)) else 0.1)
        if all(map(written, jobs)):
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(working)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert not any(psutil.pid_exists(int(job.read_text())) for job in jobs)


def written(path):
    return path.is_file() and path.read_text().endswith("\n")


def grading(own, source, target, *more):
    words = [sys.executable, "-m", "tools.grade", "tiny", source, target, "--masters", own, "--jobs", "1", *more]
    return subprocess.Popen(
        words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=heard
    )


def heard():
    """What a shell starts in the background ignores Ctrl-C, and so do its children: here it is heard again."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_run_that_is_stopped_keeps_what_is_done_and_goes_on(own, walls, tmp_path):
    source, target = tmp_path / "my inbox", tmp_path / "out"
    source.mkdir()
    slow = ("code", "import time\n\ntime.sleep(10)")  # b and c are at it when the run is stopped
    for name, cells in (("a", []), ("b", [slow]), ("c", [slow])):
        (source / f"{name}.ipynb").write_text(notebook([*cells, ("code", GOOD)]))
    with grading(own, source, target, "--class", "7") as first:
        for line in first.stderr:
            if line.startswith("[1/3]"):
                break
        first.send_signal(signal.SIGINT)
        assert "goes on" in first.stderr.read()
    assert first.returncode == 130
    assert 1 <= len(rows(target)) < 3 and len(list((target / "feedback").iterdir())) == len(rows(target))
    kept = (target / "results.jsonl").read_text(encoding="utf-8")
    (source / "c.ipynb").unlink()
    with grading(own, source, target) as second:  # the number of the class is remembered
        said = second.stderr.read()
    assert second.returncode == 0 and "[2/2] b: 4 of 4" in said and "[1/2]" not in said, said
    assert set(rows(target)) == {"a", "b"} and (target / "results.jsonl").read_text(encoding="utf-8").startswith(kept)
    with grading(own, source, target, "--class", "8") as third:
        assert "holds another grading" in third.stderr.read()
    assert third.returncode == 2


ORPHAN = """import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(600)
    os._exit(0)"""


@pytest.mark.parametrize("walled", [True, False])
def test_an_orphan_holds_nobody_up_and_is_ended(own, walls, tmp_path, walled):
    sandbox.adopt_orphans()
    before = sandbox._children()
    (tmp_path / "kim.ipynb").write_text(notebook([("code", GOOD), ("code", ORPHAN)]))
    result = judging.grade(tmp_path / "kim.ipynb", prepared.prepare("tiny", tmp_path / "built", own), walled=walled)
    assert result.points == 4 and sandbox._children() == before


def test_a_process_that_waits_for_a_processor_uses_up_nothing():
    """The clock counts CPU seconds, and seconds in which nothing runs; not those on a busy machine."""
    pid = os.getpid()
    used, _, busy = sandbox._usage(pid)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert busy and 0.1 < sandbox._usage(pid)[0] - used


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["huge", "in", "out"], "choose one of other, tiny"),
        (["tiny", "nowhere", "out"], "neither a folder nor a .zip"),
        (["tiny", "in", "in/out"], "give another one"),
        (["tiny", "in", "out"], "holds no .ipynb"),
        (["tiny"], "give a folder"),
        (["tiny", "full", "taken"], "cannot be written"),
    ],
)
def test_a_wrong_command_is_refused_and_writes_nothing(own, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kim.ipynb").write_text(notebook([]))
    (tmp_path / "taken").write_text("a file of that name")
    before = sorted(tmp_path.rglob("*"))
    assert grade.main([*arguments, "--masters", str(own)]) == 2
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_with_blanks_reaches_the_command_whole():
    words = ["make", "--dry-run", "grade", "A=tiny", "IN=my inbox", "OUT=my grades"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 'tools.grade tiny "my inbox" "my grades"' in said


@pytest.mark.parametrize("number", ["seven", "-1", "1.5", "99999999999"])
def test_a_class_is_a_number(number, capsys):
    with pytest.raises(SystemExit) as ended:
        grade.main(["tiny", "in", "out", f"--class={number}"])
    assert ended.value.code == 2 and "class" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong, right", [("np.arange(5.0)", "np.arange(5.0) + secrat"), ("return 2 * x", "return 3 * x")]
)
def test_a_master_whose_own_solution_fails_stops_everything(own, walls, tmp_path, capsys, wrong, right):
    broken = tmp_path / "masters" / "tiny"
    shutil.copytree(own / "tiny", broken)
    text = (broken / "tiny.ipynb").read_text()
    place = text.rindex(wrong) if "secrat" in right else text.index(wrong)
    (broken / "tiny.ipynb").write_text(text[:place] + right + text[place + len(wrong) :])
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "kim.ipynb").write_text(notebook([("code", GOOD)]))
    words = ["tiny", str(tmp_path / "in"), str(tmp_path / "out"), "--masters", str(broken.parent)]
    assert grade.main(words) == 2
    assert "its own solution" in capsys.readouterr().err and not (tmp_path / "out" / "grades.csv").exists()


def test_a_test_that_fails_by_itself_is_nobody_s_loss(own, walls, tmp_path):
    """It calls the function outside of a check and cannot add to what comes: a person looks."""
    broken = tmp_path / "masters" / "tiny"
    shutil.copytree(own / "tiny", broken)
    text = (broken / "tiny.ipynb").read_text()
    text = text.replace(
        "    exercises.check(double,", '    assert double(3.0) + 1 == 7\\n",\n    "    exercises.check(double,'
    )
    (broken / "tiny.ipynb").write_text(text)
    right, _ = one_graded(broken.parent, tmp_path, [GOOD])
    assert right.graded and right.points == 4
    none, _ = one_graded(broken.parent, tmp_path / "none", [GOOD, "def double(x):\n    return None"])
    assert not none.graded and "test_double: TypeError" in none.notes[0]
    wrong, _ = one_graded(broken.parent, tmp_path / "wrong", [GOOD, "def double(x):\n    return 5"])
    assert wrong.graded and wrong.points == 2


def test_a_process_that_does_not_start_is_nobody_s_loss(own, tmp_path):
    (tmp_path / "kim.ipynb").write_text(notebook([("code", GOOD)]))
    assignment = prepared.prepare("tiny", tmp_path / "built", own)
    (assignment.inside / "grader" / "worker.py").write_text("raise SystemExit")
    result = judging.grade(tmp_path / "kim.ipynb", assignment, walled=False)
    assert not result.graded and "did not start" in result.notes[0]


def test_what_is_not_graded_ends_in_an_error_and_is_tried_again(own, tmp_path, capsys):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.ipynb").write_text(notebook([("code", GOOD)]))
    (source / "b.ipynb").write_text(notebook([("code", "from unet_tutorial.exercises import other as check")]))
    words = ["tiny", str(source), str(target), "--masters", str(own)]
    assert grade.main(words) == 1
    assert "NOT graded: b" in capsys.readouterr().out
    assert grade.main(words) == 1
    said = capsys.readouterr().err
    assert "[2/2] b: NOT GRADED" in said and "] a:" not in said


def test_imports_are_made_before_the_clock_starts():
    def made(source, **limits):
        return submission.Submission([(1, source)], {}, prepared.Limits(**limits), False, None).modules()

    assert "keras" in made("from keras import layers") and "keras" in made("import tensorflow as tf")
    assert "keras" not in made("import numpy as np") and "keras" in made("import numpy as np", package=True)


def test_an_assignment_may_have_limits_of_its_own(tmp_path):
    master = tmp_path / "tiny.ipynb"
    assert prepared.limits_of(master, memory=None) == prepared.Limits()
    (tmp_path / "limits.json").write_text('{"call_seconds": 7, "cell_seconds": 5}')
    assert prepared.limits_of(master, memory=None) == prepared.Limits(call_seconds=7, cell_seconds=5)
    assert prepared.limits_of(master, call_seconds=9.0).call_seconds == 9
    (tmp_path / "limits.json").write_text('{"minutes": 7}')
    with pytest.raises(ValueError, match="minutes.*cell_seconds"):
        prepared.limits_of(master)


def test_the_weights_of_a_solution_lie_beside_its_master(own, tmp_path):
    shutil.copytree(own, tmp_path / "masters")
    weights = tmp_path / "masters" / "tiny" / "tiny.npz"
    np.savez(weights, np.zeros(1))
    assert prepared.prepare("tiny", tmp_path / "one", tmp_path / "masters").weights == weights
    assert prepared.prepare("tiny", tmp_path / "other", own).weights is None


def test_an_assignment_of_a_class_s_own_is_built_beside_it(own, tmp_path):
    assert assignments.main(["--masters", str(own), "--dist", str(tmp_path / "dist")]) == 0
    student = (tmp_path / "dist" / "students" / "tiny.ipynb").read_text()
    assert SECRET not in student and "2 * x" not in student and "Write `double`" in student
    assert (tmp_path / "dist" / "tiny" / "autograder.zip").exists()
    assert not (assignments.STUDENTS / "tiny.ipynb").exists()


def test_otter_itself_gives_the_same_points(own, tmp_path):
    target = assignments.build(own / "tiny" / "tiny.ipynb", tmp_path / "students", tmp_path / "dist")
    path = tmp_path / "tiny.ipynb"
    made = nbformat.v4.new_notebook()
    made.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "otter": {"assignment_name": "tiny"},
    }
    made.cells = [nbformat.v4.new_code_cell(GOOD), nbformat.v4.new_code_cell("def square(x):\n    return x * 2")]
    nbformat.write(made, path)
    otter = shutil.which("otter", path=os.path.dirname(sys.executable))
    subprocess.run(
        [otter, "run", "-a", target / "autograder.zip", "-o", tmp_path, path],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    points = {one["name"].split()[0]: one.get("score", 0) for one in tests if "Public" not in one["name"]}
    ours = judging.grade(path, prepared.prepare("tiny", tmp_path / "prepared", own), sandbox.available())
    assert points == {question.name: question.points for question in ours.questions}


def sent(value, functions=None, receive=None):
    """What arrives of a message."""
    data = [wire.pack(value, functions)]

    def read(size):
        found, data[0] = data[0][:size], data[0][size:]
        return found

    return wire.unpack(read, receive)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -2.5,
        "text",
        (1, (2.0, None)),
        [1, [2]],
        {"a": np.arange(6).reshape(2, 3), "b": (np.zeros(0), np.asfortranarray(np.eye(3, 2)), np.array(2.5))},
        float("nan"),
        np.float32(1.5),
        np.array([1, 2], ">u2"),
    ],
)
def test_a_message_arrives_as_it_was_sent(value):
    np.testing.assert_equal(sent(value), value)


def test_a_generator_goes_on_where_it_was():
    rng = np.random.default_rng(3)
    rng.random(5)
    assert sent(rng).random() == rng.random()


@pytest.mark.parametrize("value", [np.linalg.norm, np.array([object()]), object(), lambda: 0, np.array(["text"])])
def test_what_is_no_data_is_never_sent(value):
    with pytest.raises((TypeError, ValueError)):
        wire.pack(value)


def test_the_grader_takes_no_functions_from_a_student():
    assert sent(np.linalg.norm, [], lambda place: ("function", place)) == ("function", 0)
    with pytest.raises(wire.Malformed):
        sent(np.linalg.norm, [])


@pytest.mark.parametrize(
    "header",
    [
        b"[[]]",
        b'{"array": ["<f8", [-1], 0]}',
        b'{"array": ["|O", [1], 0]}',
        b'{"array": ["<f8", [3], 0]}',
        b'{"rng": {"bit_generator": "no"}}',
        b'{"eval": "1"}',
        b'{"a": 1, "b": 2}',
        b"[" * 100_000,
        b"\xff",
        b"1" * 9000,
    ],
)
def test_a_message_of_a_hostile_process_is_malformed_and_nothing_else(header):
    data = [wire.HEAD.pack(len(header), 8) + header + bytes(8)]

    def read(size):
        found, data[0] = data[0][:size], data[0][size:]
        return found

    with pytest.raises(wire.Malformed):
        wire.unpack(read)


def test_the_page_for_instructors_states_the_limits():
    page, limits = (ROOT / "book/instructors.md").read_text(encoding="utf-8"), prepared.Limits()
    assert (limits.cell_seconds, limits.call_seconds, limits.memory >> 30, sandbox.SPACE >> 20) == (60, 20, 4, 256)
    assert "a cell after 60 CPU seconds, a call of a\nfunction after 20" in page
    assert "more than 4 GiB, or starts more than 32 processes" in " ".join(page.split()) and "256 MiB in each" in page
