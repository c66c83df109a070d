"""The receptive field explorer: its spans are those of the package, layer by layer, and it says what it shows."""

import numpy as np
import pytest
from listening import article, heard, painted, resting

from unet_tutorial import geometry

PAGE = "book/contracting_path.html"
NETS = [(depth, padding) for depth in (1, 2, 3, 4) for padding in ("valid", "same")]
TOLD = """async (states) => {
    const { places, spans, tile, widths } = await import(new URL("../explorables/spans.js", location));
    const { sentence, view } = await import(new URL("../explorables/receptive.js", location));
    return states.map(([index, depth, padding, back]) => ({
        spans: spans(index, depth, padding), places: places(depth, padding), tile: tile(depth, padding),
        widths: widths(depth, padding), words: sentence(index, depth, padding, back),
        maps: view(index, depth, padding, back).maps,
    }));
}"""


def length(span):
    return span[1] - span[0] + 1


def sides(depth, padding):
    """Sides of all maps of the tile that the page shows: in the valid net, 2 * 2 ** depth + 4 output pixels."""
    size = next(
        size
        for size in geometry.legal_input_sizes(1, 300, depth)
        if geometry.output_size(size, depth) >= 2 * 2**depth + 4
    )
    if padding == "same":
        size = next(legal for legal in geometry.legal_input_sizes(size, 300, depth, "same"))
    return geometry.layer_sizes(size, depth, padding)


def dependencies(depth, padding):
    """Which pixels of each map change each output pixel: an array of booleans for each, from the output back."""
    n = sides(depth, padding)
    level = ["conv", "conv"]
    kinds = (level + ["pool"]) * depth + level + (["up"] + level) * depth
    found, skips = [np.eye(n[-1], dtype=bool)], []
    for map_index in range(len(kinds) - 1, -1, -1):
        kind, source, target = kinds[map_index], n[map_index], n[map_index + 1]
        step = np.zeros((target, source), bool)
        for pixel in range(target):
            reach = {
                "conv": range(pixel, pixel + 3) if padding == "valid" else range(pixel - 1, pixel + 2),
                "pool": (2 * pixel, 2 * pixel + 1),
                "up": (pixel // 2,),
            }[kind]
            step[pixel, [one for one in reach if 0 <= one < source]] = True
        before = (found[-1].astype(int) @ step) > 0
        if kind == "up":
            skips.append(found[-1])  # what the concatenation passes to the up-convolution, it asks of the skip too
        if kind == "pool":
            skip = skips.pop()
            margin = (source - skip.shape[1]) // 2
            assert not (skip & ~before[:, margin : margin + skip.shape[1]]).any()  # the skip's way lies inside
        found.append(before)
    return found


def test_a_hundred_states_and_all_pixels_of_the_page_see_what_geometry_says(open_page):
    rng = np.random.default_rng(0)
    states = [(int(rng.integers(0, 500)), *NETS[rng.integers(len(NETS))], 0) for _ in range(100)]
    states += [(index, *net, 0) for net in NETS for index in range(sides(*net)[-1])]
    for (index, depth, padding, _), told in zip(states, open_page(PAGE).evaluate(TOLD, states)):
        first, last = geometry.input_span(index, depth, padding)
        assert told["spans"][0] == {"first": first, "last": last}
        assert told["spans"][-1] == {"first": index, "last": index}
        assert (min(told["widths"]), max(told["widths"])) == geometry.receptive_field(depth)
        assert told["widths"][index % 2**depth] == last - first + 1
        assert told["tile"] == sides(depth, padding)[0]


@pytest.mark.parametrize(("depth", "padding"), NETS)
def test_the_span_in_every_map_is_what_following_each_pixel_finds(open_page, depth, padding):
    n = sides(depth, padding)
    found = dependencies(depth, padding)
    states = [(index, depth, padding, 6 * depth + 2) for index in range(n[-1])]
    for (index, *_), told in zip(states, open_page(PAGE).evaluate(TOLD, states)):
        for span, one, seen in zip(reversed(told["spans"]), told["maps"], found, strict=True):
            first, last = max(span["first"], 0), min(span["last"], seen.shape[1] - 1)
            assert np.array_equal(np.flatnonzero(seen[index]), np.arange(first, last + 1))
            assert (one["first"], one["last"], one["side"]) == (span["first"], span["last"], seen.shape[1])
            # Each map lies in the middle of the input, and each pixel over as many input pixels as it should.
            assert one["left"] + one["whole"] == n[0] and one["whole"] - one["left"] == one["scale"] * one["side"]
            assert (one["from"], one["to"]) == tuple(
                one["left"] + one["scale"] * end for end in (span["first"], span["last"] + 1)
            )
        scales = [place["scale"] for place in told["places"]]
        assert scales[0] == scales[-1] == 1 and max(scales) == 2**depth


def words(index, depth, padding, back):
    """What the page should say, from `geometry` and from following each pixel."""
    seen, n, period = dependencies(depth, padding)[back], sides(depth, padding), 2**depth
    if back == 0:
        return f"This is output pixel {index}. Follow the layers back to see on which pixels of each map it depends."
    if back < 6 * depth + 2:
        first, last = np.flatnonzero(seen[index])[[0, -1]]
        kinds = (["conv", "conv", "pool"] * depth + ["conv"] * 2 + ["up", "conv", "conv"] * depth)[::-1]
        layer = {"conv": "a 3x3 convolution", "pool": "a 2x2 max-pooling", "up": "an up-convolution"}[kinds[back - 1]]
        return (
            f"{back} of {6 * depth + 2} layers back, through {layer}: pixels {first} to {last} of {seen.shape[1]}, "
            f"{last - first + 1} px."
        )
    lengths = [length(geometry.input_span(one, depth, padding)) for one in range(n[-1])]
    first, last = geometry.input_span(index, depth, padding)
    zeros = sum(not 0 <= pixel < n[0] for pixel in range(first, last + 1))
    said = f"Output pixel {index} sees input pixels {first} to {last}: {lengths[index]} px" + (
        f", {zeros} of them zeros outside." if zeros else "."
    )
    least, most = geometry.receptive_field(depth)
    if least == most:
        return f"{said} At depth {depth} every output pixel sees {most} px."
    for other in (index - 1, index + 1):
        if 0 <= other < n[-1] and lengths[other] != lengths[index]:
            said += f" Its neighbour {other} sees {lengths[other]} px."
    return (
        f"{said} The phase decides, {index} mod {period} = {index % period}: of every {period} pixels, "
        f"{lengths[:period].count(least)} see {least} px and {lengths[:period].count(most)} see {most} px."
    )


def test_the_words_are_true_in_a_hundred_states(open_page):
    rng = np.random.default_rng(1)
    states = []
    for number in range(100):
        depth, padding = NETS[rng.integers(len(NETS))]
        whole = 6 * depth + 2
        valid = padding == "valid"  # elsewhere the spans may run out of the maps, which `dependencies` cannot see
        states.append(
            (
                int(rng.integers(sides(depth, padding)[-1])),
                depth,
                padding,
                int(rng.integers(whole)) if valid and number % 2 else whole,
            )
        )
    for state, told in zip(states, open_page(PAGE).evaluate(TOLD, states)):
        assert told["words"].replace("−", "-") == words(*state)


def test_the_first_view_is_what_the_text_says(open_page):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=receptive]")
    text = article(page)
    assert "The picture starts at output pixel 3." in text
    assert explorer.get_by_role("slider", name="Output pixel").input_value() == "3"
    assert explorer.get_by_role("slider", name="Depth").input_value() == "4"
    assert (
        explorer.locator("[aria-live]")
        .text_content()
        .startswith("Output pixel 3 sees input pixels 0 to 187: 188 px. Its neighbour 4 sees 204 px.")
    )
    n, found = sides(4, "valid"), dependencies(4, "valid")
    rows = [f"{seen[3].sum()} of {seen.shape[1]}" for seen in found]
    assert explorer.locator("svg [data-kind] .width").all_text_contents() == rows and len(rows) == len(n) == 27
    level3 = 8  # maps from the output back to the one that the up-convolution of level 3 makes
    assert explorer.locator("svg [data-kind]").nth(level3).get_attribute("data-kind") == "up"
    pixels = [[np.flatnonzero(found[level3 + after][index]).tolist() for after in (0, 1)] for index in (3, 4)]
    assert [one[0] for one in pixels] == [[*range(8)], [*range(1, 9)]] and [len(one[1]) for one in pixels] == [4, 5]
    assert "from 4 pixels of the map below. For pixel 4 they are 1 to 8, and those are made from 5" in text
    assert page.complaints == []


