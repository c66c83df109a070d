"""One address and one version: every line, button and link names those of _config.yml and of the package."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import unet_tutorial
from tools import adopt, assignments, house, imports, notebooks, release, tracked
from tools.book import Book

ROOT = notebooks.ROOT
TEXT = {".md", ".ipynb", ".yml", ".toml", ".cff", ".py", ".txt", ".cfg"}
TODAY = "2031-05-04"
IO, DOMAIN = "github.io", "example.org"  # put together below, so that no address of a test stands in this file


def config(root):
    return yaml.safe_load((root / "_config.yml").read_text())


def slug(root):
    return config(root)["repository"]["url"].removeprefix("https://github.com/")


def site(root):
    return config(root)["sphinx"]["config"]["ogp_site_url"].rstrip("/")


def findings(root, pattern):
    return [
        (path, match)
        for path, content in tracked.files(root).items()
        if path.suffix in TEXT
        for match in re.findall(pattern, content.decode())
    ]


LAWS = {  # what a pattern finds in any file is what the function says
    "repository": (r"github\.com/([\w.-]+/[\w.-]*[\w-])", slug),
    "button": (
        r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+/blob/[\w.-]+)",
        lambda root: f"{slug(root)}/blob/v{release.version(root)}",
    ),
    "install line": (
        r"git\+https://github\.com/([\w.-]+/[\w.-]+@[\w.-]*\w)",
        lambda root: f"{slug(root)}@v{release.version(root)}",
    ),
    "page": (r"(https?://[\w./~-]+)/book/\w+\.html", site),
    "site": (r"(https?://[\w-]+\.github\.io[\w./-]*)", site),
}


def broken(root, law):
    """Where a law is broken. Raises AssertionError where nothing is found that it could hold for."""
    pattern, right = LAWS[law][0], LAWS[law][1](root)
    found = findings(root, pattern)
    assert found or law == "site"  # none where the pages have a domain of their own
    return [
        (str(path), match)
        for path, match in found
        if match != right and not (law == "site" and match.startswith(f"{right}/"))
    ]


@pytest.mark.parametrize("law", LAWS)
def test_every_line_names_the_address_of_the_configuration_and_the_release_of_the_package(law):
    assert broken(ROOT, law) == []


def test_colab_links_open_files_that_exist():
    for path, name in findings(ROOT, r"/blob/v[\d.]+/([\w./-]+\.ipynb)"):
        assert (ROOT / name).exists(), (path, name)


def test_version_and_date_agree():
    version = unet_tutorial.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version == release.version(ROOT)
    assert config(ROOT)["repository"]["branch"] == f"v{version}"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {version}, {citation['date-released']}" in changelog
    assert max(release.dates(changelog), key=release.numbers) == version


def copied(root, names):
    """Some tracked files in a checkout of their own, without history."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    tracked.git(root, "init", "-q")
    tracked.git(root, "add", "--force", "--intent-to-add", ".")
    return root


NAMES = [name for name in tracked.git(ROOT, "ls-files", "-z").decode().split("\0") if (ROOT / name).is_file()]
FEW = re.compile(r"[\w.-]+|tools/.*|unet_tutorial/__init__.py|book/introduction.ipynb|.*/weighted_loss.ipynb")


@pytest.fixture
def whole(tmp_path):
    return copied(tmp_path / "copy", NAMES)


@pytest.fixture
def few(tmp_path):
    return copied(tmp_path / "copy", filter(FEW.fullmatch, NAMES))


def contents(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] != ".git"
    }


