"""Laws of the inbox: every file is graded or listed, each student once, however a system lays out its export."""

import csv
import os
import zipfile

import pytest

from tools.grading import inbox, prepared, report, results, scoring

GRADESCOPE = """---
submission_3000:
  :submitters:
  - :name: Ana Díaz
    :sid: '007'
    :email: ana@example.org
  :created_at: 2026-03-01 10:00:00.000000000 Z
submission_3001:
  :submitters:
  - :name: Kim Lee
    :sid: '12'
  - :name: Bo Li
    :sid:
    :email: bo@example.org
"""
EXPORTS = {  # paths; then student, id, late, and the file that counts
    "Moodle": (
        ["Ana Díaz_12345_assignsubmission_file_/a.ipynb", "Kim Lee_12346_assignsubmission_file_/sub/a.ipynb"],
        [("Ana Díaz", "12345", False, "a.ipynb"), ("Kim Lee", "12346", False, "a.ipynb")],
    ),
    "Moodle, flat": (
        ["Ana Díaz_12345_assignsubmission_file_a.ipynb", "Ana Díaz_12346_assignsubmission_file_a.ipynb"],
        [
            ("Ana Díaz", "12345", False, "Ana Díaz_12345_assignsubmission_file_a.ipynb"),
            ("Ana Díaz (12346)", "12346", False, "Ana Díaz_12346_assignsubmission_file_a.ipynb"),
        ],
    ),
    "Gradescope": (
        ["assignment_1_export/submission_3000/x.ipynb", "assignment_1_export/submission_3001/x.ipynb"],
        [("Ana Díaz", "007", False, "x.ipynb"), ("Kim Lee & Bo Li", "12, bo@example.org", False, "x.ipynb")],
    ),
    "Canvas": (
        [
            "díazana_200011_900011_tiling.ipynb",
            "leekim_LATE_200012_900012_tiling-1.ipynb",
            "leekim_200012_900009_tiling.ipynb",
        ],
        [
            ("díazana", "200011", False, "díazana_200011_900011_tiling.ipynb"),
            ("leekim", "200012", True, "leekim_LATE_200012_900012_tiling-1.ipynb"),
        ],
    ),
    "Google Classroom": (
        ["Ana Díaz - tiling.ipynb", "Kim Lee - tiling (1).ipynb"],
        [("Ana Díaz", "", False, "Ana Díaz - tiling.ipynb"), ("Kim Lee", "", False, "Kim Lee - tiling (1).ipynb")],
    ),
    "files and folders": (
        ["ana.IPYNB", "ANA.ipynb", "kim/x.ipynb", "=cmd.ipynb"],
        [
            ("=cmd", "", False, "=cmd.ipynb"),
            ("ANA", "", False, "ANA.ipynb"),
            ("ana (2)", "", False, "ana.IPYNB"),
            ("kim", "", False, "x.ipynb"),
        ],
    ),
}


def lay(folder, paths):
    for number, path in enumerate(paths):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(GRADESCOPE if path.endswith(".yml") else path, encoding="utf-8")
        os.utime(target, (10**9 + number,) * 2)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("system", EXPORTS)
def test_students_are_told_apart_by_the_system_s_own_id(tmp_path, system, packed):
    paths, expected = EXPORTS[system]
    lay(tmp_path / "in", [*paths, "assignment_1_export/submission_metadata.yml"] if system == "Gradescope" else paths)
    source = tmp_path / "in"
    if packed:
        source = tmp_path / "in.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in sorted((tmp_path / "in").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "in"))
    handed, left_out = inbox.read(source, "tiling", tmp_path / "unpacked")
    assert [(one.student, one.id, one.late, one.path.name) for one in handed] == sorted(expected)
    assert len(handed) + len(left_out) == len(paths)


def test_of_several_files_the_stated_one_counts_and_the_others_are_listed(tmp_path):
    folder = "Ana_1_assignsubmission_file_"
    lay(tmp_path, [f"{folder}/my tiling v1.ipynb", f"{folder}/my tiling v2.ipynb", f"{folder}/scratch.ipynb"])
    (one,), left_out = inbox.read(tmp_path, "tiling", tmp_path / "none")
    assert one.path.name == "my tiling v2.ipynb" and len(left_out) == 2
    assert all("another file of Ana counts" in line for line in left_out)


