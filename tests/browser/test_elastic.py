"""The elastic deformation by hand: what it computes is what the package computes, and what it says is what it shows."""

import json
from pathlib import Path

import numpy as np
import pytest
from listening import article, painted
from PIL import Image

from unet_tutorial import augmentation
from unet_tutorial.rounding import assert_agree

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "_build" / "html" / "explorables" / "data"
PAGE = "book/augmentation.html"
PART, SIDE, MARGIN = np.s_[60:300, 170:410], 240, 40
DEFORM = """async (states) => {
    const { interpolateField, markFolded, padded, warpCubic, warpNearest } =
        await import(new URL("../explorables/augmentation.js", location));
    return JSON.stringify(JSON.parse(states).map(([levels, label, height, width, vectors]) => {
        const field = interpolateField(vectors, height, width), size = height * width;
        const picture = padded(Float32Array.from(levels, (level) => level / 255), height, width);
        const folded = new Uint8Array(size);
        const count = markFolded(field, height, width, folded);
        return { count, field: field.map((one) => Array.from(one)), folded: Array.from(folded),
            grey: Array.from(warpCubic(picture, field, new Float32Array(size))),
            label: Array.from(warpNearest(label, height, width, field, new Uint8Array(size))) };
    }));
}"""


@pytest.fixture(scope="module")
def slice_6():
    """The specimen's levels and its label, as the page loads them."""
    levels, label = (np.asarray(Image.open(DATA / f"{name}.png")) for name in ("slice", "label"))
    return levels, label // 255


@pytest.fixture(scope="module")
def vectors():
    """The nine vectors that the chapter prints."""
    return np.random.default_rng(3).normal(0, 10, (2, 3, 3)).round(1)


def folds(field):
    """As in the chapter, but that a piece without area folds too: arrows can make one."""
    rows, columns = (np.gradient(one.astype(float)) for one in field)
    return (1 + rows[0]) * (1 + columns[1]) - rows[1] * columns[0] <= 0


def ask(page, states):
    """What the page makes of levels, labels and vectors."""
    told = page.evaluate(
        DEFORM,
        json.dumps(
            [
                [levels.ravel().tolist(), label.ravel().tolist(), *label.shape, nodes.reshape(2, 9).tolist()]
                for levels, label, nodes in states
            ]
        ),
    )
    return json.loads(told)


def crops(slice_6, rng, count):
    """The part that the page shows and others, with vectors up to a fifth of the side."""
    for index in range(count):
        height, width = rng.integers(12, 120, 2)
        top, left = rng.integers(0, 512 - height), rng.integers(0, 512 - width)
        part = np.s_[top : top + height, left : left + width] if index % 10 else PART
        levels, label = (one[part] for one in slice_6)
        yield levels, label, rng.normal(0, min(label.shape) * rng.uniform(0, 0.2), (2, 3, 3))


def test_a_hundred_sets_of_vectors_deform_as_in_the_package(open_page, slice_6):
    states = list(crops(slice_6, np.random.default_rng(0), 100))
    seen = {"folded": 0, "mirrored": 0}
    for (levels, label, nodes), told in zip(states, ask(open_page(PAGE), states), strict=True):
        field = np.reshape(told["field"], (2, *label.shape)).astype(np.float32)
        assert_agree(field, augmentation.interpolate_field(nodes, label.shape), terms=2 * 3, scale=np.abs(nodes).max())
        # From here on the same float32 operations on the same numbers: no tolerance.
        image = (levels / 255).astype(np.float32)
        assert np.array_equal(np.reshape(told["grey"], label.shape).astype(np.float32), augmentation.warp(image, field))
        assert np.array_equal(np.reshape(told["label"], label.shape), augmentation.warp(label, field, order=0))
        assert np.array_equal(np.reshape(told["folded"], label.shape), folds(field))
        assert told["count"] == folds(field).sum()
        seen["folded"] += told["count"] > 0
        seen["mirrored"] += (np.arange(label.shape[0])[:, None] + field[0]).min() < 0
    assert min(seen.values()) > 20