def differing(one, other):
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def asked(root, module, *arguments):
    """A command in a checkout, with nothing but Python's own library."""
    return subprocess.run(
        [sys.executable, "-S", "-B", "-m", f"tools.{module}", "--", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def lawful(root):
    return all(broken(root, law) == [] for law in LAWS)


FORMS = "github.com/{0}", "google.com/github/{0}", "{1}"  # of the address in any file


@pytest.mark.parametrize(
    "repository, given",
    [
        ("kim-lab/u.net-2", ""),
        ("unet/tutorial", ""),
        ("unet/Unet.github.io", ""),
        ("kim-lab/u.net-2", f"https://pages.{DOMAIN}/"),
        ("kim/unet", f"https://www.{DOMAIN}/~kim/unet"),
    ],
)
def test_adopt_rewrites_every_address_and_nothing_else_and_adopts_back(whole, repository, given):
    (whole / "inbox").mkdir()
    (whole / "inbox/kim.ipynb").write_text(f"A student's, not tracked: {site(ROOT)}/book/training.html")
    before, old, new = contents(whole), adopt.Address(slug(ROOT), site(ROOT)), adopt.address(repository, given)
    expected = {path: content for path, content in before.items()}
    for path in NAMES:
        if b"\0" not in before[path]:
            for form in FORMS:
                expected[path] = expected[path].replace(form.format(*old).encode(), form.format(*new).encode())
    asking = [repository, given] if given else [repository]

    done = asked(whole, "adopt", *asking)
    assert done.returncode == 0, done.stderr
    after, changed = contents(whole), differing(before, expected)
    assert differing(after, expected) == [] and len(changed) > 25 and lawful(whole)
    assert f"repository {old.repository} -> {repository}\npages {old.site} -> {new.site}\n" in done.stdout
    for path in changed:
        places = sum(after[path].count(form.format(*new).encode()) for form in FORMS)
        assert re.search(rf"^  {path}: {places} places?$", done.stdout, re.M)
    for path in whole.glob("book/*.ipynb"):
        assert path.read_text() == notebooks.dump(notebooks.normalize(notebooks.read(path)))

    again = asked(whole, "adopt", *asking)
    assert again.returncode == 0 and again.stdout.startswith("nothing to do")
    assert differing(contents(whole), after) == []
    assert asked(whole, "adopt", *old).returncode == 0 and differing(contents(whole), before) == []


def test_the_students_notebook_of_an_adopted_master_is_the_adopted_one(few, tmp_path):
    adopt.adopt("kim-lab/u.net-2", root=few)
    assignments.build(few / "assignments/weighted_loss/weighted_loss.ipynb", tmp_path / "students", tmp_path / "dist")
    made = (tmp_path / "students/weighted_loss.ipynb").read_text()
    assert made == (few / "book/assignments/weighted_loss.ipynb").read_text() and "kim-lab.github.io/u.net-2" in made


def checkout(root, repository, pages, lines):
    """A checkout of two files that names an address, with lines of its own."""
    root.mkdir()
    (root / "_config.yml").write_text(
        f"repository:\n  url: https://github.com/{repository}\n  branch: v1.0.0\n\n"
        f"sphinx:\n  config:\n    ogp_site_url: {pages}/\n"
    )
    (root / "notes.md").write_bytes(lines.encode())
    tracked.git(root, "init", "-q")
    tracked.git(root, "add", ".")
    return root


@pytest.mark.parametrize("name, pages", [("u.net", f"https://kim.{IO}/u.net"), ("kim.github.io", f"https://kim.{IO}")])
def test_adopt_takes_whole_addresses_only(tmp_path, name, pages):
    lines = [
        ("https://github.com/{}", ".\r\n"),
        ("git@github.com:{}", ".git\n"),
        ("https://github.com/{}", ".git"),
        ("mybinder.org/v2/gh/{}", "/v1.0.0?x"),
        ("https://raw.githubusercontent.com/{}", "/main/a.png"),
        ("https://github.com/{}", "/issues"),
        ("{pages}", ""),
        ("({pages}", ")."),
        ("{pages}", "/"),
        ("{pages}", "/#a"),
        ("{pages}", "/a.pdf"),
        ("{pages}", "/book/a.html"),
        ("{pages}", "/_static/a.png"),
    ]
    if name == "u.net":
        lines.append(("{pages}", "/slides/"))
    others = [
        *(f"https://github.com/kim/{name}{more}" for more in ("-data", ".old", "_2", ".github")),
        f"https://github.com/lee-kim/{name}",
        f"https://notgithub.com/kim/{name}",
        f"kim/{name}",
        *(f"{pages}{more}" for more in ("-data/", ".org/", "er", "_2/")),
        f"https://kim.{IO}/data/",
    ]

    def written(repository, pages):
        return "\n".join([*(before.format(repository, pages=pages) + after for before, after in lines), *others])

    root = checkout(tmp_path / "a", f"kim/{name}", pages, written(f"kim/{name}", pages))
    adopt.adopt("lee/other", root=root)
    assert (root / "notes.md").read_bytes().decode() == written("lee/other", f"https://lee.{IO}/other")


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "kim",
        "kim/",
        "/unet",
        "kim/unet/book",
        "https://github.com/" + "kim/unet",
        "-kim/unet",
        "kim-/unet",
        "ki--m/unet",
        "k_m/unet",
        "kim.lab/unet",
        "kim/u net",
        "kim/ünet",
        "kim/..",
        "kim/unet.git",
        "kim/unet\n",
        "k" * 40 + "/unet",
        "kim/" + "u" * 101,
    ],
)
def test_adopt_refuses_what_is_no_repository_of_github(repository):
    with pytest.raises(tracked.Refused, match=f"^REPO={re.escape(repr(repository))}: must be owner/name"):
        adopt.address(repository)


