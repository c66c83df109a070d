"""What grading writes: tables for people and for two systems, feedback for each student, and a picture."""

import csv
import io

import numpy as np

from unet_tutorial._shared.files import whole

SHOWN = 12  # notes of one student


def feedback(result, name, titles):
    """What a student reads: points of each question, and what each failed test said."""
    lines = [f"# {name}: {result.points:g} of {result.possible:g} points", ""]
    if not result.graded:
        lines = [
            f"# {name}: not graded yet",
            "",
            "Something went wrong that may not be yours. Your instructor looks at it.",
        ]
        return "\n".join([*lines, ""])
    lines += [f"- {note}" for note in result.told[:SHOWN]] + [""] * bool(result.told)
    for question in result.questions:
        title = titles.get(question.name, question.name)
        lines += [f"## {title}: {question.points:g} of {question.possible:g}", ""]
        lines += [f"```\n{fault.told.replace('`' * 3, '')}\n```\n" for fault in question.faults] or ["Right.", ""]
    return "\n".join(lines)


def write_feedback(result, name, titles, folder):
    """Write the feedback of one student. Returns the file's path."""
    path = folder / f"{result.student.replace('/', ' ')}.md"
    with whole(path) as file:
        file.write(feedback(result, name, titles))
    return path


def write_tables(results, assignment, target):
    """Write grades.csv for people and, for those systems that the files came from, canvas.csv and moodle.csv."""
    results = sorted(results, key=lambda one: one.student)
    with whole(target / "grades.csv", "wb") as file:
        file.write("\ufeff".encode() + _csv(_grades(results, assignment)))  # without the mark, Excel misreads names
    for system, rows in (("Canvas", _canvas), ("Moodle", _moodle)):
        those = [one for one in results if one.system == system and one.graded]
        if those:
            with whole(target / f"{system.lower()}.csv", "wb") as file:
                file.write(_csv(rows(those, assignment)))


def _grades(results, assignment):
    questions = sorted(assignment.points)
    yield [
        "student",
        "id",
        *(f"{assignment.titles.get(one, one)} ({assignment.points[one]:g})" for one in questions),
        "total",
        "possible",
        *(f"{title} ({points:g}), by hand" for title, points in assignment.written),
        "late",
        "file",
        "seconds",
        "went wrong",
    ]
    for result in results:
        points = {question.name: question.points for question in result.questions}
        row = [points.get(one, 0) for one in questions] if result.graded else [""] * len(questions)
        yield [
            result.student,
            result.id,
            *row,
            result.points if result.graded else "NOT GRADED",
            sum(assignment.points.values()),
            *("" for _ in assignment.written),
            "late" if result.late else "",
            result.file,
            result.seconds,
            "; ".join(result.notes[:SHOWN]),
        ]


def _canvas(results, assignment):
    """Columns that Canvas asks for: lib/gradebook_importer.rb in its source."""
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment.name]
    yield ["    Points Possible", "", "", "", "", f"{sum(assignment.points.values()):g}"]
    for one in results:
        yield [one.student, one.id, "", "", "", f"{one.points:g}"]


def _moodle(results, assignment):
    """Columns that Moodle asks for: mod/assign/feedback/offline/importgradeslib.php in its source."""
    yield ["Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)"]
    for one in results:
        yield [f"Participant {one.id}", one.student, f"{one.points:g}", f"{sum(assignment.points.values()):g}", "-"]


def _csv(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value):
    """Text that a spreadsheet does not take for a formula, on one line; the blanks of Canvas's second row stay."""
    if not isinstance(value, str) or value == "-":
        return value
    text = " ".join(value.split()) if "\n" in value or "\t" in value else value
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def draw(results, assignment, path):
    """A row of dots for each question: one dot a student, the mean as a line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from unet_tutorial.plotting import _style

    results = [result for result in results if result.graded]
    if not results:
        return
    _style.use_style()
    names = sorted(assignment.points.items())
    fig, ax = plt.subplots(figsize=(6.5, 0.9 + 0.55 * len(names)))
    for row, (question, most) in enumerate(names):
        shares = np.array(
            [next((one.points for one in result.questions if one.name == question), 0) / most for result in results]
        )
        values, counts = np.unique(np.round(shares, 3), return_counts=True)
        ax.scatter(
            values,
            np.full(len(values), row),
            s=30 + 500 * counts / len(results),
            color=_style.COLOURS["conv"],
            alpha=0.75,
            lw=0,
        )
        for value, count in zip(values, counts):
            ax.annotate(f"{count}", (value, row), ha="center", va="center", color="white", size=8)
        ax.plot([shares.mean()] * 2, [row - 0.35, row + 0.35], color=_style.COLOURS["accent"])
    titles = [f"{assignment.titles.get(question, question)} ({most:g})" for question, most in names]
    ax.set_yticks(range(len(names)), titles)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(-0.08, 1.08)
    ax.set_xlabel("share of the points; numbers count students, lines are means")
    ax.set_title(f"{assignment.name}: {len(results)} notebooks")
    fig.savefig(path)
    plt.close(fig)