def test_it_works_by_keyboard_and_says_what_is_seen(open_page):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=receptive]")
    pixel = explorer.get_by_role("slider", name="Output pixel")
    assert explorer.locator("[aria-live]").get_attribute("aria-live") == "off"
    pixel.focus()
    page.keyboard.press("ArrowRight")
    assert pixel.get_attribute("aria-valuetext") == "4"
    assert "input pixels 0 to 203: 204 px. Its neighbour 3 sees 188 px" in heard(page, "receptive", "Output pixel 4")
    assert explorer.locator("[aria-live]").get_attribute("aria-live") == "polite"
    assert explorer.locator("svg :is(.first, .last)").all_text_contents() == ["0", "203"]
    page.keyboard.press("End")
    heard(page, "receptive", "Output pixel 35")
    explorer.get_by_role("button", name="previous layer").press("Enter")
    assert heard(page, "receptive", "25 of 26") == words(35, 4, "valid", 25)
    explorer.get_by_role("slider", name="Layers followed back").press("Home")
    heard(page, "receptive", "This is output pixel 35")
    assert explorer.locator("svg .seen").count() == 1
    explorer.get_by_role("slider", name="Depth").press("Home")
    heard(page, "receptive", "This is output pixel 7")  # the last one of the smaller net
    explorer.get_by_role("slider", name="Layers followed back").press("End")
    heard(page, "receptive", "Output pixel 7 sees input pixels 6 to 23")
    explorer.get_by_label("Padding").select_option("same")
    explorer.get_by_role("slider", name="Output pixel").press("Home")
    assert "−8 to 9: 18 px, 8 of them zeros outside" in heard(page, "receptive", "Output pixel 0")
    explorer.get_by_role("button", name="reset").press("Enter")
    heard(page, "receptive", "Output pixel 3 sees input pixels 0 to 187: 188 px")
    assert explorer.locator("svg .seen").count() == 27
    assert page.complaints == []


def test_a_pixel_can_be_pointed_at_and_dragged(open_page):
    page = open_page(PAGE)
    explorer = page.locator("[data-explorable=receptive]")
    output = explorer.locator("svg .map").first
    box = resting(output)
    at = [(box["x"] + (index + 0.5) / 36 * box["width"], box["y"] + 5) for index in (20, 33)]
    page.mouse.move(*at[0])
    page.mouse.down()
    heard(page, "receptive", "Output pixel 20 ")
    page.mouse.move(at[1][0], at[1][1] + 200, steps=5)
    page.mouse.up()
    heard(page, "receptive", "Output pixel 33 ")
    page.mouse.move(*at[0])  # no button is pressed
    painted(page)
    assert explorer.get_by_role("slider", name="Output pixel").input_value() == "33"
