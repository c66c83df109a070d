"""The repository's address stands in _config.yml; every line, button and link elsewhere agrees with it."""

import re
import subprocess
import sys

import pytest
import yaml

import unet_tutorial
from tools import notebooks, text

ROOT = notebooks.ROOT
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
URL, BRANCH = CONFIG["repository"]["url"], CONFIG["repository"]["branch"]
SLUG = URL.removeprefix("https://github.com/")
OWNER, NAME = SLUG.split("/")
TEXT = {".md", ".ipynb", ".yml", ".toml", ".cff", ".py", ".txt", ".cfg"}


def sources():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).suffix in TEXT and (ROOT / name).exists()]


def findings(pattern):
    return [(path.relative_to(ROOT), match) for path in sources() for match in re.findall(pattern, path.read_text())]


@pytest.mark.parametrize("pattern, right", [
    (r"github\.com/([\w.-]+/[\w-]+)", SLUG),
    (r"colab\.research\.google\.com/github/([\w.-]+/[\w-]+/blob/[\w.-]+)", f"{SLUG}/blob/{BRANCH}"),
    (r"git\+https://github\.com/([\w.-]+/[\w-]+@[\w.-]+)", f"{SLUG}@{BRANCH}"),
    (r"https://([\w-]+\.github\.io/[\w-]+)", f"{OWNER}.github.io/{NAME}"),
])
def test_every_address_is_the_one_of_the_configuration(pattern, right):
    found = findings(pattern)
    assert found
    assert [(str(path), match) for path, match in found if match != right] == []


def test_colab_links_open_files_that_exist():
    for path, name in findings(r"/blob/" + BRANCH + r"/([\w./-]+\.ipynb)"):
        assert (ROOT / name).exists(), (path, name)


def test_the_site_is_the_one_that_pages_publish():
    assert text.site() == f"https://{OWNER}.github.io/{NAME}"


def test_version_and_date_agree():
    version = unet_tutorial.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert f"## {version}, {citation['date-released']}" in (ROOT / "CHANGELOG.md").read_text()


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


def test_imports_follow_the_data_and_never_go_back():
    order = ["__init__", "_tensorflow", "checks", "rounding", "texture", "archives", "specimen", "phase_contrast", "datasets",
             "augmentation", "losses", "geometry", "model", "pretrained", "strategies", "training", "cluster", "tiling",
             "segments", "overlap", "warping", "metrics", "style", "overlays", "charts", "blueprint", "drawing",
             "plotting", "evaluation", "recipes", "records", "experiments"]
    modules = {path.stem: path for path in (ROOT / "unet_tutorial").glob("*.py")}
    assert set(modules) == set(order)
    for name, path in modules.items():
        later = notebooks.imported_modules(path.read_text()) - set(order[:order.index(name)])
        assert later & set(order) == set(), f"{name} imports {later}"
