"""The stepper: its convolutions and up-convolutions are those of Keras, and it says what it shows."""

import re

import numpy as np
import pytest
from listening import article, heard, settle
from playwright.sync_api import TimeoutError as Late

import keras

CONTRACTING, EXPANDING = "book/contracting_path.html", "book/expanding_path.html"
PAGES = {"convolution": CONTRACTING, "up-convolution": EXPANDING}
PACE = 700  # ms a step while it plays
each_mode = pytest.mark.parametrize("mode", PAGES)
TOLD = """async (states) => {
    const sliding = await import(new URL("../explorables/sliding.js", location));
    const { view } = await import(new URL("../explorables/stepper.js", location));
    return states.map(([name, ...given]) => (name === "view" ? view : sliding[name])(...given));
}"""


def by_keras(layer, pixels, kernel, **options):
    """One channel through Conv2D or Conv2DTranspose: small integers, which float32 holds exactly."""
    built = layer(1, len(kernel), use_bias=False, **options)
    built.build((None, *pixels.shape, 1))
    built.set_weights([kernel[:, :, None, None].astype(np.float32)])
    result = built(pixels[None, :, :, None].astype(np.float32)).numpy()[0, :, :, 0]
    assert np.array_equal(result, np.rint(result))
    return result.astype(int)


def convolution(pixels, kernel, stride, padding):
    return by_keras(keras.layers.Conv2D, pixels, kernel, strides=stride, padding=padding)


def up_convolution(pixels, kernel, stride):
    return by_keras(keras.layers.Conv2DTranspose, pixels, kernel, strides=stride)


def draw(rng, least=1):
    """An image of at least so many pixels a side, a kernel and a stride: whole numbers, negative ones too."""
    size, stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    return rng.integers(-9, 10, rng.integers(least, 9, 2)), rng.integers(-9, 10, (size, size)), stride


def test_a_hundred_convolutions_are_those_of_keras(open_page):
    rng = np.random.default_rng(0)
    states = [(*draw(rng, 4), "valid") for _ in range(50)] + [(*draw(rng), "same") for _ in range(50)]
    told = open_page(CONTRACTING).evaluate(
        TOLD,
        [["slide", pixels.tolist(), kernel.tolist(), stride, padding] for pixels, kernel, stride, padding in states],
    )
    for (pixels, kernel, stride, padding), answer in zip(states, told):
        sums = [[place["sum"] for place in row] for row in answer["result"]]
        assert np.array_equal(sums, convolution(pixels, kernel, stride, padding))  # integers: no tolerance
        top, left, framed = answer["top"], answer["left"], np.array(answer["framed"])
        assert np.array_equal(framed[top : top + len(pixels), left : left + len(pixels[0])], pixels)
        assert np.abs(framed).sum() == np.abs(pixels).sum()
        for place in (place for row in answer["result"] for place in row):
            window = framed[place["top"] : place["top"] + len(kernel), place["left"] : place["left"] + len(kernel)]
            assert np.array_equal(place["products"], np.stack([window, kernel], axis=-1))


def test_a_hundred_up_convolutions_are_those_of_keras_after_any_number_of_stamps(open_page):
    rng = np.random.default_rng(1)
    states = [(*draw(rng), int(rng.integers(0, 65))) for _ in range(100)]
    told = open_page(EXPANDING).evaluate(
        TOLD, [["stamp", pixels.tolist(), kernel.tolist(), stride, done] for pixels, kernel, stride, done in states]
    )
    for (pixels, kernel, stride, done), answer in zip(states, told):
        stamped = (np.arange(pixels.size) < done).reshape(pixels.shape)
        assert np.array_equal(answer["output"], up_convolution(pixels * stamped, kernel, stride))
        assert np.array_equal(answer["counts"], up_convolution(stamped, np.ones_like(kernel), stride))