@pytest.mark.parametrize(
    "given",
    [
        f"pages.{DOMAIN}",
        f"http://pages.{DOMAIN}",
        "https://",
        "https://localhost",
        "https://10.0.0.1",
        "https://a..org",
        *(f"https://pages.{DOMAIN}{rest}" for rest in (":8000", "/a b", "/?a", "/#a", "//a", "/../a", "/a.html", "\n")),
        f"https://me@{DOMAIN}",
        f"https://Pages.{DOMAIN}",
        *(f"https://{rest}" for rest in (f"lee.{IO}/unet", f"kim.{IO}/other", f"kim.{IO}")),
    ],
)
def test_adopt_refuses_what_is_no_place_for_pages(given):
    with pytest.raises(tracked.Refused, match=f"^SITE={re.escape(repr(given))}: .* https?.*kim.github.io/unet"):
        adopt.address("kim/unet", given)


@pytest.mark.parametrize(
    "module, arguments, message",
    [
        ("adopt", ["-kim/unet"], "error: REPO="),
        ("adopt", ["kim/unet", "nowhere"], "error: SITE="),
        ("release", ["0.0.0"], "error: VERSION="),
        ("release", ["-1"], "error: VERSION="),
    ],
)
def test_a_command_that_is_refused_changes_nothing(few, module, arguments, message):
    before = contents(few)
    done = asked(few, module, *arguments)
    assert done.returncode == 2 and done.stderr.startswith(message) and contents(few) == before
    shutil.rmtree(few / ".git")
    done = asked(few, "adopt", "kim/unet")
    assert done.returncode == 2 and "clone of the repository" in done.stderr and contents(few) == before


def failing(function, good):
    """A function that fails after some good calls."""
    left = iter(range(good))

    def call(*arguments):
        if next(left, None) is None:
            raise OSError("no space left")
        return function(*arguments)

    return call


@pytest.mark.parametrize("folder", ["", "/a"])
@pytest.mark.parametrize("method, good, written", [("write_bytes", 3, 0), ("replace", 0, 0), ("replace", 3, 3)])
def test_a_failed_change_changes_nothing_and_an_interrupted_one_ends(few, monkeypatch, folder, method, good, written):
    first, second = (
        (f"kim/unet{end}", f"https://www.{DOMAIN}{folder}{below}") for end, below in (("", ""), (".org", "/b"))
    )
    adopt.adopt(*first, few)
    before = contents(few)
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, failing(getattr(Path, method), good))
        with pytest.raises(tracked.Refused, match="no space left"):
            adopt.adopt(*second, few)
    now = contents(few)
    assert now.keys() == before.keys() and len(differing(now, before)) == written
    adopt.adopt(*second, few)
    assert lawful(few) and contents(few).keys() == before.keys()
    adopt.adopt(*first, few)
    assert differing(contents(few), before) == []


