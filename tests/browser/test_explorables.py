"""What every explorable promises, whatever it shows: no barrier, room for a finger, a still without scripts."""

import io
from pathlib import Path

import numpy as np
import pytest
from listening import painted, resting
from PIL import Image

from tools import stills

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TARGETS = "button, input, select, .knob, .handle .target"


def one_layer_back(explorable):
    explorable.get_by_role("button", name="previous layer").press("Enter")


def padded(explorable):
    explorable.get_by_role("slider", name="Kernel").fill("4")
    explorable.get_by_label("Padding").select_option("same")


def far_apart(explorable):
    explorable.get_by_role("slider", name="Kernel").fill("4")
    explorable.get_by_role("slider", name="Stride").fill("3")
    explorable.get_by_role("slider", name="Stamp").press("End")


def nothing(explorable):
    pass


def computed(explorable):
    explorable.locator(".panel button:enabled").nth(2).wait_for(state="attached")


def looked_into(explorable):
    explorable.locator(".words").nth(1).filter(has_text="px").wait_for()


# page, name, what is done or waited for, beyond the drawing, before it is examined
EXPLORABLES = (
    ("architecture", "sizes", nothing),
    ("contracting_path", "receptive", one_layer_back),
    ("contracting_path", "stepper", padded),
    ("expanding_path", "stepper", far_apart),
    ("training", "weights", nothing),
    ("augmentation", "elastic", nothing),
    ("results", "threshold", computed),
    ("live", "live", looked_into),
)
each = pytest.mark.parametrize(
    "place, name, prepare", EXPLORABLES, ids=lambda value: value if isinstance(value, str) else ""
)


def test_these_are_all_explorables_of_the_book():
    marked = [
        (path.stem, part.split('"')[0].strip("\\"))
        for path in sorted((ROOT / "book").iterdir())
        if path.is_file()
        for part in path.read_text(errors="ignore").replace('\\"', '"').split('data-explorable="')[1:]
    ]
    assert sorted(marked) == sorted((place, name) for place, name, *_ in EXPLORABLES)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with npm, which make book did not find")
@pytest.mark.parametrize("width", (360, 1280))
@pytest.mark.parametrize("theme", ("light", "dark"))
@each
def test_axe_finds_nothing_and_targets_are_large_enough(open_page, place, name, prepare, theme, width):
    page = open_page(f"book/{place}.html", width)
    explorable = page.locator(f"[data-explorable={name}]")
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    prepare(explorable)
    painted(page)
    page.add_script_tag(path=AXE)
    found = page.evaluate("(name) => axe.run(`[data-explorable=${name}]`).then(({ violations }) => violations)", name)
    assert [one["id"] for one in found] == []
    targets = [target for target in explorable.locator(TARGETS).all() if target.is_visible()]
    assert targets
    for target in targets:
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert explorable.evaluate("node => node.scrollWidth <= node.clientWidth")


@each
def test_without_scripts_a_still_is_all_that_shows(site, browser, place, name, prepare):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/book/{place}.html")
    explorable = page.locator(f"[data-explorable={name}]")
    assert explorable.count() == 1 and explorable.is_visible()
    picture = explorable.locator("img")
    picture.scroll_into_view_if_needed()
    assert len(picture.get_attribute("alt")) > 60 and explorable.locator("figcaption").is_visible()
    assert explorable.evaluate("node => node.querySelector('img').decode().then(() => true)")
    assert picture.bounding_box()["width"] > 300
    context.close()


@pytest.mark.parametrize("place, name, prepare", EXPLORABLES[:-1])  # every build makes the last one's still
def test_a_still_shows_what_the_explorable_shows(open_page, place, name, prepare):
    page = open_page(f"book/{place}.html")
    root = page.locator(f"[data-explorable={name}]")
    page.wait_for_function(
        "name => !document.querySelector(`[data-explorable=${name}]`).innerText.includes('computing')", arg=name
    )
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    resting(root)
    fresh = Image.open(io.BytesIO(root.screenshot())).convert("L")
    still = Image.open(
        HTML / "explorables/stills" / f"{stills.name_of(name, root.get_attribute('data-mode'))}.webp"
    ).convert("L")
    assert abs(still.width / still.height - fresh.width / fresh.height) < 0.05, "make stills takes it again"
    coarse = [np.asarray(picture.resize((64, 64), Image.Resampling.BOX), float) for picture in (fresh, still)]
    assert np.abs(coarse[0] - coarse[1]).mean() < 3, "make stills takes it again"
