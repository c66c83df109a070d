"""The threshold explorer: what it computes is what the package computes, and what it says is what it shows."""

from pathlib import Path

import numpy as np
import pytest
from listening import article, heard, painted, resting
from PIL import Image
from scipy import ndimage

from unet_tutorial import metrics
from unet_tutorial.datasets import _synthetic_em

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "_build" / "html" / "explorables" / "data"
PAGE = "book/results.html"
THRESHOLDS = [k / 100 for k in range(2, 99)]
MEASURES = (("pixel", metrics.pixel_error), ("rand", metrics.rand_error), ("warping", metrics.warping_error))
JUDGE = """async (states) => {
    const { judge, slice } = await import(new URL("../explorables/errors.js", location));
    const { warpingErrors } = await import(new URL("../explorables/warping.js", location));
    return states.map(([levels, truth, height, width, threshold]) => {
        const image = slice(Float64Array.from(levels, (level) => level / 255), Uint8Array.from(truth), height, width);
        const proposal = image.truth.map((_, pixel) => levels[pixel] / 255 > threshold);
        const { warped } = warpingErrors(image, proposal, threshold);
        const { kinds, ...result } = judge(image, threshold);
        return { ...result, kinds: Array.from(kinds), warped: Array.from(warped) };
    });
}"""


@pytest.fixture(scope="module")
def pictures():
    """The specimen's levels, its label and the network's probability in 8 bits, as the page loads them."""
    return tuple(np.asarray(Image.open(DATA / f"{name}.png")) for name in ("slice", "label", "probability"))


@pytest.fixture(scope="module")
def part(pictures):
    """Probability and truth of the part that the page shows."""
    _, label, levels = (one[64:256, 192:384] for one in pictures)
    return levels / 255, (label > 0).astype(np.uint8)


def crops(pictures, rng, count):
    """Crops of the slice that hold a cell, of many shapes and thresholds."""
    _, label, levels = pictures
    while count:
        height, width = rng.integers(8, 120, 2)
        top, left = rng.integers(0, 512 - height), rng.integers(0, 512 - width)
        part = np.s_[top : top + height, left : left + width]
        if label[part].any():
            count -= 1
            yield levels[part], (label[part] > 0).astype(np.uint8), rng.choice(THRESHOLDS)


def noise(rng, count):
    """Blotches and a truth that has little to do with them: holes, diagonals and ties in abundance."""
    for _ in range(count):
        height, width = rng.integers(3, 60, 2)
        levels, truth = (
            ndimage.gaussian_filter(rng.uniform(0, 255, (height, width)), rng.uniform(0.4, 1.5)) for _ in range(2)
        )
        truth = (truth > np.quantile(truth, 0.3)).astype(np.uint8)
        levels = np.round(levels / 8).astype(int) * 8
        yield levels, truth, rng.choice([0.02, 0.98, *np.round(rng.uniform(0.35, 0.65, 8), 2)])


def groups(found, cells):
    """Segments of each cut cell and cells of each joining segment, by definition: more than half of each lies there."""
    cut, joined = {}, {}
    for one in range(1, found.max() + 1):
        for cell in range(1, cells.max() + 1):
            shared = ((found == one) & (cells == cell)).sum()
            if 2 * shared > (found == one).sum():
                cut.setdefault(cell, []).append(one)
            if 2 * shared > (cells == cell).sum():
                joined.setdefault(one, []).append(cell)
    return [{key: members for key, members in one.items() if len(members) > 1} for one in (cut, joined)]


def test_a_hundred_states_are_judged_as_the_package_judges_them(open_page, pictures):
    rng = np.random.default_rng(0)
    states = [*crops(pictures, rng, 50), *noise(rng, 50)]
    told = open_page(PAGE).evaluate(
        JUDGE,
        [
            [levels.ravel().tolist(), truth.ravel().tolist(), *truth.shape, float(theta)]
            for levels, truth, theta in states
        ],
    )
    seen = {"split": 0, "merge": 0, "cut": 0, "joining": 0}
    for (levels, truth, theta), result in zip(states, told):
        probability = levels / 255
        for name, measure in MEASURES:
            # The same operations on the same integers: no tolerance.
            assert result[name] == measure(probability, truth, theta)
        scores = metrics.rand_scores(probability, truth, theta)
        assert (result["splitScore"], result["mergeScore"]) == (scores.split, scores.merge)
        assert np.array_equal(np.reshape(result["warped"], truth.shape), metrics.warp_label(probability, truth, theta))
        for name, mask in zip(("split", "merge"), metrics.warping_errors(probability, truth, theta)):
            assert np.array_equal(sorted(result[name]), np.flatnonzero(mask))
        found, cells = metrics.segments(probability, theta), metrics.segments(truth)
        cut, joined = groups(found, cells)
        kinds = (found > 0).astype(int)
        kinds[np.isin(found, [one for members in cut.values() for one in members])] = 2
        kinds[np.isin(found, list(joined))] = 3
        assert np.array_equal(np.reshape(result["kinds"], truth.shape), kinds)
        assert (result["segments"], result["cut"], result["joining"]) == (found.max(), len(cut), len(joined))
        assert result["pieces"] == metrics.merged_cells(cells, found)
        assert result["joined"] == metrics.merged_cells(found, cells)
        for name in seen:
            seen[name] += bool(result[name])
    assert min(seen.values()) > 20  # each kind of mistake was there to be found


def ready(page):
    page.wait_for_function("document.querySelectorAll('.threshold .panel button:enabled').length === 3")
    return page.locator("[data-explorable=threshold]")