def test_adopt_says_what_is_left_to_do(few):
    assert "Custom domain: pages.example.org" in adopt.adopt("kim/unet", f"https://pages.{DOMAIN}", few)
    assert "of the repository kim.github.io: example.org" in adopt.adopt("kim/unet", f"https://{DOMAIN}/unet", few)
    assert f"cannot serve https://{DOMAIN}/a/b" in adopt.adopt("kim/unet", f"https://{DOMAIN}/a/b", few)
    done = adopt.adopt("kim/unet", root=few)
    assert "Custom domain" not in done and "Source: GitHub Actions" in done and "tag" not in done


def with_news(root):
    """Let the changelog say something that is not released."""
    path = root / "CHANGELOG.md"
    if not release.unreleased(path.read_text()):
        path.write_text(path.read_text().replace("# Changelog\n", "# Changelog\n\n## Unreleased\n\nNews.\n", 1))
    return root


def test_release_moves_the_version_everywhere_and_nothing_else(whole):
    before, old, branch = contents(with_news(whole)), release.version(whole), config(ROOT)["repository"]["branch"]
    date = yaml.safe_load((ROOT / "CITATION.cff").read_text())["date-released"]
    said = release.release("7.10.0", TODAY, whole)
    after = contents(whole)
    assert lawful(whole) and release.version(whole) == "7.10.0" and config(whole)["repository"]["branch"] == "v7.10.0"
    citation = yaml.safe_load((whole / "CITATION.cff").read_text())
    assert (citation["version"], citation["date-released"]) == ("7.10.0", TODAY)
    assert after.keys() == before.keys() and len(differing(before, after)) > 25
    for path in differing(before, after):
        lines = [content[path].decode().split("\n") for content in (before, after)]
        moved = [(one, other) for one, other in zip(*lines, strict=True) if one != other]
        for one, other in moved:
            assert other in (
                one.replace(branch, "v7.10.0"),
                one.replace(old, "7.10.0"),
                one.replace(date, TODAY),
                one.replace("Unreleased", f"7.10.0, {TODAY}"),
            ), (path, one, other)
        assert re.search(rf"^{path}: {len(moved)} places?, ", said, re.M)
    assert f"CHANGELOG.md: 1 place, Unreleased -> 7.10.0, {TODAY}\n" in said and "git tag v7.10.0" in said

    assert release.release("7.10.0", "2031-12-31", whole).startswith("nothing to do")
    assert differing(contents(whole), after) == []
    (whole / "book/training.ipynb").write_bytes(before["book/training.ipynb"])
    assert "book/training.ipynb: 1 place, " in release.release("7.10.0", "2031-12-31", whole)
    assert differing(contents(whole), after) == []


def test_release_wants_a_larger_version_and_news(few):
    release.release("7.10.0", TODAY, with_news(few))
    with pytest.raises(tracked.Refused, match="says nothing under '## Unreleased'"):
        release.release("7.11.0", TODAY, few)
    before = contents(with_news(few))
    for version in ("7.9.9", "7.10.0", "0.0.1"):
        with pytest.raises(tracked.Refused, match="is out already"):
            release.release(version, TODAY, few)
    assert differing(contents(few), before) == []
    assert release.release("7.11.0", TODAY, few)


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "1.2.3.4", "1.02.3", "1.2.3rc1", "1.2.3\n", "1٢.0.0"])
def test_release_refuses_what_is_no_version(version):
    with pytest.raises(tracked.Refused, match=r"^VERSION=.*: must be three numbers X\.Y\.Z"):
        release.plan(version, TODAY)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: re.sub("## Unreleased\n.*?(?=## )", "## Unreleased\n\n", text, flags=re.S), "says nothing"),
        (lambda text: text.replace("## Unreleased", "## Soon"), "says nothing"),
        (lambda text: text + "\n## Unreleased\n\nMore.\n", "once"),
    ],
)
def test_release_refuses_a_changelog_that_does_not_say_what_is_new(few, spoil, message):
    path = with_news(few) / "CHANGELOG.md"
    path.write_text(spoil(path.read_text()))
    before = contents(few)
    with pytest.raises(tracked.Refused, match=message):
        release.release("7.10.0", TODAY, few)
    assert differing(contents(few), before) == []


