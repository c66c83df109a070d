"""The live U-Net in the page: what it computes is what Keras computes, and what it does with a reader's own image."""

import base64
import csv
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tools import live as assets
from unet_tutorial import datasets, geometry, projects, tiling
from unet_tutorial.datasets import _synthetic_em
from unet_tutorial.metrics import _segments
from unet_tutorial.projects import _grey
from unet_tutorial.rounding import assert_agree, longest_sum, rounding_bound

PAGE = "book/live.html"
CLOSE = 1e-4  # what the page promises
MENU = {told["name"]: told for told in assets.menu()}
each_network = pytest.mark.parametrize("name", MENU)
PREDICT = """async ([name, images]) => {
    const { Network } = await import(new URL("../explorables/network.js", location));
    const network = new Network(name, 2);
    const results = [];
    for (const { values, height, width } of images) {
        results.push(Array.from(await network.predict({ values: Float32Array.from(values), height, width })));
    }
    network.close();
    return results;
}"""


@pytest.fixture(scope="module")
def models():
    return {name: assets.model(name) for name in MENU}


def ready(page):
    page.wait_for_function("document.querySelector('.live [aria-live]')?.textContent.includes('px where')")
    return page.locator(".live")


def choose(page, name, about=None):
    """Choose a network, and wait until its first image is done, or the one whose description begins with `about`."""
    ready(page)
    told = MENU[name]
    menu = page.locator(".live").get_by_label("Network")
    if menu.input_value() != told["title"]:
        menu.select_option(told["title"])
    page.wait_for_function(
        "about => document.querySelector('.live .shown span').textContent.trim() === about", arg=told["about"]
    )
    return done(page, about or told["images"][0]["about"])


def done(page, start):
    """Wait until the image whose description begins so is done."""
    page.wait_for_function(
        """start => document.querySelectorAll('.live .shown span')[1]?.textContent.startsWith(start)
        && document.querySelector('.live .words').textContent.includes('px where')""",
        arg=start,
    )
    return page.locator(".live")


def said(page, part):
    page.wait_for_function("part => document.querySelector('.live .words').textContent.includes(part)", arg=part)


def words(page):
    return page.locator(".live .words").first.text_content()


def shown(page, line):
    return page.locator(".live .shown span").nth(line).text_content().strip()


def count(page):
    return int(words(page).split(": ")[1].split()[0])


def as_file(picture, name="cells.png"):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return as_upload(file.getvalue(), name)


def as_upload(content, name):
    return {"name": name, "mimeType": "image/png", "buffer": content}