def panels(explorer):
    """The numbers, and the thresholds where they are least, that stand above the three plots."""
    heads = explorer.locator(".panel p").all()
    return [float(head.locator("strong").text_content()) for head in heads], [
        float(head.locator("button").text_content().removeprefix("least at ")) for head in heads
    ]


def test_the_first_view_is_what_the_text_says(open_page, pictures, part):
    page = open_page(PAGE)
    explorer = ready(page)
    probability, truth = part
    assert np.array_equal(pictures[0], _synthetic_em.em_slice(6, 512, 0)[0])
    text = article(page)
    assert "part of slice 6 of the synthetic specimen. It starts at 0.40" in text
    assert "Each error is least at another threshold" in text
    assert explorer.get_by_role("slider", name="Threshold").input_value() == "0.4"
    values, best = panels(explorer)
    for value, (_, measure), digits in zip(values, MEASURES, (4, 4, 5)):
        assert value == round(measure(probability, truth, 0.4), digits)
    curves = [[measure(probability, truth, theta) for theta in THRESHOLDS] for _, measure in MEASURES]
    assert best == [THRESHOLDS[int(np.argmin(curve))] for curve in curves] and len(set(best)) == 3
    found, cells = metrics.segments(probability, 0.4), metrics.segments(truth)
    split, merge = (int(mask.sum()) for mask in metrics.warping_errors(probability, truth, 0.4))
    cut, joined = groups(found, cells)
    assert explorer.locator(".key li").all_text_contents() == [
        f"{len(cut)} cells cut into {metrics.merged_cells(cells, found)} pieces",
        f"{len(joined)} segment joins {metrics.merged_cells(found, cells)} cells",
        f"{split} pixels split a cell",
        f"{merge} pixels merge cells",
    ]
    assert explorer.locator("[aria-live]").text_content() == (
        f"At 0.40, {len(cut)} cells are cut and {metrics.merged_cells(found, cells)} are joined. This is too high for "
        "the pixel error and the Rand error, too low for the warping error. "
        f"Pixel error {values[0]:.4f}. Rand error {values[1]:.4f}. Warping error {values[2]:.5f}."
    )
    assert page.complaints == []


def test_the_curves_are_the_errors_with_their_parts_and_each_least_one_is_one_press_away(open_page, part):
    page = open_page(PAGE)
    explorer = ready(page)
    expected = []
    for theta in THRESHOLDS:
        scores, masks = metrics.rand_scores(*part, theta), metrics.warping_errors(*part, theta)
        expected.append(
            [
                metrics.pixel_error(*part, theta) / 0.3,
                *((1 - score) / 0.7 for score in (scores.split, scores.merge, scores.f)),
                *(mask.mean() / 0.006 for mask in (*masks, np.logical_or(*masks))),
            ]
        )
    drawn = explorer.locator(".plot path").evaluate_all(
        "paths => paths.map((path) => path.getAttribute('d').slice(1).split(/[L,]/).map(Number))"
    )
    for curve, heights in zip(drawn, np.transpose(expected), strict=True):
        np.testing.assert_allclose(curve[::2], np.linspace(0, 100, 97), atol=0.006)
        np.testing.assert_allclose(curve[1::2], 100 - 100 * heights, atol=0.006)  # two digits are drawn
    for index, curve in enumerate((0, 3, 6)):
        panel, least = explorer.locator(".panel").nth(index), int(np.argmin(np.transpose(expected)[curve]))
        panel.get_by_role("button").press("Enter")
        assert "the best threshold for the" in heard(page, "threshold", f"At {THRESHOLDS[least]:.2f}")
        places = [
            panel.locator(one).evaluate("node => [parseFloat(node.style.left), parseFloat(node.style.bottom)]")
            for one in (".line", ".plot > .least", ".dot")
        ]
        assert [across for across, _ in places] == pytest.approx([100 * least / 96] * 3)
        assert places[2][1] == pytest.approx(100 * expected[least][curve], abs=0.001)  # the browser rounds


def test_it_works_by_keyboard_and_says_what_is_seen(open_page):
    page = open_page(PAGE)
    explorer = ready(page)
    slider, canvas = explorer.get_by_role("slider", name="Threshold"), explorer.locator("canvas")
    pixels = "node => node.toDataURL()"
    before = canvas.evaluate(pixels)
    assert explorer.locator("[aria-live]").get_attribute("aria-live") == "off"
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.43"
    assert "Pixel error" in heard(page, "threshold", "At 0.43") and canvas.evaluate(pixels) != before
    assert explorer.locator("[aria-live]").get_attribute("aria-live") == "polite"
    page.keyboard.press("End")
    assert "too high for the pixel error, the Rand error and the warping error" in heard(page, "threshold", "At 0.98")
    page.keyboard.press("Tab")
    assert explorer.get_by_role("button", name="reset").evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    heard(page, "threshold", "At 0.40")
    assert canvas.evaluate(pixels) == before
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_function("(before) => document.querySelector('.threshold canvas').toDataURL() !== before", arg=before)
    assert page.complaints == []


def test_a_plot_can_be_dragged(open_page):
    page = open_page(PAGE)
    explorer = ready(page)
    plot = explorer.locator(".plot").nth(1)
    box = resting(plot)
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    heard(page, "threshold", "At 0.26")
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 300, steps=5)
    page.mouse.up()
    heard(page, "threshold", "At 0.7")
    slider = explorer.get_by_role("slider", name="Threshold")
    assert float(slider.input_value()) == pytest.approx(0.74, abs=0.011)
    page.mouse.move(box["x"], box["y"] + 20)  # no button is pressed
    painted(page)
    assert float(slider.input_value()) == pytest.approx(0.74, abs=0.011)