def commit(root):
    tracked.git(root, "add", "-A")
    tracked.git(
        root,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a",
        "-c",
        "commit.gpgsign=false",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "a",
    )
    return tracked.git(root, "rev-parse", "HEAD").decode().strip()


def script(workflow, words, root, **environment):
    """Run the step of a workflow whose name holds some words, as the runner does."""
    steps = [
        step
        for job in yaml.safe_load((ROOT / f".github/workflows/{workflow}.yml").read_text())["jobs"].values()
        for step in job["steps"]
        if words in step.get("name", "")
    ]
    assert len(steps) == 1
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[0]["run"]],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def origin(few, tmp_path):
    """A remote repository of a checkout that was released."""
    release.release("7.10.0", TODAY, with_news(few))
    tracked.git(tmp_path, "init", "-q", "--bare", "origin.git")
    tracked.git(few, "remote", "add", "origin", str(tmp_path / "origin.git"))
    commit(few)
    tracked.git(few, "push", "-q", "origin", "HEAD:refs/heads/main")
    return tmp_path / "origin.git"


def tags(root):
    listed = tracked.git(root, "for-each-ref", "refs/tags", "--format=%(refname:short) %(objectname)").decode()
    return dict(line.split() for line in listed.splitlines())


def test_publishing_tags_a_version_once(few, origin):
    first = tracked.git(few, "rev-parse", "HEAD").decode().strip()
    for _ in range(2):
        done = script("publish", "Tag the version", few)
        assert done.returncode == 0, done.stderr
        assert tags(origin) == {"v7.10.0": first}
        commit(few)
    release.release("7.11.0", TODAY, with_news(few))
    second = commit(few)
    assert script("publish", "Tag the version", few).returncode == 0
    assert tags(origin) == {"v7.10.0": first, "v7.11.0": second}
    shutil.rmtree(origin)
    assert script("publish", "Tag the version", few).returncode != 0


def test_publishing_tags_before_it_publishes_the_branch_that_pages_are_edited_on():
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())
    steps = [step.get("run", step.get("uses", "")) for step in workflow["jobs"]["publish"]["steps"]]
    order = [[words in step for step in steps].index(True) for words in ("make book", "git push", "deploy-pages")]
    assert order == sorted(order) and workflow["permissions"]["contents"] == "write"
    template = config(ROOT)["sphinx"]["config"]["html_context"]["edit_page_url_template"]
    assert [re.search("/edit/(.*?)/", template)[1]] == workflow[True]["push"]["branches"]  # YAML reads "on" as true


def test_the_weekly_job_takes_the_release_by_the_line_of_the_readme_and_the_branch(few, origin, tmp_path):
    lines = re.findall(r"^pip install .*$", (ROOT / "README.md").read_text(), re.M)
    assert lines == [
        f'pip install "unet-tutorial[tensorflow] @ git+https://github.com/{slug(ROOT)}@v{unet_tutorial.__version__}"'
    ]
    script("publish", "Tag the version", few)
    (few / "book/later.ipynb").write_text("{}")
    later = commit(few)
    line = f"unet-tutorial[tensorflow] @ git+https://github.com/{slug(ROOT)}@v7.10.0"
    for version, package, there in (("main", ".", True), ("release", line, False)):
        done = script("colab", "last release", few, VERSION=version, GITHUB_ENV=str(tmp_path / version))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / version).read_text() == f"PACKAGE={package}\n"
        assert (few / "book/later.ipynb").exists() == there
    assert later != tracked.git(few, "rev-parse", "HEAD").decode().strip() == tags(origin)["v7.10.0"]