def saved(page, button):
    """Name and content of the file that a button saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).press("Enter")
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def png_16(samples, filters, interlaced=False):
    """A PNG of 16 bits from (H, W, C) samples, written from the standard; row k has filters[k % len(filters)]."""
    height, width, channels = samples.shape
    step = 2 * channels
    lines = samples.astype(">u2").view(np.uint8).reshape(height, width * step).astype(int)
    rows, above = b"", np.zeros(width * step, int)
    for number, line in enumerate(lines):
        left, corner = (np.concatenate([np.zeros(step, int), one])[: len(line)] for one in (line, above))
        guess = left + above - corner
        far = np.abs(guess - np.stack([left, above, corner])).argmin(axis=0)
        paeth = np.choose(far, [left, above, corner])
        kind = filters[number % len(filters)]
        rows += bytes([kind, *((line - [0 * line, left, above, (left + above) // 2, paeth][kind]) % 256).tolist()])
        above = line
    packed = zlib.compress(rows)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", packed[:7]), (b"IDAT", packed[7:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def as_values(image):
    return {"values": image.ravel().tolist(), "height": image.shape[0], "width": image.shape[1]}


def test_tiles_are_legal_in_phase_and_cover_the_image(open_page):
    page = open_page(PAGE)
    told = page.evaluate("""async () => {
        const { lay } = await import(new URL("../explorables/network.js", location));
        return Array.from({ length: 2000 }, (_, side) => lay(side + 1));
    }""")
    for side, axis in enumerate(told, 1):
        assert geometry.output_size(axis["input"], 3) == axis["gain"]
        assert all(offset % 8 == 0 for offset in axis["offsets"])
        covered = {place for offset in axis["offsets"] for place in range(offset, offset + axis["gain"])}
        assert covered >= set(range(side)) and all(offset < side for offset in axis["offsets"])


@each_network
def test_a_hundred_images_get_the_probabilities_of_keras(open_page, models, name):
    model = models[name]
    rng = np.random.default_rng(0)
    sides = [(1, 1), (2, 7), (44, 45), (100, 60), (130, 131)]
    images = [rng.uniform(size=sides[index % 5]).astype(np.float32) ** rng.uniform(0.3, 3) for index in range(100)]
    page = open_page(PAGE)
    found = page.evaluate(PREDICT, [name, [as_values(image) for image in images]])
    assert rounding_bound(longest_sum(model)) < CLOSE
    for image, values in zip(images, found):
        expected = tiling.predict_tiled(model, image)[..., 1]
        assert_agree(np.reshape(values, image.shape), expected, longest_sum(model), scale=1)


def test_a_large_image_is_stitched_without_seams(open_page, models):
    levels = _synthetic_em.em_slice(40, 300, 1)[0]
    image = np.hstack([levels, levels[:, ::-1]]).astype(np.float32) / 255
    (found,) = open_page(PAGE).evaluate(PREDICT, ["small", [as_values(image)]])
    expected = tiling.predict_tiled(models["small"], image)[..., 1]
    assert_agree(np.reshape(found, image.shape), expected, longest_sum(models["small"]), scale=1)


@each_network
def test_each_map_inside_is_the_one_of_keras(open_page, models, name):
    import keras

    model = models[name]
    page = open_page(PAGE)
    rng = np.random.default_rng(1)
    image = rng.uniform(size=(100, 100)).astype(np.float32)
    told = page.evaluate(
        """async ([net, values]) => {
        const { Network } = await import(new URL("../explorables/network.js", location));
        const { LAYERS } = await import(new URL("../explorables/inside.js", location));
        const network = new Network(net, 1), all = {};
        const image = { values: Float32Array.from(values), height: 100, width: 100 };
        for (const { name } of LAYERS) {
            const { values, shape } = await network.features(image, name, 0, 0, 100);
            all[name] = [shape, values.reduce((sum, value) => sum + value, 0), Array.from(values.slice(0, 500))];
        }
        network.close();
        return all;
    }""",
        [name, image.ravel().tolist()],
    )
    tile = tiling.mirror_pad(image, 44)[None, ..., None]
    layers = [layer for layer in model.layers if layer.name in told and layer.name != "output"]
    assert len(layers) == len(told) - 1 and {layer.name for layer in model.layers} - set(told) == {
        f"expand{level}_{part}" for level in (1, 2, 3) for part in ("crop", "concat")
    }
    maps = keras.Model(model.input, [layer.output for layer in layers])(tile)
    for layer, expected in zip(layers, maps):
        shape, total, first = told[layer.name]
        assert tuple(shape) == expected.shape[1:]
        expected = np.asarray(expected)
        assert_agree(first, np.ravel(expected)[:500], longest_sum(model), scale=np.abs(expected).max())
        assert_agree(total, expected.sum(), longest_sum(model), scale=np.abs(expected).sum())


def test_segments_are_those_of_the_package(open_page):
    rng = np.random.default_rng(2)
    maps = [rng.uniform(size=rng.integers(1, 30, 2)) for _ in range(100)]
    told = open_page(PAGE).evaluate(
        """async (maps) => {
        const { components } = await import(new URL("../explorables/segments.js", location));
        return maps.map((map) => {
            const marked = map.flat().map((value) => value > 0.5);
            return Array.from(components(marked, map.length, map[0].length).ids);
        });
    }""",
        [one.tolist() for one in maps],
    )
    for one, ids in zip(maps, told):
        assert np.array_equal(np.reshape(ids, one.shape), _segments.segments(one, 0.5))


def test_grey_values_are_scaled_as_by_the_package(open_page):
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, rng.integers(1, 40, 2)) for _ in range(40)]
    images += [np.where(rng.uniform(size=(50, 60)) < 0.995, rng.integers(0, 50, (50, 60)), 65535) for _ in range(20)]
    skewed = np.geomspace(1, 20, 40)  # from few bright pixels to as many bright as dark: both sides of the rule
    images += [1000 * rng.gamma(shape, size=(40, 50)).astype(np.float32) for shape in skewed]
    images += [rng.integers(0, 65536, (520, 530)), np.full((3, 4), 7)]  # of the first every second row and column count
    told = open_page(PAGE).evaluate(
        """async (images) => {
        const { scaled } = await import(new URL("../explorables/scaling.js", location));
        const network = { name: "a", percentiles: [0.5, 99, 99.8] };
        return images.map((image) =>
            Array.from(scaled({ ...image, values: Float32Array.from(image.values), most: 65535 }, network).values));
    }""",
        [as_values(image) for image in images],
    )
    for image, values in zip(images, told):
        expected = projects.scaled(image, _grey.Scaling())
        assert_agree(
            np.reshape(values, image.shape), expected, 4, scale=65535 / max(1, np.subtract(*_grey.limits(image)[::-1]))
        )
    assert (_grey.LOW, _grey.HIGH, _grey.RARE) == (0.5, 99, 99.8)


def test_images_are_made_smaller_and_probabilities_large_again(open_page):
    rng = np.random.default_rng(8)
    images = [(rng.uniform(size=rng.integers(1, 40, 2)).astype(np.float32), 1 + index % 5) for index in range(50)]
    told = open_page(PAGE).evaluate(
        """async (cases) => {
        const { larger, smaller } = await import(new URL("../explorables/scaling.js", location));
        return cases.map(([image, shrink]) => {
            const small = smaller({ ...image, values: Float32Array.from(image.values) }, shrink);
            return [[small.height, small.width], Array.from(small.values), Array.from(larger(small, shrink, image))];
        });
    }""",
        [[as_values(image), shrink] for image, shrink in images],
    )
    for (image, shrink), (shape, small, large) in zip(images, told):
        line = shrink - np.abs(np.arange(1 - shrink, shrink))
        means = ndimage.correlate(image.astype(float), np.outer(line, line) / shrink**4, mode="nearest")
        small = np.reshape(small, shape)
        assert_agree(small, means[::shrink, ::shrink], 4 * shrink**2, dtype=np.float32)
        places = [np.minimum(np.arange(side) / shrink, kept - 1) for side, kept in zip(image.shape, shape)]
        rows = np.stack([np.interp(places[0], np.arange(shape[0]), column) for column in small.T], axis=1)
        expected = np.stack([np.interp(places[1], np.arange(shape[1]), row) for row in rows])
        assert_agree(np.reshape(large, image.shape), expected, 8, dtype=np.float32)


def test_objects_and_their_table_are_those_of_scipy_and_numpy(open_page):
    rng = np.random.default_rng(4)
    cases = []
    for _ in range(100):
        image = ndimage.gaussian_filter(rng.uniform(size=rng.integers(1, 40, 2)), 1).astype(np.float32)
        grey = rng.integers(0, 65536, image.shape)
        cases.append((image, grey, float(rng.uniform(0.4, 0.6)), int(rng.integers(1, 12))))
    told = open_page(PAGE).evaluate(
        """async (cases) => {
        const { objects, csv } = await import(new URL("../explorables/objects.js", location));
        return cases.map(([image, grey, threshold, smallest]) => {
            const found = objects(Float32Array.from(image.values), image, threshold, smallest);
            return [Array.from(found.ids), found.areas, csv('a "b", c.png', found, { ...image, values: grey })];
        });
    }""",
        [[as_values(image), grey.ravel().tolist(), threshold, smallest] for image, grey, threshold, smallest in cases],
    )
    for (image, grey, threshold, smallest), (ids, areas, text) in zip(cases, told):
        expected, sizes = kept(image.astype(float) > threshold, smallest)
        assert np.array_equal(np.reshape(ids, image.shape), expected) and areas == sizes.tolist()
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["image"] for row in rows] == ['a "b", c.png'] * len(sizes)
        for number, row in enumerate(rows, 1):
            places = np.argwhere(expected == number)
            assert (int(row["id"]), int(row["area"])) == (number, len(places))
            means = [*places.mean(axis=0), grey[expected == number].mean()]
            assert np.allclose([float(row[key]) for key in ("row", "column", "brightness")], means, rtol=0, atol=1e-3)
            edge = (places == 0).any() or (places == np.array(image.shape) - 1).any()
            assert int(row["border"]) == edge


def kept(mask, smallest):
    """Ids of the components of a mask that are large enough, numbered anew in raster order, and their areas."""
    ids, number = ndimage.label(mask)
    large = [one for one in range(1, number + 1) if (ids == one).sum() >= smallest]
    result = np.zeros(mask.shape, int)
    for new, old in enumerate(large, 1):
        result[ids == old] = new
    return result, np.array([(ids == old).sum() for old in large], int)


def test_a_mask_decodes_to_its_ids(open_page):
    rng = np.random.default_rng(5)
    masks = [rng.integers(0, 65536, rng.integers(1, 50, 2)) for _ in range(20)]
    told = open_page(PAGE).evaluate(
        """async (masks) => {
        const { encode } = await import(new URL("../explorables/png.js", location));
        const read = async (blob) => btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
        const made = masks.map(({ values, width, height }) => encode(Int32Array.from(values), width, height));
        return Promise.all(made.map(async (blob) => read(await blob)));
    }""",
        [as_values(mask) for mask in masks],
    )
    for mask, content in zip(masks, told):
        assert np.array_equal(np.array(Image.open(io.BytesIO(base64.b64decode(content)))), mask)


def test_a_png_of_16_bits_is_read_in_full(open_page):
    rng = np.random.default_rng(6)
    stacks = [
        rng.integers(0, 65536, (*rng.integers(1, 30, 2), channels)) for channels in (1, 2, 3, 4) for _ in range(6)
    ]
    smooth = [np.cumsum(stack // 40, axis=index % 2) % 65536 for index, stack in enumerate(stacks)]
    files = [png_16(stack, rng.permutation(5)) for stack in smooth]
    files.append(as_file(smooth[0][..., 0].astype(np.uint16))["buffer"])
    told = open_page(PAGE).evaluate(
        """async (files) => {
        const { decode } = await import(new URL("../explorables/png.js", location));
        return Promise.all(files.map(async (text) =>
            Array.from(await decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))))));
    }""",
        [base64.b64encode(file).decode() for file in files],
    )
    for stack, samples in zip([*smooth, smooth[0]], told):
        assert np.array_equal(np.reshape(samples, stack.shape), stack)


@each_network
def test_what_the_page_shows_and_saves_of_its_first_image_is_what_keras_says(open_page, models, name):
    page = open_page(PAGE)
    live = choose(page, name)
    told = MENU[name]
    levels = picture(name)
    probability = assets.predicted(levels, told, models[name])[1]
    # a pixel at the threshold may fall on either side of it; here the nearest one is as far off as it can be
    threshold = max(np.arange(0.4, 0.9, 0.01).round(2), key=lambda one: np.abs(probability - one).min())
    live.get_by_label("Threshold").fill(f"{threshold:.2f}")
    live.get_by_label("Smallest object").fill("50")
    ids, areas = kept(probability > threshold, 50)
    assert (
        f"{len(areas)} objects of at least 50 px where the probability of {told['object']} is above {threshold:.2f}"
        in words(page)
    )
    stem = told["images"][0]["file"].removesuffix(".png")
    file, content = saved(page, "save the mask")
    assert file == f"{stem}-ids.png" and np.array_equal(np.array(Image.open(io.BytesIO(content))), ids)
    file, content = saved(page, "save the table")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert file == f"{stem}-objects.csv" and [int(row["area"]) for row in rows] == areas.tolist()
    light = [levels[ids == number].mean() for number in range(1, len(areas) + 1)]
    assert np.allclose([float(row["brightness"]) for row in rows], light, rtol=0, atol=1e-3)
    assert page.complaints == []


def picture(name):
    """Grey values of the first image of a network, 0 to 255, from where the package has them."""
    if name == "small":
        return _synthetic_em.em_slice(assets.SLICES[0], 512, 0)[0].astype(np.float32)
    with Image.open(datasets.NUCLEI / "images" / f"{assets.NUCLEI[0]}.png") as image:
        return np.asarray(image, np.float32)


def test_only_the_chosen_network_and_image_are_loaded(open_page):
    page = open_page("book/index.html")
    asked = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    page.goto(page.url.replace("index.html", "live.html"))
    ready(page)
    seen = set()
    for name in MENU:
        choose(page, name)
        first, *others = [image["file"] for image in MENU[name]["images"]]
        seen |= {f"network-{name}.bin", first}
        possible = {f"network-{one}.bin" for one in MENU}
        possible |= {image["file"] for one in MENU.values() for image in one["images"]}
        assert possible & set(asked) == seen
    assert page.complaints == []


def test_the_menu_and_the_lines_below_it_say_what_is_shown(open_page):
    page = open_page(PAGE)
    for name in MENU:
        live = choose(page, name)
        told = MENU[name]
        assert live.get_by_label("Image", exact=True).locator("option").all_text_contents() == [
            image["title"] for image in told["images"]
        ]
        assert (shown(page, 0), shown(page, 1)) == (told["about"], told["images"][0]["about"])
        low, high = picture(name).min(), picture(name).max()
        how = "scaled: " if name == "nuclei" else "divided by 255"
        assert shown(page, 2).startswith(f"Grey values {low:g} to {high:g} of 255, {how}")
        for image in told["images"][1:]:
            live.get_by_label("Image", exact=True).select_option(image["title"])
            done(page, image["about"])
    assert page.complaints == []


def test_the_maps_are_chosen_and_the_square_moves_by_keyboard(open_page):
    page = open_page(PAGE)
    live = choose(page, "small")
    layer = live.get_by_label("Layer")
    layer.focus()
    layer.select_option("Convolution 2, bottom")
    page.wait_for_function("document.querySelectorAll('.live .words')[1].textContent.includes('64 maps of 16 x 16')")
    square = live.locator(".look")
    before = square.get_attribute("aria-label")
    square.focus()
    page.keyboard.press("ArrowLeft")
    assert "row 206, column 206" in before and "row 206, column 198" in square.get_attribute("aria-label")
    live.locator(".box").nth(-1).dispatch_event("click")
    page.wait_for_function(
        "document.querySelectorAll('.live .words')[1].textContent.includes('Probability: 1 map of 100 x 100')"
    )
    assert layer.input_value() == "Probability"


@each_network
def test_an_image_of_one_s_own_is_segmented_and_a_bad_one_refused(open_page, models, name):
    page = open_page(PAGE)
    live = choose(page, name)
    own, menu = live.get_by_label("Or one of your own"), live.get_by_label("Image", exact=True)
    live.get_by_label("Smallest object").fill("1")
    levels = _synthetic_em.em_slice(41, 90, 1)[0]
    own.set_input_files(as_file(levels))
    said(page, "90 x 90 px")
    probability = assets.predicted(levels, MENU[name], models[name])[1]
    expected = _segments.segments(probability, MENU[name]["threshold"]).max()
    assert abs(count(page) - expected) <= 1
    assert menu.input_value() == "Yours: cells.png" and "cells.png, yours" in shown(page, 1)
    own.set_input_files(as_upload(b"no picture", "notes.png"))
    said(page, "notes.png is not a picture")
    own.set_input_files(as_file(np.zeros((2, 5000), np.uint8), "wide.png"))
    said(page, "wide.png has 5000 x 2 px")
    own.set_input_files(as_upload(png_16(np.full((60, 60, 1), 700), [0])[:-60], "cut.png"))
    said(page, "cut.png is not a picture")
    assert menu.input_value() == "Yours: cells.png"
    assert page.complaints == []


def test_12_bits_in_16_are_seen_in_full_and_the_own_image_stays_when_the_network_changes(open_page, models):
    page = open_page(PAGE)
    ready(page)
    levels = np.random.default_rng(7).integers(312, 4096, (90, 90))
    levels[0, :2] = 312, 4095
    page.locator(".live").get_by_label("Or one of your own").set_input_files(
        as_file(levels.astype(np.uint16), "cells 1.png")
    )
    said(page, "90 x 90 px")
    for name in MENU:
        live = choose(page, name, "Image: cells 1.png, yours")
        assert live.get_by_label("Image", exact=True).input_value() == "Yours: cells 1.png"
        assert shown(page, 2).startswith("Grey values 312 to 4095 of 65535, ")
        assert ("stretch the contrast first" in shown(page, 2)) == (name == "small")
        live.get_by_label("Smallest object").fill("1")
        probability = assets.predicted(levels, MENU[name], models[name], 65535)[1]
        expected = ndimage.label(probability > MENU[name]["threshold"])[1]
        assert abs(count(page) - expected) <= 1
    live.get_by_label("Image", exact=True).select_option(MENU[name]["images"][0]["title"])
    done(page, MENU[name]["images"][0]["about"])
    live.get_by_label("Image", exact=True).select_option("Yours: cells 1.png")
    done(page, "Image: cells 1.png, yours")
    assert page.complaints == []


@pytest.mark.parametrize("width, size", [(24, "as large as it is"), (100, "4 times smaller")])
def test_the_network_sees_an_image_at_the_size_that_the_width_of_an_object_asks_for(open_page, models, width, size):
    page = open_page(PAGE)
    live = choose(page, "nuclei")
    live.get_by_label("Smallest object").fill("1")
    live.get_by_label("Width of an object").fill(str(width))
    page.wait_for_function("size => document.querySelector('.live .shown').textContent.includes(size)", arg=size)
    said(page, "px where")
    told = {**MENU["nuclei"], "width": width}
    probability = assets.predicted(picture("nuclei"), told, models["nuclei"])[1]
    assert abs(count(page) - ndimage.label(probability > told["threshold"])[1]) <= 1
    assert page.complaints == []


def test_what_a_canvas_cuts_and_what_holds_one_value_is_said(open_page):
    page = open_page(PAGE)
    live = choose(page, next(iter(MENU)))
    own = live.get_by_label("Or one of your own")
    own.set_input_files(as_upload(png_16(np.full((1, 1, 1), 7 * 257), [0], interlaced=True), "laced.png"))
    done(page, "Image: laced.png")
    assert "the browser gives 8 of its 16 bits" in shown(page, 2) and "Grey values 7 to 7 of 255" in shown(page, 2)
    assert ("nothing to see" in shown(page, 2)) == (next(iter(MENU)) == "nuclei")
    assert page.complaints == []


def test_a_long_run_shows_its_progress_and_can_be_cancelled(open_page):
    page = open_page(PAGE)
    live = choose(page, "small")
    live.get_by_label("Or one of your own").set_input_files(as_file(np.full((1500, 1500), 128, np.uint8), "large.png"))
    cancel = live.get_by_role("button", name="cancel")
    cancel.wait_for(state="visible")
    page.wait_for_function("(({ value, max }) => max === 36 && value > 0)(document.querySelector('.live progress'))")
    cancel.press("Enter")
    page.wait_for_function("document.querySelector('.live .words').textContent.startsWith('Stopped')")
    live.get_by_label("Image", exact=True).select_option("Slice 7: synthetic")
    done(page, "Image: slice 7")
    assert page.complaints == []


def test_without_the_library_the_still_stays(browser, site):
    page = browser.new_page()
    page.route("**/explorables/library/**", lambda route: route.abort())
    page.goto(f"{site}/{PAGE}")
    page.wait_for_function(
        "document.querySelector('.live .words')?.textContent.startsWith('The network could not start here')"
    )
    assert page.locator(".live img[alt]").is_visible() and page.locator(".live canvas").count() == 0
    page.close()


def test_nothing_is_asked_of_others_and_at_most_three_megabytes_of_this_site(open_page):
    page = open_page("book/index.html")
    answers = []
    page.on("response", lambda answer: answers.append(answer) if "/explorables/" in answer.url else None)
    page.goto(page.url.replace("index.html", "live.html"))
    ready(page)
    sizes = {answer.url.rsplit("/", 1)[1]: int(answer.header_value("content-length")) for answer in answers}
    assert {f"network-{next(iter(MENU))}.bin", "tf-core.js", "tfjs-backend-wasm-simd.wasm"} <= set(sizes)
    assert sum(sizes.values()) < 3_000_000
    assert page.complaints == []
