"""The border weights in the page: its numbers are the package's, and things move by key, mouse and finger."""

import base64
import json
import re

import numpy as np
import pytest
from listening import resting, settle
from matplotlib import colormaps
from scipy import ndimage

from unet_tutorial import weight_maps
from unet_tutorial.rounding import assert_agree

PAGE = "book/training.html"
HEIGHT, WIDTH = 96, 128
ROUNDING = 2**-23  # one step of float32, the package's type: both compute in float64 and round once
MAPS = """async (states) => {
    const { borderWeightMap, paintCells, separateTouching, twoNearest } =
        await import(new URL("../explorables/borders.js", location));
    const text = ({ buffer }) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""));
    return states.map(({ cells, ids, height, width, w0, sigma, pixels }) => {
        const painted = ids ? Int32Array.from(ids) : paintCells(cells, height, width);
        const separated = separateTouching(painted, height, width);
        const [weights, touching] = [separated, painted].map((one) => borderWeightMap(one, height, width, w0, sigma));
        return { painted: text(painted), separated: text(separated), weights: text(weights), touching: text(touching),
                 nearest: pixels.map(([row, column]) => twoNearest(separated, width, row, column)) };
    });
}"""


def ask(page, states):
    found = page.evaluate(MAPS, states)
    kinds = {"painted": np.int32, "separated": np.int32, "weights": np.float32, "touching": np.float32}
    for state, answer in zip(states, found):
        for name, kind in kinds.items():
            answer[name] = np.frombuffer(base64.b64decode(answer[name]), kind).reshape(state["height"], state["width"])
    return found


def ellipses(cells, height=HEIGHT, width=WIDTH):
    """Each pixel's cell: of those ellipses that hold it, the one of which it lies deepest inside."""
    rows, columns = np.mgrid[:height, :width]
    depths = [np.ones((height, width))]
    for cell in cells:
        turn = np.exp(-1j * cell["angle"]) * (columns - cell["x"] + 1j * (rows - cell["y"]))
        depths.append((turn.real / cell["a"]) ** 2 + (turn.imag / cell["b"]) ** 2)
    return np.argmin(depths, axis=0)


def random_cells(rng):
    """None to six cells, many of which touch, overlap, or reach over the edge."""
    return [
        {
            "x": int(rng.integers(WIDTH)),
            "y": int(rng.integers(HEIGHT)),
            "a": rng.uniform(5, 25),
            "b": rng.uniform(5, 25),
            "angle": rng.uniform(-3, 3),
        }
        for _ in range(rng.integers(7))
    ]


def random_state(rng, **state):
    state = {"height": HEIGHT, "width": WIDTH, "w0": rng.uniform(0, 20), "sigma": rng.uniform(1, 15)} | state
    rows, columns = rng.integers(state["height"], size=20), rng.integers(state["width"], size=20)
    return state | {"pixels": np.stack([rows, columns], 1).tolist()}


def compare(state, found):
    ids, touching = found["separated"], found["painted"]
    np.testing.assert_array_equal(ids, weight_maps.separate_touching(touching))
    for weights, cells in ((found["weights"], ids), (found["touching"], touching)):
        expected = weight_maps.border_weight_map(cells, state["w0"], state["sigma"])
        np.testing.assert_allclose(weights, expected, rtol=ROUNDING, atol=0)
    distances = {cell: ndimage.distance_transform_edt(ids != cell) for cell in np.unique(ids[ids > 0])}
    for (row, column), nearest in zip(state["pixels"], found["nearest"]):
        expected = sorted((distance[row, column], int(cell)) for cell, distance in distances.items())[:2]
        assert [near["id"] for near in nearest] == [cell for _, cell in expected]
        assert_agree([near["distance"] for near in nearest], [far for far, _ in expected], terms=1)
        for near in nearest:
            assert ids[near["row"], near["column"]] == near["id"]
            assert_agree(np.hypot(near["row"] - row, near["column"] - column), near["distance"], terms=1)


def test_a_hundred_arrangements_of_cells_get_the_weights_of_the_package(open_page):
    rng = np.random.default_rng(0)
    states = [random_state(rng, cells=random_cells(rng)) for _ in range(100)]
    states[0]["cells"], states[1]["cells"] = [], random_cells(rng)[:1]
    found = ask(open_page(PAGE), states)
    for state, one in zip(states, found):
        np.testing.assert_array_equal(one["painted"], ellipses(state["cells"]))
        compare(state, one)
    assert sum((one["painted"] != one["separated"]).any() for one in found) > 20
    assert not found[0]["painted"].any() and not found[0]["weights"].any() and not found[1]["weights"].any()


