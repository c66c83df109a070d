"""The build itself, on a book of two pages: it runs what changed, nothing else, and a failed build stays failed."""

import nbformat
import pytest

from tools import ledger, links, notebooks, text
from tools.book import Book, Failed

CONFIG = """title: Toy
only_build_toc_files: true
execute: {execute_notebooks: "off"}
sphinx: {config: {ogp_site_url: "https://toy.example/"}}
"""


def make_notebook(*cells):
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return nbformat.v4.new_notebook(cells=[new[kind](source) for kind, source in cells])


def save(root, *cells):
    (root / "book/one.ipynb").write_text(notebooks.dump(make_notebook(*cells)))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "unet_tutorial").mkdir()
    for name, content in {"_config.yml": CONFIG, "requirements.txt": "numpy==2\n",
                          "_toc.yml": "format: jb-book\nroot: book/index\nparts:\n- chapters:\n  - file: book/one\n",
                          "book/index.md": "# Index\n\n[one](one.ipynb)\n",
                          "unet_tutorial/__init__.py": "", "unet_tutorial/used.py": "from . import deep\n",
                          "unet_tutorial/deep.py": "X = 1\n", "unet_tutorial/other.py": "from .deep import X\n"}.items():
        (tmp_path / name).write_text(content)
    save(tmp_path, ("markdown", "# One"), ("code", "import os\nwith open('runs.txt', 'a') as f:\n    f.write('x')\n6 * 7"))
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


@pytest.mark.parametrize("fault, message", [("[gone](gone.md)", "Sphinx"), ("<a href='gone.html'>gone</a>", "gone.html"),
                                            ("<a href='#gone'>gone</a>", "no such anchor")])
def test_a_warning_or_a_dead_link_fails_every_build_until_it_is_mended(root, fault, message):
    save(root, ("markdown", f"# One\n\n{fault}"), ("code", "1"))
    for _ in range(2):
        with pytest.raises(Failed, match=message):
            Book(root).build()
    save(root, ("markdown", "# One"), ("code", "1"))
    Book(root).build()


def test_a_page_that_the_contents_name_must_exist(root):
    (root / "book/one.ipynb").unlink()
    with pytest.raises(Failed, match="book/one"):
        Book(root).pages()


def test_dependencies_follow_imports_through_the_package(root):
    def names(source):
        return {path.name for path in notebooks.dependencies(source, root)}

    assert names("import numpy") == {"__init__.py"}
    assert names("from unet_tutorial import used") == {"__init__.py", "used.py", "deep.py"}
    assert names("import unet_tutorial.other") == {"__init__.py", "other.py", "deep.py"}
    assert names("from unet_tutorial.deep import X") == {"__init__.py", "deep.py"}
    (root / "unet_tutorial/weights.npz").write_bytes(b"1")
    assert "weights.npz" in names("import numpy")
    (root / "unet_tutorial/deep").mkdir()
    (root / "unet_tutorial/deep/0.json").write_text("{}")
    assert "0.json" in names("from unet_tutorial import used")
    assert "0.json" not in names("import numpy")


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
    notebook = make_notebook(("code", "try:\n    import x\nexcept ModuleNotFoundError:\n    %pip install x"),
                             ("code", "from unet_tutorial import geometry"))
    assert notebooks.imported_modules(notebooks.code(notebook)) == {"geometry"}


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
    notebook = make_notebook(("markdown", f"[a]({text.site()}/book/two.html) [b]({text.site()}/book/more/four.html#part)"))
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
    save(root, ("markdown", head + "| All is 42 | 2 | `used.f` | `test_a.py::test_b` | skips, paper |\n"
                                   "| None is 7 | - | `f` | `t` | - |"))
    row, bare = ledger.rows(path)
    assert (row.claim, row.section, row.code, row.tests) == ("All is 42", "2", ("used.f",), ("test_a.py::test_b",))
    assert row.records == ("skips", "paper") and bare.records == ()
    table = ledger.table([path])
    assert ("| All is 42 | 2 | [One](one.ipynb) | `used.f` | `test_a.py::test_b` | [skips](records.md#skips), "
            "[paper](records.md#paper) |") in table
    assert "| `f` | `t` | - |" in table
    for bad in (head, head + "| All | | `a` | `b` | - |", head + "| All | 2 | `a` | `b` |"):
        save(root, ("markdown", bad))
        with pytest.raises(ValueError, match="one.ipynb"):
            ledger.rows(path)


def test_dead_links_are_found_and_live_ones_are_not(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text('<p id="x"></p><a href="sub/b.html#y">1</a><a href="https://example.org">2</a>'
                                     '<a href="#x">3</a><a href="sub/">4</a><img src="gone.png"><a href="#z">5</a>')
    (tmp_path / "sub/b.html").write_text('<a name="y"></a><a href="../a.html#x">1</a><a href="../c.html">2</a>')
    (tmp_path / "sub/index.html").write_text("")
    found = links.dead_links(tmp_path)
    assert [line.split(": ")[1].split(" ")[0] for line in found] == ["#z", "gone.png", "../c.html"]
