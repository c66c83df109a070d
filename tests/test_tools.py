"""The build itself, on a book of two pages: it runs what changed, nothing else, and a failed build stays failed."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from tools import ledger, links, live, notebooks, stamp, text, times
from tools.book import Book, Failed
from unet_tutorial import pretrained
from unet_tutorial.projects import _grey, _plan

CONFIG = """title: Toy
only_build_toc_files: true
execute: {execute_notebooks: "off"}
sphinx: {config: {ogp_site_url: "https://toy.example/"}}
"""


def make_notebook(*cells):
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return nbformat.v4.new_notebook(cells=[new[kind](source) for kind, source in cells])


def save(root, *cells, name="one"):
    (root / f"book/{name}.ipynb").write_text(notebooks.dump(make_notebook(*cells)))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "unet_tutorial").mkdir()
    for name, content in {
        "_config.yml": CONFIG,
        "requirements.txt": "numpy==2\n",
        "_toc.yml": "format: jb-book\nroot: book/index\nparts:\n- chapters:\n  - file: book/one\n",
        "book/index.md": "# Index\n\n[one](one.ipynb)\n",
        "unet_tutorial/__init__.py": "",
        "unet_tutorial/used.py": "from . import deep\n",
        "unet_tutorial/deep.py": "X = 1\n",
        "unet_tutorial/other.py": "from .deep import X\n",
    }.items():
        (tmp_path / name).write_text(content)
    save(
        tmp_path,
        ("markdown", "# One"),
        ("code", "import os\nwith open('runs.txt', 'a') as f:\n    f.write('x')\n6 * 7"),
    )
    return tmp_path


def runs(root):
    path = root / "book/runs.txt"
    return len(path.read_text()) if path.exists() else 0


def test_an_unchanged_book_runs_nothing_and_a_change_runs_what_depends_on_it(root):
    page = root / "_build/html/book/one.html"
    Book(root).build()
    assert runs(root) == 1 and ">42<" in page.read_text().replace("\n", "")
    Book(root).build()
    assert runs(root) == 1
    (root / "requirements.txt").write_text("numpy==3\n")
    Book(root).build()
    assert runs(root) == 2
    assert "book/index.html" in (root / "_build/html/index.html").read_text()


def test_a_cell_that_fails_fails_every_build_until_it_is_mended(root):
    save(root, ("markdown", "# One"), ("code", "1 / 0"))
    for _ in range(2):
        with pytest.raises(Failed, match="ZeroDivisionError"):
            Book(root).build()
    save(root, ("markdown", "# One"), ("code", "1 / 1"))
    Book(root).build()


WRITES = "import os\nwith open('runs.txt', 'a') as f:\n    f.write('x')\n"


@pytest.fixture
def three(root):
    """The book with three chapters: the first and the last fail, the second runs."""
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n- chapters:\n"
        + "".join(f"  - file: book/{name}\n" for name in ("one", "two", "three"))
    )
    (root / "book/index.md").write_text("# Index\n\n[one](one.ipynb) [two](two.ipynb) [three](three.ipynb)\n")
    for name in ("one", "two", "three"):
        save(root, ("markdown", f"# {name}"), ("code", WRITES + "6 * 7"), name=name)
    return root


def break_two(root):
    save(
        root,
        ("markdown", "# one"),
        ("code", "x = 1"),
        ("markdown", "text"),
        ("code", ""),
        ("code", "print('x is', x)\ndisplay(x + 41)\n\ndef halve(n):\n    return n / 0\nhalve(x)\nprint('never')"),
    )
    save(root, ("markdown", "# two"), ("code", WRITES + "6 * 8"), name="two")
    save(root, ("markdown", "# three"), ("code", "y = = 2"), name="three")


def test_all_notebooks_run_and_the_message_names_each_failed_cell_and_the_next_build_runs_only_what_failed(three):
    break_two(three)
    with pytest.raises(Failed) as caught:
        Book(three).build()
    assert runs(three) == 1
    assert (
        str(caught.value)
        == """2 of 3 notebooks failed

book/one.ipynb, code cell 3:
    print('x is', x)
    display(x + 41)

    ...
failed in line 6, halve(x)
    ZeroDivisionError: division by zero
and had printed
    x is 1
    42

book/three.ipynb, code cell 1:
    y = = 2
failed
    SyntaxError: invalid syntax (CELL)
and had printed nothing