def test_a_hundred_maps_of_fragments_get_the_weights_of_the_package(open_page):
    rng = np.random.default_rng(1)
    states = []
    for index in range(100):
        height, width = (int(side) for side in rng.integers(1, 30, 2))
        filled = rng.random((height, width)) < (0.02, 0.1, 0.4, 0.9)[index % 4]
        ids = np.where(filled, rng.integers(1, 9, (height, width)), 0).ravel().tolist()
        states.append(random_state(rng, height=height, width=width, ids=ids, sigma=rng.choice([0.5, 2.0, 9.0])))
    for state, one in zip(states, ask(open_page(PAGE), states)):
        compare(state, one)


def test_cells_stay_on_the_map_and_apart_and_each_keeps_its_centre(open_page):
    rng = np.random.default_rng(2)
    wanted = rng.uniform(-20, (WIDTH + 20, HEIGHT + 20), (2000, 2))
    which = rng.integers(6, size=2000)
    told = open_page(PAGE).evaluate(
        """async (places) => {
        const { START, moved } = await import(new URL("../explorables/weights.js", location));
        let { cells } = START;
        return places.map(([index, x, y]) => cells = moved(cells, index, x, y));
    }""",
        np.column_stack([which, wanted]).tolist(),
    )
    centres = np.array([[[cell["x"], cell["y"]] for cell in cells] for cells in told])
    assert centres.min(axis=(0, 1)).tolist() == [5, 5]
    assert centres.max(axis=(0, 1)).tolist() == [WIDTH - 6, HEIGHT - 6]
    between = np.linalg.norm(centres[:, :, None] - centres[:, None], axis=-1)
    assert between[:, ~np.eye(6, dtype=bool)].min() >= 14
    went = centres[np.arange(2000), which]
    free = ((wanted > 5) & (wanted < (WIDTH - 6, HEIGHT - 6))).all(axis=1)
    off = np.abs(went - wanted).max(axis=1)[free]
    assert np.mean(off <= 0.5) > 0.6 and np.mean(off <= 16) > 0.97  # where another cell is, it goes beside it
    for cells in told[::20]:
        ids = weight_maps.separate_touching(ellipses(cells))
        assert [ids[cell["y"], cell["x"]] for cell in cells] == [1, 2, 3, 4, 5, 6]


def test_the_colours_are_those_of_the_still_figures_by_the_square_root(open_page):
    told = open_page(PAGE).evaluate("""async () => {
        const { heat } = await import(new URL("../explorables/weights.js", location));
        return Array.from({ length: 201 }, (_, step) => heat(step / 10));
    }""")
    expected = 255 * colormaps["inferno"](np.sqrt(np.linspace(0, 1, 201)))[:, :3]
    assert np.abs(np.array(told) - expected).max() < 9