def test_a_fork_with_the_tags_of_another_is_told_so_and_cannot_release_them_again(few, origin):
    script("publish", "Tag the version", few)
    tracked.git(few, "fetch", "-q", "--tags", "origin")
    tracked.git(few, "tag", "v7.11.0")
    assert "The tag v7.10.0 still holds the old address" in adopt.adopt("kim/unet", root=few)
    with pytest.raises(tracked.Refused, match="tag v7.11.0 exists"):
        release.release("7.11.0", TODAY, with_news(few))


def test_pages_launch_the_release_are_edited_on_the_branch_and_name_the_version(tmp_path):
    real = config(ROOT)
    toy = {
        **{key: real[key] for key in ("title", "only_build_toc_files", "execute", "repository", "launch_buttons")},
        "html": {key: value for key, value in real["html"].items() if key != "favicon"},
        "sphinx": {"config": {key: real["sphinx"]["config"][key] for key in ("html_context", "ogp_site_url")}},
    }
    for name, content in {
        "_config.yml": yaml.safe_dump(toy),
        "requirements.txt": "",
        "book/index.md": "# Index\n",
        "_toc.yml": "format: jb-book\nroot: book/index\nparts:\n- chapters:\n  - file: book/assignments/one\n",
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3, 2031-05-04\n\nFirst.\n",
        "unet_tutorial/__init__.py": '__version__ = "1.2.3"\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "book/assignments").mkdir()  # whose notebooks are not run
    notebook = notebooks.normalize(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")]))
    (tmp_path / "book/assignments/one.ipynb").write_text(notebooks.dump(notebook))
    Book(tmp_path).build()
    page = BeautifulSoup((tmp_path / "_build/html/book/assignments/one.html").read_text(), "html.parser")
    links = {link["href"] for link in page.select(".article-header-buttons a[href^='https://']")}
    tag, url = f"v{unet_tutorial.__version__}", real["repository"]["url"]
    assert f"https://colab.research.google.com/github/{slug(ROOT)}/blob/{tag}/book/assignments/one.ipynb" in links
    assert f"https://mybinder.org/v2/gh/{slug(ROOT)}/{tag}?urlpath=lab/tree/book/assignments/one.ipynb" in links
    assert f"{url}/edit/main/book/assignments/one.ipynb" in links and url in links
    assert not [link for link in links if tag in link and "colab" not in link and "mybinder" not in link]
    assert "Version 1.2.3. Text under" in page.select_one("footer.bd-footer-content").get_text()
    assert release.shown(tmp_path) == "Version 1.2.3."
    assert release.shown(with_news(tmp_path)) == "Version 1.2.3 and later changes."


def test_make_passes_on_what_it_is_told(few):
    def make(*arguments):
        return subprocess.run(["make", f"PYTHON={sys.executable}", *arguments], cwd=few, capture_output=True, text=True)

    assert "error: REPO=''" in make("adopt", "REPO=").stderr
    assert "error: VERSION=''" in make("release", "VERSION=").stderr
    assert "kim/unet" in make("adopt", "REPO=kim/unet", f"SITE=https://unet.{DOMAIN}").stdout
    assert site(few) == f"https://unet.{DOMAIN}"
    with_news(few)
    assert "git tag v7.10.0" in make("release", "VERSION=7.10.0").stdout
    assert "needed" in subprocess.run(["make", "PYTHON=", "adopt"], cwd=few, capture_output=True, text=True).stdout


@pytest.mark.parametrize("module", [adopt, release])
def test_examples_are_true(module):
    tried = doctest.testmod(module)
    assert tried.attempted and not tried.failed


def test_the_readme_is_short_and_names_both_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 120
    assert any(line.startswith("make book") for line in lines) and any(line.startswith("make test") for line in lines)


def test_every_requirement_is_pinned_exactly():
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert pins and all(re.match(r"[\w.-]+==[\w.]+( ;|$)", line) for line in pins)


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_workflows_are_well_formed_and_call_the_readme_commands(path):
    lint = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(lint, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] and all("timeout-minutes" in job for job in workflow["jobs"].values())
    for step in (step for job in workflow["jobs"].values() for step in job["steps"]):
        for target in re.findall(r"^make (\w+)", step.get("run", ""), re.M):
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_git_blame_skips_commits_that_are_named_in_full_and_by_their_subject():
    lines = (ROOT / ".git-blame-ignore-revs").read_text().splitlines()
    assert lines and len(lines) % 2 == 0
    for comment, revision in zip(lines[::2], lines[1::2]):
        assert re.fullmatch(r"# \S.*", comment) and re.fullmatch("[0-9a-f]{40}", revision), (comment, revision)
        show = ["git", "show", "-s", "--format=# %s", revision]
        told = subprocess.run(show, cwd=ROOT, capture_output=True, text=True)
        assert told.returncode or told.stdout == f"{comment}\n"  # a shallow clone does not have the commit


def test_hooks_run_what_make_lint_runs_and_ci_runs_it_before_the_book():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [one["repo"] for one in repositories] == ["local"]  # no other: it would be downloaded
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"} and not any(hook["pass_filenames"] for hook in hooks)
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    commands = [line.strip().replace("$(BIN)/", ".venv/bin/") for line in recipe.splitlines()]
    assert [hook["entry"] for hook in hooks] == commands and all(one.startswith(".venv/bin/") for one in commands)
    for path in (".ci/run", ".github/workflows/test.yml"):
        run = re.findall(r"^(?: *- run: )?make (lint|book)\b", (ROOT / path).read_text(), re.M)
        assert run == ["lint", "book"], path


SHOWN = ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md")  # by GitHub itself


def test_the_pages_that_github_shows_link_to_files_that_exist_and_to_one_another():
    linked = set()
    for name in SHOWN:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / name).read_text()):
            path = (ROOT / name).parent / target
            assert path.exists() or (name, target) == ("SECURITY.md", "../../security/advisories/new"), (name, target)
            linked.add(path.resolve())
    assert {ROOT / name for name in SHOWN[1:]} <= linked
    assert "../../security/advisories/new" in (ROOT / "SECURITY.md").read_text()


