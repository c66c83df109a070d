"""The live U-Net in the page: what it computes is what Keras computes, and what it does with a reader's own image."""

import io

import numpy as np
import pytest
from PIL import Image

from unet_tutorial import geometry, pretrained, tiling
from unet_tutorial.datasets import _synthetic_em
from unet_tutorial.metrics import _segments
from unet_tutorial.rounding import assert_agree, longest_sum

PAGE = "book/live.html"
PREDICT = """async (images) => {
    const { Network } = await import(new URL("../explorables/network.js", location));
    const network = new Network(2);
    const results = [];
    for (const { values, height, width } of images) {
        results.push(Array.from(await network.predict({ values: Float32Array.from(values), height, width })));
    }
    network.close();
    return results;
}"""


@pytest.fixture(scope="module")
def model():
    return pretrained.small_unet()


def ready(page):
    page.wait_for_function("document.querySelector('.live [aria-live]')?.textContent.includes('segments where')")
    return page.locator(".live")


def words(page):
    return page.locator(".live .words").first.text_content()


def as_file(picture, name="cells.png"):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


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


def test_a_hundred_images_get_the_probabilities_of_keras(open_page, model):
    rng = np.random.default_rng(0)
    sides = [(1, 1), (2, 7), (44, 45), (100, 60), (130, 131)]
    images = [rng.uniform(size=sides[index % 5]).astype(np.float32) ** rng.uniform(0.3, 3) for index in range(100)]
    page = open_page(PAGE)
    found = page.evaluate(
        PREDICT,
        [{"values": image.ravel().tolist(), "height": image.shape[0], "width": image.shape[1]} for image in images],
    )
    for image, values in zip(images, found):
        expected = tiling.predict_tiled(model, image)[..., 1]
        assert_agree(np.reshape(values, image.shape), expected, longest_sum(model), scale=1)


def test_a_large_image_is_stitched_without_seams(open_page, model):
    levels = _synthetic_em.em_slice(40, 300, 1)[0]
    image = np.hstack([levels, levels[:, ::-1]]).astype(np.float32) / 255
    (found,) = open_page(PAGE).evaluate(PREDICT, [{"values": image.ravel().tolist(), "height": 300, "width": 600}])
    assert_agree(
        np.reshape(found, image.shape), tiling.predict_tiled(model, image)[..., 1], longest_sum(model), scale=1
    )


def test_each_map_inside_is_the_one_of_keras(open_page, model):
    import keras

    page = open_page(PAGE)
    rng = np.random.default_rng(1)
    image = rng.uniform(size=(100, 100)).astype(np.float32)
    told = page.evaluate(
        """async (values) => {
        const { Network } = await import(new URL("../explorables/network.js", location));
        const { LAYERS } = await import(new URL("../explorables/live.js", location));
        const network = new Network(1), all = {};
        const image = { values: Float32Array.from(values), height: 100, width: 100 };
        for (const { name } of LAYERS) {
            const { values, shape } = await network.features(image, name, 0, 0, 100);
            all[name] = [shape, values.reduce((sum, value) => sum + value, 0), Array.from(values.slice(0, 500))];
        }
        network.close();
        return all;
    }""",
        image.ravel().tolist(),
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


def test_the_page_segments_a_slice_at_once_and_agrees_with_the_package(open_page, model):
    page = open_page(PAGE)
    live = ready(page)
    image = _synthetic_em.em_slice(6, 512, 0)[0].astype(np.float32) / 255
    probability = tiling.predict_tiled(model, image)[..., 1]
    live.get_by_label("Threshold").fill("0.7")
    count = int(words(page).split(": ")[1].split()[0])
    assert "above 0.70" in words(page)
    assert (
        abs(count - _segments.segments(probability, 0.7).max()) <= 1
    )  # a pixel within 1e-4 of the threshold may differ
    assert page.complaints == []


def test_the_maps_are_chosen_and_the_square_moves_by_keyboard(open_page):
    page = open_page(PAGE)
    live = ready(page)
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
        "document.querySelectorAll('.live .words')[1].textContent.includes('Probability of cell: 1 map of 100 x 100')"
    )
    assert layer.input_value() == "Probability of cell"


def test_an_image_of_one_s_own_is_segmented_and_a_bad_one_refused(open_page, model):
    page = open_page(PAGE)
    live = ready(page)
    own = live.get_by_label("Or one of your own")
    levels = _synthetic_em.em_slice(41, 90, 1)[0]
    own.set_input_files(as_file(levels))
    page.wait_for_function("document.querySelector('.live .words').textContent.includes('90 x 90 px')")
    expected = _segments.segments(tiling.predict_tiled(model, levels.astype(np.float32) / 255)[..., 1]).max()
    assert abs(int(words(page).split(": ")[1].split()[0]) - expected) <= 1
    own.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_function("document.querySelector('.live .words').textContent.includes('notes.png is not a picture')")
    own.set_input_files(as_file(np.zeros((2, 5000), np.uint8), "wide.png"))
    page.wait_for_function("document.querySelector('.live .words').textContent.includes('wide.png has 5000 x 2 px')")
    assert page.complaints == []


def test_a_long_run_shows_its_progress_and_can_be_cancelled(open_page):
    page = open_page(PAGE)
    live = ready(page)
    live.get_by_label("Or one of your own").set_input_files(as_file(np.full((1500, 1500), 128, np.uint8), "large.png"))
    cancel = live.get_by_role("button", name="cancel")
    cancel.wait_for(state="visible")
    page.wait_for_function("(({ value, max }) => max === 36 && value > 0)(document.querySelector('.live progress'))")
    cancel.press("Enter")
    page.wait_for_function("document.querySelector('.live .words').textContent.startsWith('Stopped')")
    live.get_by_label("Image", exact=True).select_option("Slice 7")
    ready(page)
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
    assert {"network.bin", "tf-core.js", "tfjs-backend-wasm-simd.wasm"} <= set(sizes)
    assert sum(sizes.values()) < 3_000_000
    assert page.complaints == []