def opened(page):
    explorable = page.locator("[data-explorable=weights]")
    explorable.evaluate("node => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
    resting(explorable.locator(".map"))
    return explorable


def settled(page, text):
    page.wait_for_function("text => document.querySelector('.weights .words').textContent.includes(text)", arg=text)


def state_at_start(page):
    return json.loads(
        page.evaluate("""async () => {
        const { START } = await import(new URL("../explorables/weights.js", location));
        return JSON.stringify(START);
    }""")
    )


def test_the_first_view_is_what_the_page_says_of_it(open_page):
    page = open_page(PAGE)
    start = state_at_start(page)
    ids = weight_maps.separate_touching(ellipses(start["cells"][: start["count"]]))
    weights = weight_maps.border_weight_map(ids, start["w0"], start["sigma"])
    x, y = start["pixel"]["x"], start["pixel"]["y"]
    assert (ids[y, x - 2 : x + 4] == [1, 0, 0, 0, 0, 2]).all() and f"{weights[y, x]:.2f}" == "6.07"
    explorable = opened(page)
    section = page.locator("section", has=explorable).last
    assert "At first it stands in a gap of 4 px" in " ".join(section.text_content().split())
    assert section.locator("mjx-container", has_text="6.07").count() or "6.07" in section.inner_html()
    assert [text.replace("\u00a0", " ") for text in explorable.locator("dd").all_text_contents()] == [
        "2.00 px to cell 1",
        "3.00 px to cell 2",
        "10 exp(−5.00² / 50) = 6.07",
    ]
    assert explorable.locator(".words").text_content() == (
        "Cross-hair: 2.00 px to cell 1, 3.00 px to cell 2, border term 6.07. "
        f"Highest: {weights.max():.2f}, between cells 3 and 4."
    )
    assert page.complaints == []


def test_cells_and_cross_hair_move_by_keyboard_and_say_so(open_page):
    page = open_page(PAGE)
    explorable = opened(page)
    second = explorable.get_by_role("slider", name="Cell 2")
    second.focus()
    page.keyboard.press("ArrowLeft")
    settled(page, "2.00 px to cell 1, 2.00 px to cell 2, border term 7.26")
    assert second.get_attribute("aria-valuetext") == "row 28, column 73"
    page.keyboard.press("Shift+ArrowRight")
    settled(page, "10.00 px to cell 2")
    cross = explorable.get_by_role("slider", name="Cross-hair")
    cross.focus()
    page.keyboard.press("ArrowRight")
    settled(page, "3.00 px to cell 1, 9.00 px to cell 2")
    assert cross.get_attribute("aria-valuetext") == "row 33, column 56"
    page.keyboard.press("Shift+ArrowLeft")
    settled(page, "on cell 1, where the border term is 0")
    explorable.get_by_role("slider", name="Cells").fill("1")
    settled(page, "One cell has no neighbour")
    explorable.get_by_label("Height w₀").fill("0")
    explorable.get_by_role("slider", name="Cells").fill("2")
    settled(page, "With a height of 0")
    explorable.get_by_role("button", name="reset").press("Enter")
    settled(page, "2.00 px to cell 1, 3.00 px to cell 2, border term 6.07")
    width = explorable.get_by_label("Width σ")
    width.focus()
    page.keyboard.press("ArrowRight")
    assert width.get_attribute("aria-valuetext") == "5.5 px"
    settled(page, f"border term {10 * np.exp(-25 / 60.5):.2f}")
    assert page.complaints == []


def spot(explorable, x, y):
    """Where the centre of a pixel of the map is in the window."""
    box = explorable.locator(".map").bounding_box()
    return box["x"] + (x + 0.5) / WIDTH * box["width"], box["y"] + (y + 0.5) / HEIGHT * box["height"]


def test_cells_are_dragged_and_the_mouse_asks_at_any_pixel(open_page):
    page = open_page(PAGE)
    explorable = opened(page)
    page.mouse.move(*spot(explorable, 74, 28))
    page.mouse.down()
    page.mouse.move(*spot(explorable, 73, 28), steps=3)
    page.mouse.up()
    settled(page, "2.00 px to cell 2, border term 7.26")
    page.mouse.move(*spot(explorable, 56, 33))
    page.wait_for_function("document.querySelector('.weights dd').textContent === '1.00 px to cell 2'")
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.weights dd').textContent === '2.00 px to cell 1'")
    page.mouse.move(*spot(explorable, 56, 33))
    explorable.get_by_role("slider", name="Cross-hair").press("ArrowDown")
    page.locator(".weights .cross[aria-valuetext='row 34, column 55']").wait_for()
    page.mouse.click(*spot(explorable, 56, 33))
    page.mouse.move(5, 5)
    settled(page, "1.00 px to cell 2, 3.00 px to cell 1")


def test_a_finger_drags_a_cell_taps_the_cross_hair_and_scrolls_beside_them(site, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{site}/{PAGE}", wait_until="networkidle")
    settle(page)
    explorable = opened(page)
    fingers = context.new_cdp_session(page)

    def swipe(start, end):
        points = [spot(explorable, *place) for place in np.linspace(start, end, 9)]
        for (x, y), kind in zip(points, ["touchStart"] + 8 * ["touchMove"]):
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    height = page.evaluate("scrollY")
    swipe((96, 62), (96, 42))
    page.locator(".weights [aria-label='Cell 4'][aria-valuetext='row 42, column 96']").wait_for(state="attached")
    resting(explorable.locator(".map"))
    assert page.evaluate("scrollY") == height
    page.touchscreen.tap(*spot(explorable, 40, 60))
    settled(page, "to cell 3")
    place = explorable.get_by_role("slider", name="Cross-hair").get_attribute("aria-valuetext")
    assert re.fullmatch("row (59|60|61), column (39|40|41)", place)
    swipe((120, 85), (120, 45))
    page.wait_for_function("(height) => scrollY > height + 40", arg=height)
    context.close()


@pytest.mark.parametrize("theme", ("light", "dark"))
@pytest.mark.parametrize("width", (1280, 360))
def test_it_fits_and_its_targets_are_large_enough(open_page, width, theme):
    page = open_page(PAGE, width)
    opened(page)
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sizes = page.eval_on_selector_all(
        ".weights :is(input, button, .handle .target)",
        """nodes => nodes
        .filter((node) => node.getClientRects().length)
        .map((node) => node.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height))""",
    )
    assert len(sizes) == 10 and min(sizes) >= 24
