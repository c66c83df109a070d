"""Laws of grading: whatever a notebook does costs its own student points, and nobody else anything.

A folder of good, wrong and hostile notebooks is graded once, on a tiny assignment in a class's own folder.
"""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from tools import assignments, grade, sandbox, wire

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
GOOD = "import numpy as np\ndef double(x):\n    return x + x\ndef square(x):\n    return x * x"
FOREVER = "while True:\n    pass"
# It sleeps: what ends it counts seconds, and a loop would cost them on the processor.
DEAF = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    time.sleep(0.1)"

# What a notebook holds: cells, then the points of double and square, then a word of what went wrong.
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
    "wrong-once": ([GOOD, "def square(x):\n    return x * 2"], 2, 0, ""),
    "unsolved": (["def double(x):\n    ...\ndef square(x):\n    ..."], 0, 0, ""),
    "empty": ([], 0, 0, ""),
    "cell-raises": (["1 / 0", GOOD], 2, 2, "ZeroDivisionError"),
    "cell-is-no-python": (["def (", GOOD], 2, 2, "SyntaxError"),
    "cell-exits": (["import sys\nsys.exit()", GOOD], 2, 2, "SystemExit"),
    "cell-ends-the-process": ([GOOD, "import os\nos._exit(0)"], 2, 2, "ended"),
    "cell-loops": ([FOREVER, GOOD], 2, 2, "TooLong"),
    "cell-loops-deaf": ([DEAF, GOOD], 2, 2, "took"),
    "call-loops": ([GOOD, "def square(x):\n    " + FOREVER.replace("\n", "\n    ")], 2, 0, ""),
    "call-loops-deaf": ([GOOD, "def double(x):\n    " + DEAF.replace("\n", "\n    ")], 0, 2, ""),
    "call-ends-the-process": ([GOOD, "import os\ndef double(x):\n    os._exit(1)"], 0, 2, ""),
    "call-crashes": ([GOOD, "import ctypes\ndef square(x):\n    ctypes.string_at(0)"], 2, 0, ""),
    "recursion": ([GOOD, "def square(x):\n    return square(x)"], 2, 0, ""),
    "memory": ([GOOD, "hoard = [np.ones(2 ** 26) for _ in range(20)]"], 2, 2, "memory"),
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
        "cell 2",
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
    "network": (
        ["import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)", GOOD],
        2,
        2,
        "ConnectionRefusedError",
    ),
    "looks-for-the-tests": (
        [
            GOOD,
            "import os\nfor folder, _, files in os.walk('/'):\n"
            "    if 'square.py' in files or 'tiny.ipynb' in files:\n        raise RuntimeError(folder)",
            "import gc\ndef square(x):\n    for one in gc.get_objects():\n"
            "        if isinstance(one, dict) and any(isinstance(text, str) and text.startswith('the-hid')\n"
            "                                         for text in one.values()):\n"
            "            return x * x\n    return None",
        ],
        2,
        0,
        "",
    ),
    "disarms-the-checks": (
        [
            "import sys\nfrom unet_tutorial import exercises\nexercises.check = lambda *a, **k: None\n"
            "exercises._difference = exercises.fault = lambda *a, **k: None\nexercises.Wrong = ValueError\n"
            "def double(x):\n    return 0\ndef square(x):\n    return 0"
        ],
        0,
        0,
        "",
    ),
    "answers-for-itself": (
        [
            GOOD,
            "import os\nfor number in range(3, 30):\n    try:\n        os.write(number, b'x' * 100)\n"
            "    except OSError: pass",
        ],
        None,
        None,
        "",
    ),
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
    "returns-too-much": ([GOOD, "def square(x):\n    return np.zeros((2 ** 14, 2 ** 12))"], 2, 0, ""),
    "not-json": (b"\x00\x01 no notebook", 0, 0, "is not a notebook"),
    "not-a-notebook": (b"[1, 2, 3]", 0, 0, "is not a notebook"),
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
    (folder / "tiny").mkdir()
    (folder / "tiny" / "tiny.ipynb").write_text(notebook(MASTER))
    return folder