def test_the_counts_away_from_the_edges_are_those_of_a_large_map(open_page):
    states = [(size, stride) for size in (1, 2, 3, 4) for stride in (1, 2, 3)]
    for (size, stride), answer in zip(states, open_page(EXPANDING).evaluate(TOLD, [["inner", *one] for one in states])):
        counts = up_convolution(np.ones((9, 9)), np.ones((size, size)), stride)
        assert answer == np.unique(counts[size - 1 : 8 * stride + 1, size - 1 : 8 * stride + 1]).tolist()
        assert (len(answer) == 1) == (size % stride == 0)


def value(written):
    """The number that a sum in writing has: a dot multiplies."""
    return eval(written.replace("·", "*").replace("−", "-"), {"__builtins__": {}})


def test_what_is_shown_in_a_hundred_states_is_what_keras_computes(open_page):
    rng = np.random.default_rng(2)
    states = []
    for number in range(100):
        mode, padding = tuple(PAGES)[number % 2], ("valid", "same")[number // 2 % 2]
        pixels, kernel, stride = draw(rng, 4)
        result = convolution(pixels, kernel, stride, padding)
        position = int(rng.integers(0, (result.size if mode == "convolution" else pixels.size) + 1))
        states.append((mode, pixels, kernel, stride, padding, position))
    told = open_page(CONTRACTING).evaluate(
        TOLD,
        [
            [
                "view",
                {
                    "mode": mode,
                    "input": pixels.tolist(),
                    "kernel": kernel.tolist(),
                    "stride": stride,
                    "padding": padding,
                    "position": position,
                },
            ]
            for mode, pixels, kernel, stride, padding, position in states
        ],
    )
    for (mode, pixels, kernel, stride, padding, position), seen in zip(states, told):
        shown = [[cell["text"].replace("−", "-") for cell in row] for row in seen["result"]]
        written = [[value(term) for term in row] for row in seen["sum"]]
        assert bool(written) == bool(position)
        if mode == "convolution":
            result = convolution(pixels, kernel, stride, padding)
            assert seen["last"] == result.size
            full = np.where(np.arange(result.size) < position, result.ravel().astype(str), "")
            assert np.ravel(shown).tolist() == full.tolist()
            assert f"{len(pixels)} x {len(pixels[0])} map becomes {len(result)} x {len(result[0])}." in seen["words"]
            if position:
                assert np.sum(written) == value(seen["total"].removeprefix("=")) == result.flat[position - 1]
                row, column = np.unravel_index(position - 1, result.shape)
                assert f"Place {position} of {result.size}: the sum at row {row}, column {column} is " in seen["words"]
        else:
            assert seen["last"] == pixels.size
            stamped = (np.arange(pixels.size) < position).reshape(pixels.shape)
            output = up_convolution(pixels * stamped, kernel, stride)
            counts = up_convolution(stamped, np.ones_like(kernel), stride)
            assert np.array_equal(shown, np.where(counts, output.astype(str), ""))
            assert [[cell["note"] or 0 for cell in row] for row in seen["result"]] == counts.tolist()
            if position:
                row, column = (stride * int(one) for one in np.unravel_index(position - 1, pixels.shape))
                assert np.array_equal(written, output[row : row + len(kernel), column : column + len(kernel)])
                assert (seen["resultWindow"]["row"], seen["resultWindow"]["column"]) == (row, column)
            assert ("does not divide" in seen["words"]) == bool(len(kernel) % stride)


def test_a_page_is_settled_only_when_its_explorables_are_drawn(site, browser):
    page, held = browser.new_page(), []
    page.set_default_timeout(120_000)
    page.route("**/stepper.js", lambda route: held.append(route))
    with page.expect_request("**/stepper.js"):
        page.goto(f"{site}/{EXPANDING}")
    page.set_default_timeout(1000)
    with pytest.raises(Late):
        settle(page)
    page.set_default_timeout(120_000)
    held[0].continue_()
    settle(page)
    assert page.locator("[data-explorable=stepper] .grid").count() == 3
    page.close()


def texts(grid):
    """Numbers of a grid on the page, "" where there is none."""
    return [cell.replace("−", "-") for cell in grid.locator("[data-note] > span").all_text_contents()]


def test_the_convolution_starts_where_the_text_says_and_ends_with_the_result_of_the_chapter(open_page):
    page = open_page(CONTRACTING)
    stepper = page.locator("[data-explorable=stepper]")
    grids = stepper.locator(".grid").all()
    image, edge = np.zeros((5, 7), int), np.array([[-1, 0, 1]] * 3)
    image[:, 3:] = 1
    assert "They start at the second place, with the image and the kernel of above" in article(page)
    for grid, numbers in zip(grids, (image, edge)):
        assert texts(grid) == numbers.ravel().astype(str).tolist()
    assert texts(grids[2]) == ["0", "3"] + [""] * 13
    assert stepper.locator(".sum").text_content() == "0·(−1)+ 0·0+ 1·1" + "+ 0·(−1)+ 0·0+ 1·1" * 2 + "= 3"
    assert stepper.locator("[aria-live]").text_content() == (
        "Place 2 of 15: the sum at row 0, column 1 is 3. The 5 x 7 map becomes 3 x 5."
    )
    stepper.get_by_role("slider", name="Place").press("End")
    assert texts(grids[2]) == convolution(image, edge, 1, "valid").ravel().astype(str).tolist()
    stepper.get_by_role("slider", name="Stride").press("ArrowRight")
    assert "keeps every second place: 2 rows and 3 columns" in article(page)
    assert "The 5 x 7 map becomes 2 x 3." in heard(page, "stepper", "Place 6 of 6")
    stepper.get_by_role("slider", name="Stride").press("Home")
    stepper.get_by_label("Padding").select_option("same")
    stepper.get_by_role("slider", name="Place").press("End")
    result = convolution(image, edge, 1, "same")
    assert result.shape == (5, 7) and (result[:, -1] < 0).all()
    assert texts(grids[2]) == result.ravel().astype(str).tolist()
    assert "gives 5 rows and 7 columns, with negative numbers at the right" in article(page)
    assert page.complaints == []


def test_the_up_convolution_starts_where_the_text_says_and_ends_with_the_counts_of_the_figure(open_page):
    page = open_page(EXPANDING)
    stepper = page.locator("[data-explorable=stepper]")
    result = stepper.locator(".grid").nth(2)
    assert "They start at stamp 5 of 9, with kernel 3 and stride 2" in article(page)
    assert stepper.locator("[aria-live]").text_content() == (
        "Stamp 5 of 9: 3 times the kernel, at rows 2 to 4, columns 2 to 4. Away from the edges output pixels get "
        "1, 2 or 4 stamps: a checkerboard, since stride 2 does not divide kernel size 3."
    )
    stepper.get_by_role("slider", name="Stamp").press("End")
    counts = up_convolution(np.ones((3, 3)), np.ones((3, 3)), 2)
    notes, shares = zip(
        *result.locator("[data-note]").evaluate_all(
            "cells => cells.map((cell) => [cell.dataset.note, cell.style.getPropertyValue('--share')].map(parseFloat))"
        )
    )
    assert list(notes) == counts.ravel().tolist() and shares == pytest.approx((38 * counts / 4).ravel())
    for stride, said in (
        (1, "each output pixel gets 16 stamps"),
        (2, "each output pixel gets 4 stamps"),
        (3, "output pixels get 1, 2 or 4 stamps: a checkerboard"),
    ):
        stepper.get_by_role("slider", name="Kernel").fill("4")
        stepper.get_by_role("slider", name="Stride").fill(str(stride))
        assert said in stepper.locator(".words").text_content()
    stepper.get_by_role("slider", name="Kernel").fill("2")
    assert "get 0 or 1 stamp: holes, since stride 3 does" in stepper.locator(".words").text_content()
    assert page.complaints == []


@each_mode
def test_it_works_by_keyboard_and_says_what_is_seen(open_page, mode):
    page = open_page(PAGES[mode])
    stepper = page.locator("[data-explorable=stepper]")
    name = "Place" if mode == "convolution" else "Stamp"
    start = stepper.locator("[aria-live]").text_content()
    assert stepper.locator("[aria-live]").get_attribute("aria-live") == "off"
    number = int(re.search(r"\d+", start)[0])
    stepper.get_by_role("button", name="next").press("Enter")
    heard(page, "stepper", f"{name} {number + 1} of ")
    assert stepper.locator("[aria-live]").get_attribute("aria-live") == "polite"
    stepper.get_by_role("button", name="back").press("Space")
    stepper.get_by_role("slider", name=name).press("ArrowLeft")
    assert stepper.get_by_role("slider", name=name).get_attribute("aria-valuetext") == str(number - 1)
    heard(page, "stepper", f"{name} {number - 1} of ")
    # Tab stops once in a grid; arrow keys go from number to number, and Enter changes one.
    kernel = stepper.locator(".grid").nth(1)
    assert kernel.locator("button[tabindex='0']").count() == 1
    kernel.get_by_role("button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    before = texts(kernel)
    for added in (1, 2):
        page.keyboard.press("Enter")
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label == f"row 1, column 1: {int(before[4]) + added}"
    assert [int(one) - int(was) for was, one in zip(before, texts(kernel))] == [0, 0, 0, 0, 2, 0, 0, 0, 0]
    page.keyboard.press("Enter")
    assert texts(kernel)[4] == "-1"  # after the largest comes the smallest
    stepper.get_by_role("button", name="reset").press("Enter")
    assert heard(page, "stepper", start) == start and texts(kernel) == before
    assert page.complaints == []


@each_mode
def test_a_changed_number_counts(open_page, mode):
    page = open_page(PAGES[mode])
    stepper = page.locator("[data-explorable=stepper]")
    grids = stepper.locator(".grid").all()
    if mode == "convolution":
        stepper.get_by_label("Padding").select_option("same")
    stepper.get_by_role("group", name="Input").get_by_role("button", name="row 1, column 2").click()
    stepper.get_by_role("group", name="Kernel").get_by_role("button", name="row 0, column 1").click()
    stepper.get_by_role("slider", name="Place" if mode == "convolution" else "Stamp").press("End")
    kernel = np.reshape([int(one) for one in texts(grids[1])], (3, 3))
    shown = np.array([int(one) for one in texts(grids[2])])
    if mode == "convolution":
        pixels = np.reshape([int(one) for one in texts(grids[0])], (7, 9))[1:-1, 1:-1]
        assert pixels.sum() == 21 and np.array_equal(shown, convolution(pixels, kernel, 1, "same").ravel())
    else:
        pixels = np.reshape([int(one) for one in texts(grids[0])], (3, 3))
        assert pixels.sum() == 14 and np.array_equal(shown, up_convolution(pixels, kernel, 2).ravel())


@each_mode
def test_it_plays_to_the_end_and_pauses_when_asked(open_page, mode):
    page = open_page(PAGES[mode])
    stepper = page.locator("[data-explorable=stepper]")
    slider = stepper.get_by_role("slider", name="Place" if mode == "convolution" else "Stamp")
    page.clock.install(time=0)
    page.clock.pause_at(1000)  # from here on time passes only where the test lets it
    last = int(slider.get_attribute("max"))
    slider.fill(str(last - 3))
    play = stepper.get_by_role("button", name="play")
    play.click()
    assert slider.input_value() == str(last - 2)
    page.clock.run_for(PACE)
    assert slider.input_value() == str(last - 1)
    stepper.get_by_role("button", name="pause").click()
    page.clock.run_for(5 * PACE)
    assert slider.input_value() == str(last - 1)
    play.click()
    assert slider.input_value() == str(last) and play.count() == 1  # at the end it offers to play again
    play.click()
    assert slider.input_value() == "1" and play.count() == 0
    slider.press("ArrowRight")  # who takes the slider takes over
    assert play.count() == 1
    page.clock.run_for(5 * PACE)
    assert slider.input_value() == "2"