def test_places_far_beyond_the_border_are_mirrored_back(open_page, slice_6):
    rng = np.random.default_rng(1)
    part = np.s_[100:130, 200:240]
    states = [(*(one[part] for one in slice_6), rng.normal(0, 100, (2, 3, 3))) for _ in range(10)]
    for (levels, label, nodes), told in zip(states, ask(open_page(PAGE), states)):
        field = augmentation.interpolate_field(nodes, label.shape)
        expected = augmentation.warp((levels / 255).astype(np.float32), field)
        place = np.abs(field).max() + max(label.shape)  # px: what a place is rounded by, a slope of 1 per px hands on
        assert_agree(np.reshape(told["grey"], label.shape), expected, terms=16, scale=place)


def pixels(canvas):
    """Red, green and blue of a canvas."""
    return np.reshape(
        canvas.evaluate("""(node) => Array.from(
        node.getContext("2d").getImageData(0, 0, node.width, node.height).data)"""),
        (SIDE, SIDE, 4),
    )[..., :3]


def said(page, *parts):
    """What is announced, once it holds all of the parts."""
    page.wait_for_function(
        """(parts) => {
        const { textContent } = document.querySelector(".elastic [aria-live]");
        return parts.every((part) => textContent.includes(part));
    }""",
        arg=parts,
    )
    return page.locator(".elastic [aria-live]").text_content()


def assert_shows(explorer, slice_6, vectors):
    """The two pictures are the part and its label, deformed by these vectors, folded pixels tinted."""
    field = augmentation.interpolate_field(vectors, (SIDE, SIDE))
    grey = augmentation.warp((slice_6[0][PART] / 255).astype(np.float32), field)
    image, label = (pixels(canvas) for canvas in explorer.locator("canvas").all()[1:])
    expected = np.floor(255 * grey.astype(float) + 0.5)
    folded = folds(field)
    assert np.array_equal(image[~folded], np.repeat(expected[~folded, None], 3, 1))
    assert (image[folded, 0] - image[folded, 1] > 20).all()  # magenta
    moved = augmentation.warp(slice_6[1][PART], field, order=0)
    assert np.array_equal(label, 255 * np.repeat(moved[..., None], 3, 2))
    return folded.mean()


def vector(knob):
    """Rows and columns of an arrow, in whole pixels, as it says them."""
    parts = knob.get_attribute("aria-valuetext").split(", ")
    words = dict(reversed(part.split(" px ")) for part in parts if " px " in part)
    return [int(words.get(forth, 0)) - int(words.get(back, 0)) for forth, back in (("down", "up"), ("right", "left"))]


def test_the_first_view_is_what_the_text_says(open_page, slice_6, vectors):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=elastic]")
    text = article(page)
    assert "the nine vectors of this chapter lie as arrows" in text
    assert "part of slice 6 of the synthetic specimen, 240 px wide" in text
    for row in str(vectors[0]).splitlines() + str(vectors[1]).splitlines():
        assert " ".join(row.strip("[] ").split()) in text
    assert [vector(knob) for knob in explorer.locator(".knob").all()] == pytest.approx(
        np.moveaxis(vectors, 0, -1).reshape(9, 2), abs=0.51
    )
    slider = explorer.get_by_label("Sigma")
    assert slider.input_value() == "10"
    assert assert_shows(explorer, slice_6, vectors) == 0
    assert explorer.locator(".words").text_content() == "The longest vector is 39 px long. Nothing folds."
    assert explorer.locator("figcaption").last.text_content() == "Deformed label: 0 and 1 only"
    assert explorer.locator("[aria-live]").text_content() == ""  # nobody asked yet
    slider.fill("13")
    said(page, "Nothing folds")
    assert "the first pixels fold at 14 px" in text
    slider.fill("14")
    said(page, "Less than 0.1% of the pixels fold")
    assert page.complaints == []


def test_sigma_scales_the_vectors_and_the_share_that_folds_is_told(open_page, slice_6, vectors):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=elastic]")
    explorer.get_by_label("Sigma").fill("40")
    heard = said(page, "fold (hatched)", "Deformed label: 0 and 1 only.")
    share = assert_shows(explorer, slice_6, 4 * vectors)
    assert share > 0.1 and f" {share:.1%} of the pixels fold" in heard
    assert explorer.locator(".knob.cut").count() > 0  # arrows that leave the view