No page was written, and there are none of an earlier build. The notebooks that ran are kept: the next make book runs \
only what failed or changed.""".replace("CELL", re.search(r"\((.*, line 1)\)", str(caught.value))[1])
    )
    with pytest.raises(Failed, match="2 of 3"):
        Book(three).build()
    save(three, ("markdown", "# one"), ("code", WRITES))
    with pytest.raises(Failed, match="(?s)^1 of 3 .*book/three.ipynb, code cell 1"):
        Book(three).build()
    save(three, ("markdown", "# three"), ("code", WRITES), name="three")
    assert [path.stem for path in Book(three).run()] == ["one", "two", "three"]
    assert runs(three) == 3  # each of the three once


def test_a_failed_build_says_which_pages_of_an_earlier_one_are_stale(three, monkeypatch):
    def execute(notebook, *rest):
        if "two" not in notebook.cells[0].source:
            raise notebooks.NotebookFailed("code cell 1: failed")
        return notebooks.normalize(notebook), times.Time(1, 1)

    monkeypatch.setattr(notebooks, "execute", execute)
    book = Book(three)
    (book.html / "book").mkdir(parents=True)
    pages = {book.html / f"book/{name}.html": f"earlier {name}" for name in ("index", "one", "two")}  # three is new
    for path, content in pages.items():
        path.write_text(content)
    with pytest.raises(Failed, match="failed: _build/html/book/one.html. All .* are from a build that did not end"):
        book.build()
    book.stamp.write(stamp.sources(three))
    with pytest.raises(Failed, match=r"failed: _build/html/book/one.html. All .* are of \d{4}-\d\d-\d\d \d\d:\d\d\. "):
        book.build()
    assert {path: path.read_text() for path in (book.html / "book").glob("*.html")} == pages


def test_the_command_ends_with_1_and_the_message(root):
    save(root, ("markdown", "# One"), ("code", "1 / 0"))
    script = (
        "import sys\nfrom tools import book, notebooks\n"
        f"notebooks.ROOT = {str(root)!r}\nsys.argv[1:] = ['build']\nbook.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=notebooks.ROOT)
    assert done.returncode == 1 and done.stderr.splitlines().count("error: 1 of 1 notebooks failed") == 1, done.stderr


def test_storing_goes_on_where_a_notebook_fails_and_leaves_that_one_as_it_was(three):
    break_two(three)
    one = (three / "book/one.ipynb").read_bytes()
    with pytest.raises(Failed, match="(?s)^2 of 3 notebooks failed.*book/one.*book/three.*others is stored"):
        Book(three).store()
    assert (three / "book/one.ipynb").read_bytes() == one
    assert notebooks.read(three / "book/two.ipynb").cells[1].outputs[0].data["text/plain"] == "48"
    with pytest.raises(Failed, match="^1 of 1 notebooks"):
        Book(three).store(["three"])
    with pytest.raises(Failed):
        Book(three).run()
    assert runs(three) == 1  # the one that ran was cached


def test_a_kernel_that_ends_and_a_cell_that_takes_too_long_are_failures_too(three, monkeypatch):
    monkeypatch.setattr(notebooks, "TIMEOUT", 2)
    save(three, ("markdown", "# one"), ("code", "import os\nos._exit(1)"))
    save(three, ("markdown", "# two"), ("code", "print('so far')\nimport time\ntime.sleep(60)"), name="two")
    with pytest.raises(Failed) as caught:
        Book(three).run()
    ended, late = re.split("\n\n(?=book|No page)", str(caught.value))[1:3]
    assert ended.startswith("book/one.ipynb, code cell 1:\n    import os\n") and "died" in ended
    assert late.startswith("book/two.ipynb") and "after 2 seconds" in late
    assert late.endswith("and had printed\n    so far")
    assert runs(three) == 1


BURNS = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end:\n    pass\n"


def test_cpu_seconds_count_the_kernel_and_the_processes_it_waits_for_and_no_sleep(root):
    """A cell works for half a second, a process it starts for one, a process of that one for one and a half."""
    run = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {!r}], check=True)\n"
    notebook = make_notebook(
        ("code", BURNS.format(0.5)), ("code", run.format(BURNS.format(1) + run.format(BURNS.format(1.5))))
    )
    asleep = make_notebook(("code", "import time\ntime.sleep(3)"))
    _, busy = notebooks.execute(notebook, root / "book")
    _, lazy = notebooks.execute(asleep, root / "book")
    assert busy.cpu >= 3
    assert lazy.wall >= 3 and 0 < lazy.cpu <= (lazy.wall - 3) * os.cpu_count()


def test_times_are_kept_with_the_outputs_and_shown_on_the_page_of_the_build(three):
    (three / "book/build.md").write_text("# Build\n\n<!-- run times -->\n")
    first, executed = Book(three).run(), Book(three).run()
    assert [time for _, time in executed.values()] == [time for _, time in first.values()]
    Book(three).lay_out(executed)
    rows = (three / "_build/stage/book/build.md").read_text().splitlines()
    assert "| Notebook | Seconds | CPU seconds |" in rows
    for path, (_, time) in executed.items():
        assert f"| [{path.stem.title()}]({path.stem}.ipynb) | {time.wall:.0f} | {time.cpu:.0f} |" in rows
    wall, cpu = (sum(one) for one in zip(*(time for _, time in executed.values())))
    assert f"| All | {wall:.0f} | {cpu:.0f} |" in rows and cpu > 0


def test_the_class_is_the_smallest_that_holds_the_time_and_two_runs_near_a_limit_do_not_change_it_back_and_forth():
    limits = sorted(times.CLASSES)
    assert limits == [15, 30, 60]
    for tenths in range(1, 900):
        cpu, nearby = tenths / 10, tenths / 10 * 1.1  # two runs of one chapter, a tenth apart
        holding = next((limit for limit in limits if cpu <= limit), 60)
        assert times.running_time(cpu) == times.running_time(cpu, "40 minutes") == times.CLASSES[holding]
        for now in times.CLASSES.values():
            told = []
            for one in (cpu, nearby, cpu, nearby):
                now = times.running_time(one, now)
                told.append(now)
            assert told[1:] == told[1:2] * 3  # settled after the second run at the latest
            named = next(limit for limit, name in times.CLASSES.items() if name == now)
            assert nearby <= 1.1 * named or named == 60  # what is told holds what was measured last, to a tenth
            assert all(
                nearby > 0.9 * smaller for smaller in limits if smaller < named
            )  # and no smaller one clearly does


def test_storing_writes_the_class_only_when_it_changes_and_warns_over_a_minute(root, monkeypatch, capsys):
    def stored(cpu):
        monkeypatch.setattr(
            notebooks, "execute", lambda notebook, *rest: (notebooks.normalize(notebook), times.Time(1, cpu))
        )
        Book(root).store()
        return notebooks.read(root / "book/one.ipynb").cells[0].source

    save(root, ("markdown", "# One\n\nRuns in about 10 seconds on one core, most of it sums. And on."), ("code", "1"))
    for cpu, told in (
        (2, "15 seconds"),
        (16, "15 seconds"),
        (20, "30 seconds"),
        (14, "30 seconds"),
        (13, "15 seconds"),
        (40, "1 minute"),
    ):
        assert stored(cpu) == f"# One\n\nRuns in about {told} on one core, most of it sums. And on."
        assert "warning" not in capsys.readouterr().out
    assert "1 minute" in stored(61)
    assert "warning: book/one.ipynb takes 61 CPU seconds" in capsys.readouterr().out


def test_the_report_says_whether_the_book_is_built_and_what_has_changed_since(root, monkeypatch):
    def report():
        return Book(root).stamp.report(root)

    def sphinx(book):
        (book.html / "book").mkdir(parents=True, exist_ok=True)
        if "gone" in (root / "book/one.ipynb").read_text():
            raise Failed("a warning")

    monkeypatch.setattr(Book, "run_sphinx", sphinx)
    save(root, ("markdown", "# One"), ("code", "6 * 7"))
    assert "not built; run make book first" in report()
    Book(root).build()
    assert re.search(r"pages of 20.*no source has changed", report())
    Book(root).store()  # outputs alone do not make the pages old
    assert "no source has changed" in report()
    (root / "unet_tutorial/used.py").write_text("")
    (root / "book/more.md").write_text("# More\n")
    (root / "requirements.txt").unlink()
    assert "changed since: book/more.md, requirements.txt, unet_tutorial/used.py; run make book" in report()
    (root / "requirements.txt").write_text("numpy==2\n")
    save(root, ("markdown", "# One, gone"), ("code", "6 * 7"))
    with pytest.raises(Failed, match="warning"):
        Book(root).build()
    assert "from a build that did not end" in report()


def test_the_stamp_holds_what_the_build_read_and_no_tool_that_makes_no_page():
    read = stamp.sources()
    assert {
        "book/training.ipynb",
        "book/_extra/explorables/start.js",
        "unet_tutorial/model.py",
        "tools/book.py",
        "tools/polish.py",
        "_toc.yml",
    } <= set(read)
    assert not {"tools/grade.py", "tests/test_tools.py", "README.md"} & set(read)


def test_pytest_says_at_its_start_whether_the_book_is_built():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "tests/test_tools.py", "-k", "magics"],
        capture_output=True,
        text=True,
        cwd=notebooks.ROOT,
    )
    assert Book().stamp.report() in done.stdout.splitlines()


def test_a_warning_and_dead_links_fail_every_build_until_they_are_mended(root):
    links = "<a href='gone.html'>gone</a> and <a href='#gone'>gone</a>"
    for builds, faults, *messages in (
        (2, f"[gone](gone.md) {links}", "Sphinx"),
        (1, links, "gone.html", "no such anchor"),
    ):
        save(root, ("markdown", f"# One\n\n{faults}"), ("code", "1"))
        for _ in range(builds):
            with pytest.raises(Failed) as failure:
                Book(root).build()
            assert all(message in str(failure.value) for message in messages)
    save(root, ("markdown", "# One"), ("code", "1"))
    Book(root).build()


def test_a_page_that_the_contents_name_must_exist(root):
    (root / "book/one.ipynb").unlink()
    with pytest.raises(Failed, match="book/one"):
        Book(root).pages()


def test_dependencies_follow_imports_through_the_package(root):
    def names(source):
        return {path.relative_to(root / "unet_tutorial").as_posix() for path in notebooks.dependencies(source, root)}

    for name, content in {
        "wing/__init__.py": "from ._room import Y\n",
        "wing/_room.py": "from ..deep import X\n\n\ndef late():\n    from . import _hidden\n",
        "wing/_hidden.py": "",
        "wing/data/0.json": "{}",
        "weights.npz": "1",
    }.items():
        (root / "unet_tutorial" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "unet_tutorial" / name).write_text(content)
    always = {"__init__.py", "weights.npz"}
    assert names("import numpy") == always
    assert names("from unet_tutorial import used") == always | {"used.py", "deep.py"}
    assert names("import unet_tutorial.other as o") == always | {"other.py", "deep.py"}
    assert names("def f():\n    from unet_tutorial.deep import X") == always | {"deep.py"}
    behind = {"wing/__init__.py", "wing/_room.py", "wing/_hidden.py", "wing/data/0.json", "deep.py"}
    assert names("from unet_tutorial.wing import Y") == always | behind
    assert names("from unet_tutorial import wing") == always | behind


def test_a_change_behind_a_face_runs_the_chapters_that_use_it(root):
    save(
        root,
        ("markdown", "# One"),
        ("code", "from unet_tutorial.wing import Y\nwith open('runs.txt', 'a') as f:\n    f.write('x')"),
    )
    wing = root / "unet_tutorial/wing"
    wing.mkdir()
    (wing / "__init__.py").write_text("from ._room import Y\n")
    (wing / "_room.py").write_text("Y = 1\n")
    cache, path = notebooks.Cache(root / "cache"), root / "book/one.ipynb"
    environment = {"PYTHONPATH": str(root)}
    for change, ran in ((None, 1), ("Y = 1\n", 1), ("Y = 2\n", 2)):
        if change:
            (wing / "_room.py").write_text(change)
        cache.run(path, environment=environment, root=root)
        assert runs(root) == ran


def test_the_fingerprint_notices_code_modules_pins_and_specimen_but_not_prose(root):
    def key(source="from unet_tutorial import used\nX", data="", prose="text"):
        return notebooks.fingerprint(make_notebook(("markdown", prose), ("code", source)), data, root)

    first = key()
    assert key() == first == key(prose="other text")
    assert key(data="isbi2012") != first != key(source="from unet_tutorial import used\nY")
    (root / "unet_tutorial/other.py").write_text("X = 3\n")
    assert key() == first
    (root / "unet_tutorial/deep.py").write_text("X = 2\n")
    second = key()
    assert second != first
    (root / "requirements.txt").write_text("numpy==4\n")
    assert key() != second


def test_magics_do_not_hide_imports():
    notebook = make_notebook(
        ("code", "try:\n    import x\nexcept ModuleNotFoundError:\n    %pip install x"),
        ("code", "from unet_tutorial import geometry"),
    )
    assert "geometry.py" in {path.name for path in notebooks.dependencies(notebooks.code(notebook))}


def test_running_a_notebook_twice_leaves_the_same_bytes(root):
    Book(root).store()
    first = (root / "book/one.ipynb").read_bytes()
    Book(root).store(["one"])
    assert (root / "book/one.ipynb").read_bytes() == first
    with pytest.raises(Failed, match="two"):
        Book(root).store(["two"])


def test_links_are_absolute_in_colab_and_relative_in_the_build():
    notebook = make_notebook(("markdown", "[a](two.ipynb#part) [b](three.md) [c](https://example.org/x.html)"))
    text.absolute_links(notebook)
    source = notebook.cells[0].source
    assert f"[a]({text.site()}/book/two.html#part) [b]({text.site()}/book/three.html)" in source
    assert "[c](https://example.org/x.html)" in source
    text.relative_links(notebook, {"two": "two.ipynb", "three": "three.md"})
    assert notebook.cells[0].source == "[a](two.ipynb#part) [b](three.md) [c](https://example.org/x.html)"


def test_links_of_a_page_in_a_folder_lead_up_first():
    notebook = make_notebook(
        ("markdown", f"[a]({text.site()}/book/two.html) [b]({text.site()}/book/more/four.html#part)")
    )
    text.relative_links(notebook, {"two": "two.ipynb", "more/four": "more/four.ipynb"}, "../")
    assert notebook.cells[0].source == "[a](../two.ipynb) [b](../more/four.ipynb#part)"


def test_the_paragraph_below_a_figure_becomes_its_caption():
    notebook = make_notebook(("code", "plot()"), ("markdown", "**Figure.** A line,\nrising.\n\nIt rises."))
    text.captions(notebook)
    assert notebook.cells[0].metadata.mystnb["figure"] == {"caption": "A line, rising."}
    assert notebook.cells[1].source == "It rises."


def test_the_ledger_reads_the_tables_of_the_chapters(root):
    path = root / "book/one.ipynb"
    head = "## Claims checked here\n\n| Claim | Section | Code | Test | Record |\n|---|---|---|---|---|\n"
    save(
        root,
        (
            "markdown",
            head + "| All is 42 | 2 | `used.f` | `test_a.py::test_b` | skips, paper |\n"
            "| None is 7 | - | `f` | `t` | - |",
        ),
    )
    row, bare = ledger.rows(path)
    assert (row.claim, row.section, row.code, row.tests) == ("All is 42", "2", ("used.f",), ("test_a.py::test_b",))
    assert row.records == ("skips", "paper") and bare.records == ()
    table = ledger.table([path])
    assert (
        "| All is 42 | 2 | [One](one.ipynb) | `used.f` | `test_a.py::test_b` | [skips](records.md#skips), "
        "[paper](records.md#paper) |"
    ) in table
    assert "| `f` | `t` | - |" in table
    for bad in (head, head + "| All | | `a` | `b` | - |", head + "| All | 2 | `a` | `b` |"):
        save(root, ("markdown", bad))
        with pytest.raises(ValueError, match="one.ipynb"):
            ledger.rows(path)


def test_dead_links_are_found_and_live_ones_are_not(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<p id="x"></p><a href="sub/b.html#y">1</a><a href="https://example.org">2</a>'
        '<a href="#x">3</a><a href="sub/">4</a><img src="gone.png"><a href="#z">5</a>'
    )
    (tmp_path / "sub/b.html").write_text('<a name="y"></a><a href="../a.html#x">1</a><a href="../c.html">2</a>')
    (tmp_path / "sub/index.html").write_text("")
    found = links.dead_links(tmp_path)
    assert [line.split(": ")[1].split(" ")[0] for line in found] == ["#z", "gone.png", "../c.html"]


def test_the_live_page_says_of_each_network_what_its_card_says():
    files = live.files_of_networks()
    assert {path.stem for path in pretrained.FOLDER.glob("*.npz")} == {told["name"] for told in live.menu()}
    for told in live.menu():
        card = (pretrained.FOLDER / f"{told['name']}.md").read_text("utf-8")
        terms = re.search("CC0|non-commercial", told["title"])[0]
        assert terms in card and terms in told["about"]
        assert all(image["file"] in files or image["file"].startswith("slice") for image in told["images"])
        assert len(files[f"network-{told['name']}.bin"]) == 4 * live.model(told["name"]).count_params()
        if told["name"] == "nuclei":
            assert told["percentiles"] == [_grey.LOW, _grey.HIGH, _grey.RARE] and told["knows"] == _plan.SEEN
            rules = json.loads((pretrained.FOLDER / "nuclei-measured.json").read_text("utf-8"))
            assert (told["threshold"], told["smallest"]) == (rules["rules"]["threshold"], rules["rules"]["smallest"])
            assert set(live.NUCLEI) <= set(rules["sample"]) and "has not seen" in told["images"][0]["about"]
