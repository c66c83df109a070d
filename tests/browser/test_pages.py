"""Every page of the built book in headless Chromium, with all requests to the outside blocked.

Run by `make test-browser`, after `make book`.
"""

import json
from pathlib import Path

import pytest

from unet_tutorial import geometry

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(path.relative_to(HTML).as_posix() for path in (HTML / "book").rglob("*.html"))
WIDE, NARROW = 1280, 390
RAW_TEX = r"/\$\$|\\(frac|sum|sigma|begin|mathrm)\b/"
# Blocks of the running text that reach into the next one, or out of what holds them.
OVERLAPS = """() => {
    const found = [];
    for (const section of document.querySelectorAll('.bd-article section')) {
        const blocks = [...section.children].map((node) => [node, node.getBoundingClientRect()]).filter(
            ([node, { width, height }]) => width > 1 && height > 1 && getComputedStyle(node).position !== 'absolute');
        blocks.forEach(([node, box], index) => {
            const next = blocks[index + 1], whole = section.getBoundingClientRect();
            const start = (block) => block.textContent.slice(0, 60);
            if (next && box.bottom > next[1].top + 1) found.push(`${start(node)} / ${start(next[0])}`);
            if (box.left < whole.left - 1 || box.right > whole.right + 1) found.push(`too wide: ${start(node)}`);
        });
    }
    return found;
}"""


@pytest.mark.parametrize("width", (WIDE, NARROW))
@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_without_complaint_fits_its_window_and_shows_no_tex(open_page, name, width):
    page = open_page(name, width)
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    raw = page.evaluate(f"""() => {{
        const article = document.querySelector('.bd-article').cloneNode(true);
        article.querySelectorAll('pre, code, mjx-container, script').forEach((node) => node.remove());
        return (article.textContent.match({RAW_TEX}) || [null])[0];
    }}""")
    assert raw is None
    assert page.evaluate(OVERLAPS) == []
    assert (
        page.evaluate("""() => [...document.querySelectorAll('.bd-article img')].filter((image) => image.complete && (
        image.getBoundingClientRect().right > image.closest('section').getBoundingClientRect().right + 1
        )).map(({ src }) => src)""")
        == []
    )


def test_the_test_of_overlaps_sees_one(open_page):
    page = open_page("book/introduction.html")
    page.evaluate("document.querySelector('.bd-article section p').style.marginBottom = '-3rem'")
    assert page.evaluate(OVERLAPS) != []


def test_the_search_finds_the_overlap_tile(open_page):
    page = open_page("search.html?q=overlap-tile")
    page.locator("#search-results li a[href*='overlap_tile.html']").first.wait_for()  # they appear one by one


def test_folded_answers_open(open_page):
    page = open_page("book/architecture.html")
    answer = page.locator("details:not(.hide):not(.toggle-details)").first
    assert not answer.evaluate("node => node.open")
    answer.locator("summary").click()
    assert answer.evaluate("node => node.open")
    assert "Right" in page.locator("details:not(.hide):not(.toggle-details)", has_text="Right").first.text_content()


@pytest.mark.parametrize("padding", ("valid", "same"))
@pytest.mark.parametrize("depth", range(1, 6))
def test_the_size_explorer_agrees_with_geometry_on_every_size(open_page, depth, padding):
    page = open_page("book/architecture.html")
    told = json.loads(
        page.evaluate(
            """async ([depth, padding]) => {
        const { walk, nearest, cropMargins } = await import(new URL("../explorables/geometry.js", location));
        const { sentence } = await import(new URL("../explorables/sizes.js", location));
        const all = [];
        for (let size = 1; size <= 1000; size++) {
            const { sizes, fault } = walk(size, depth, padding);
            all.push([fault, fault ? null : sizes, fault ? null : cropMargins(size, depth, padding).reverse(),
                      nearest(size, depth, padding), sentence(size, depth, padding)]);
        }
        return JSON.stringify(all);
    }""",
            [depth, padding],
        )
    )
    legal = geometry.legal_input_sizes(1, 1100, depth, padding)
    for size, (fault, sizes, margins, near, words) in enumerate(told, 1):
        assert (fault == "") == (size in legal)
        assert near["above"] == min(one for one in legal if one >= size)
        assert near["below"] == max((one for one in legal if one <= size), default=None)
        if fault:
            with pytest.raises(ValueError, match="input size") as caught:
                geometry.layer_sizes(size, depth, padding)
            assert fault in str(caught.value) and fault in words
        else:
            assert sizes == geometry.layer_sizes(size, depth, padding)
            assert margins == geometry.crop_margins(size, depth, padding)


def test_the_size_explorer_works_by_keyboard_and_says_what_it_shows(open_page):
    page = open_page("book/architecture.html")
    explorer = page.locator("[data-explorable=sizes]")
    slider = explorer.get_by_label("Input size")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "573 px"
    words = explorer.locator("[aria-live]")
    assert "573 is not legal" in words.text_content() and "572 and 588" in words.text_content()
    assert explorer.locator(".fault").count() == 1
    explorer.get_by_role("button", name="take 588").press("Enter")
    assert "588 x 588 in, 404 x 404 out" in words.text_content() and explorer.locator(".fault").count() == 0
    explorer.get_by_label("Padding").select_option("same")
    assert "588 is not legal" in words.text_content()