def test_it_works_by_keyboard_and_says_what_is_seen(open_page, slice_6, vectors):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=elastic]")
    knob = explorer.get_by_role("slider", name="Arrow of the central node")
    assert knob.get_attribute("aria-valuetext") == "5 px up, 7 px left"
    knob.focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowDown", "Shift+ArrowUp"):
        page.keyboard.press(key)
    said(page, "Nothing folds")
    assert knob.get_attribute("aria-valuetext") == "14 px up, 4 px right"
    assert explorer.locator(".node.chosen").count() == 3
    moved = vectors.copy()
    moved[:, 1, 1] += -9, 11
    assert_shows(explorer, slice_6, moved)
    for _ in range(6):  # four arrows, sigma
        page.keyboard.press("Tab")
    focused = "node => node === document.activeElement"
    assert explorer.get_by_role("button", name="draw new vectors").evaluate(focused)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert explorer.get_by_role("button", name="reset").evaluate(focused)
    page.keyboard.press("Enter")
    said(page, "All vectors are zero: nothing moves. Deformed label: 0 and 1 only.")
    assert_shows(explorer, slice_6, np.zeros((2, 3, 3)))
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('.elastic').classList.contains('bare')")
    assert not explorer.locator("path").first.is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelectorAll('.elastic input:checked').length === 1")
    painted(page)
    label = slice_6[1][PART]
    padded = np.pad(label, 1, mode="edge")
    others = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    outline = np.any([other != label for other in others], axis=0)
    assert np.array_equal((pixels(explorer.locator("canvas").nth(1)) == (47, 180, 232)).all(-1), outline)
    assert page.complaints == []


def test_an_arrow_can_be_dragged_but_not_out_of_the_view(open_page, slice_6, vectors):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=elastic]")
    knob, view = explorer.locator(".knob").nth(5), explorer.locator(".view").first
    view.scroll_into_view_if_needed()
    knob.hover(position={"x": 20, "y": 12})  # waits until nothing moves any more
    box, grip = view.bounding_box(), knob.bounding_box()
    scale = (SIDE + 2 * MARGIN) / box["width"]
    page.mouse.down()
    page.mouse.move(grip["x"] + 20 - 30 / scale, grip["y"] + 12 + 20 / scale, steps=3)
    moved = vectors[:, 1, 2] + (20, -30)
    said(page, f"The longest vector is {np.hypot(*moved):.0f} px")
    assert vector(knob) == pytest.approx(moved, abs=1.1)
    other = explorer.get_by_role("slider", name="Arrow of the top left node")
    assert other.get_attribute("aria-valuetext") == "20 px down, 33 px right"
    page.mouse.move(box["x"] + 2000, box["y"] - 500)
    said(page, f"The longest vector is {np.hypot(MARGIN - 8, SIDE / 2 - 0.5 + MARGIN - 8):.0f} px")
    page.mouse.up()
    inner = knob.bounding_box()
    assert box["x"] <= inner["x"] + 16 <= box["x"] + box["width"] and box["y"] <= inner["y"] + 16
    page.mouse.move(box["x"] + 50, box["y"] + 50)  # no button is pressed
    painted(page)
    assert knob.bounding_box() == inner


def test_after_a_reset_one_arrow_can_be_dragged_alone(open_page):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=elastic]")
    explorer.get_by_role("button", name="reset").click()
    said(page, "nothing moves")
    knob = explorer.get_by_role("slider", name="Arrow of the central node")
    knob.press("Shift+ArrowLeft")
    said(page, "The longest vector is 10 px")
    texts = [one.get_attribute("aria-valuetext") for one in explorer.locator(".knob").all()]
    assert texts.count("no displacement") == 8 and texts[4] == "10 px left"
    explorer.get_by_role("button", name="draw new vectors").click()
    said(page, "The longest vector")
    page.wait_for_function("!document.querySelector('.elastic .knob').getAttribute('aria-valuetext').startsWith('no')")