def test_dependabot_is_well_formed_and_looks_at_the_actions_only():
    path = ROOT / ".github/dependabot.yml"
    lint = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.dependabot", str(path)]
    checked = subprocess.run(lint, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    updates = yaml.safe_load(path.read_text())["updates"]
    assert [(one["package-ecosystem"], one["schedule"]) for one in updates] == [
        ("github-actions", {"interval": "monthly"})
    ]


def test_imports_follow_the_data_and_never_go_back():
    plan = house.plan()
    assert set(plan) == set(house.ORDER)
    assert house.backward(plan) == []


def test_the_house_is_small_enough_to_hold_in_mind():
    plan = house.plan()
    assert len(plan) <= house.ROOMS and sum(map(len, plan.values())) <= house.ARROWS


def test_an_arrow_back_and_an_import_inside_a_function_are_seen(tmp_path):
    package = tmp_path / "toy"
    for name, content in {
        "__init__.py": "",
        "early.py": "def late_is_imported_here():\n    from .wing import late\n",
        "wing/__init__.py": "from ._room import late",
        "wing/_room.py": "from . import _other\nlate = 1",
        "wing/_other.py": "from toy import early",
    }.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(content)
    plan = house.plan(tmp_path, "toy")
    assert plan == {"early": {"wing"}, "wing": {"early"}}
    assert house.backward(plan, ["early", "wing"]) == ["early imports wing"]


def test_rooms_behind_a_face_are_entered_through_the_face():
    """From another wing nobody imports a room whose name begins with an underscore; tests and one's own wing may."""
    for module in imports.modules(ROOT, notebooks.PACKAGE):
        for target in imports.direct(module, ROOT):
            if house.room(target) not in (house.room(module), "_shared"):
                assert not any(part.startswith("_") for part in target.split(".")[2:]), f"{module} imports {target}"


def test_the_picture_of_the_house_is_drawn_from_the_code():
    assert house.picture(house.plan()) in (ROOT / "CONTRIBUTING.md").read_text()