@pytest.fixture(scope="module")
def graded(own, tmp_path_factory):
    if not sandbox.available():
        word = "bubblewrap is needed, and leave to use it: apt-get install bubblewrap"
        assert not os.environ.get("CI"), word
        pytest.skip(word)
    base = tmp_path_factory.mktemp("class")
    source, target = base / "in", base / "out"
    source.mkdir()
    listening = socket.create_server(("127.0.0.1", 0))
    places = {"victim": source, "root": ROOT, "out": target, "port": listening.getsockname()[1]}
    for name, (content, *_) in NOTEBOOKS.items():
        path = source / f"{name}.ipynb"
        if content is None:
            path.symlink_to("/etc/hostname")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            cells = [
                cell.format(**places)
                if "{" in cell and "}/" in cell or "{port}" in cell or "{victim}" in cell
                else cell
                for cell in content
            ]
            path.write_text(notebook([("code", cell) for cell in cells]))
    before = {path: path.read_bytes() for path in source.iterdir() if not path.is_symlink()}
    limits = grade.Limits(seconds=60, cell_seconds=10, call_seconds=5, memory=640 * 2**20)
    results = grade.grade_folder("tiny", source, target, limits, own)
    assert {path: path.read_bytes() for path in source.iterdir() if not path.is_symlink()} == before
    listening.setblocking(False)
    with listening, pytest.raises(BlockingIOError):  # nobody came through
        listening.accept()
    return {result.student: result for result in results}, target


@pytest.mark.parametrize("name", [name for name, entry in NOTEBOOKS.items() if entry[1] is not None])
def test_a_notebook_gets_its_points_and_no_others(graded, name):
    _, double, square, word = NOTEBOOKS[name]
    result = graded[0][name]
    points = {question.name: question.points for question in result.questions}
    assert points == {"double": double, "square": square}, result
    assert word in " ".join(result.notes), result.notes


def test_a_notebook_that_answers_for_itself_is_graded_all_the_same(graded):
    result = graded[0]["answers-for-itself"]
    assert [question.name for question in result.questions] == ["double", "square"]


def test_every_notebook_has_a_row_a_feedback_file_and_a_place_in_the_picture(graded):
    results, target = graded
    with open(target / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == sorted(NOTEBOOKS)
    for row in rows:
        result = results[row["student"]]
        assert float(row["total"]) == result.points and float(row["possible"]) == 4
    assert {path.stem for path in (target / "feedback").iterdir()} == set(NOTEBOOKS)
    assert (target / "summary.png").stat().st_size > 5000
    assert not list(target.rglob("*.partial"))
    assert "expected 1, came 2" in (target / "feedback" / "wrong-once.md").read_text()


def test_the_secrets_of_the_tests_reach_nobody(graded):
    assert all(SECRET not in path.read_text() for path in (graded[1] / "feedback").iterdir())


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


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["huge", "in", "out"], "choose one of tiny"),
        (["tiny", "nowhere", "out"], "is not a folder"),
        (["tiny", "in", "in/out"], "give another one"),
        (["tiny", "in", "out"], "holds no .ipynb"),
        (["tiny"], "give a folder"),
    ],
)
def test_a_wrong_command_is_refused_and_writes_nothing(own, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    assert grade.main([*arguments, "--masters", str(own)]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_an_assignment_may_have_limits_of_its_own(tmp_path):
    master = tmp_path / "tiny.ipynb"
    assert grade.limits_of(master, seconds=None, memory=None) == grade.Limits()
    (tmp_path / "limits.json").write_text('{"seconds": 7, "cell_seconds": 5}')
    assert grade.limits_of(master, seconds=None) == grade.Limits(seconds=7, cell_seconds=5)
    assert grade.limits_of(master, seconds=9.0).seconds == 9
    (tmp_path / "limits.json").write_text('{"minutes": 7}')
    with pytest.raises(ValueError, match="minutes.*cell_seconds"):
        grade.limits_of(master)


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
    ours = grade.grade(path, target / "tests")
    assert points == {question.name: question.points for question in ours.questions}


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
        {"a": np.arange(6).reshape(2, 3), "b": (np.zeros(0),)},
        float("nan"),
        np.float32(1.5),
    ],
)
def test_a_message_arrives_as_it_was_sent(tmp_path, value):
    with open(tmp_path / "pipe", "wb") as file:
        wire.send(file, value)
    with open(tmp_path / "pipe", "rb") as file:
        np.testing.assert_equal(wire.receive(file), value)


@pytest.mark.parametrize("value", [np.linalg.norm, np.array([object()]), object(), lambda: 0])
def test_what_is_no_data_is_never_sent(tmp_path, value):
    with open(tmp_path / "pipe", "wb") as file, pytest.raises((TypeError, ValueError)):
        wire.send(file, value)


def test_the_grader_takes_no_functions_from_a_student(tmp_path):
    with open(tmp_path / "pipe", "wb") as file:
        wire.send(file, grade.feedback)
    with open(tmp_path / "pipe", "rb") as file, pytest.raises(wire.Malformed):
        wire.receive(file)


def test_the_page_for_instructors_says_when_a_cell_is_stopped():
    assert grade.Limits().cell_seconds == 60
    assert "a cell that loops is stopped after a\nminute" in (ROOT / "book/instructors.md").read_text(encoding="utf-8")