@pytest.mark.parametrize(
    "paths, expected",
    [
        (["kim.ipynb", "kim.npz", "bo.npz"], "kim.npz"),
        (["kim.ipynb", "bo.npz"], None),
        (["lee_1_22_capstone.ipynb", "lee_1_23_weights.npz", "other_2_24_weights.npz"], "lee_1_23_weights.npz"),
        (["K_1_assignsubmission_file_/a.ipynb", "K_1_assignsubmission_file_/weights.npz"], "weights.npz"),
    ],
)
def test_weights_go_with_their_own_student(tmp_path, paths, expected):
    lay(tmp_path, paths)
    handed, _ = inbox.read(tmp_path, "capstone", tmp_path / "none")
    assert (handed[0].weights and handed[0].weights.name) == expected


def test_nothing_is_left_out_in_silence(tmp_path):
    odd = ["._kim.ipynb", "__MACOSX/kim.ipynb", ".ipynb_checkpoints/kim.ipynb", "kim.pdf", "kim.zip"]
    lay(tmp_path, ["kim.ipynb", *odd])
    (one,), left_out = inbox.read(tmp_path, "tiling", tmp_path / "none")
    assert one.student == "kim" and sorted(line.partition(":")[0] for line in left_out) == sorted(odd)


@pytest.mark.parametrize("name", ["../out.ipynb", "/out.ipynb", "a/../../out.ipynb", "..\\out.ipynb"])
def test_an_archive_writes_nothing_outside_its_folder(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr(name, "{}")
    inbox.read(tmp_path / "in.zip", "tiling", tmp_path / "unpacked")
    assert {path.parts[len(tmp_path.parts)] for path in tmp_path.rglob("*")} == {"in.zip", "unpacked"}


@pytest.fixture
def tables(tmp_path):
    """The tables of three students, of whom one is not graded."""

    def write(system):
        questions = [scoring.Question("q1", 1.5, 2.0), scoring.Question("q2", 3, 3)]
        given = [
            results.Result("Díaz, Ana", "12", system, "a.ipynb", True, questions, ["=1+1"]),
            results.Result("=cmd", "13", system, "b.ipynb", False, questions),
            results.Result("Kim", "14", system, "c.ipynb", graded=False, notes=["NOT GRADED: it was lost"]),
        ]
        parts = dict.fromkeys(("tests", "inside", "solution", "given", "limits", "others"))
        titles, points = {"q1": "Question 1: pad", "q2": "Question 2: tile"}, {"q1": 2.0, "q2": 3}
        written = [("Question 6: in your own words", 4.0)]
        report.write_tables(
            given, prepared.Assignment(name="tiling", titles=titles, points=points, written=written, **parts), tmp_path
        )
        return tmp_path

    return write


def read_rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_grades_csv_is_for_people(tables):
    folder = tables("a file")
    assert (folder / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,id,")  # Excel reads UTF-8 by this mark
    head, *rows = read_rows(folder / "grades.csv")
    assert head[2:7] == [
        "Question 1: pad (2)",
        "Question 2: tile (3)",
        "total",
        "possible",
        "Question 6: in your own words (4), by hand",
    ]
    assert [row[0] for row in rows] == ["'=cmd", "Díaz, Ana", "Kim"]
    assert rows[1][2:8] == ["1.5", "3", "4.5", "5.0", "", "late"] and rows[1][-1] == "'=1+1"
    assert rows[2][2:5] == ["", "", "NOT GRADED"]
    assert {path.name for path in folder.iterdir()} == {"grades.csv"}


def test_canvas_csv_has_the_columns_of_its_import(tables):
    """Canvas looks for `Student` in the first column, `ID` in the second, `Section` in the last before the grades."""
    rows = read_rows(tables("Canvas") / "canvas.csv")
    assert rows[:2] == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tiling"],
        ["    Points Possible", "", "", "", "", "5"],
    ]
    assert rows[2:] == [["'=cmd", "13", "", "", "", "4.5"], ["Díaz, Ana", "12", "", "", "", "4.5"]]


def test_moodle_csv_has_the_columns_of_its_worksheet(tables):
    rows = read_rows(tables("Moodle") / "moodle.csv")
    assert rows[0] == ["Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)"]
    assert rows[2] == ["Participant 12", "Díaz, Ana", "4.5", "5", "-"]
