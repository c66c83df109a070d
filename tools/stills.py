"""A still picture of every explorable, for readers without scripts and for the PDF.

make book && make stills       takes them again, in headless Chromium, after an explorable has changed
"""

import io
from pathlib import Path

from . import browser
from .notebooks import ROOT

FOLDER = Path("book/_extra/explorables/stills")
CAPTIONS = {
    "sizes": "The U for an input of 572 px, with four poolings: each map as a bar with its size, down the contracting "
    "path and up the expanding path, and dashed arrows for the copies that are cropped.",
    "receptive": "The strips of all maps of the U, from one output pixel at the top to the 188 input pixels at the "
    "bottom that it sees, over a row of a slice.",
    "stepper-convolution": "A kernel of 3 x 3 numbers lies on the second place of an image, and the sum of nine "
    "products is written out.",
    "stepper-up-convolution": "A kernel of 3 x 3 numbers is stamped on the output with stride 2. Shading and small "
    "numbers count the stamps: 1, 2 or 4.",
    "elastic": "Nine arrows over a slice, the grid that they bend, and the deformed image and label that result.",
    "weights": "Cells, the map of their border weights, bright in the narrow gaps, and a cross-hair that measures the "
    "distances to the two nearest cells.",
    "threshold": "Segments of a slice at the threshold 0.40, splits and merges marked, beside the curves of the pixel, "
    "Rand and warping error over the threshold.",
}


def name_of(explorable, mode=None):
    """Name of the still of an explorable, and of its caption."""
    return f"{explorable}-{mode}" if mode else explorable


def take(html, folder):
    """Take a picture of every explorable that has a caption, on the pages below `html`, as WebP files in `folder`."""
    from PIL import Image

    left = set(CAPTIONS)
    with browser.pages(html, scale=2) as (page, site):
        for source in sorted((html / "book").glob("*.html")):
            if "data-explorable" not in source.read_text():
                continue
            page.goto(f"{site}/book/{source.name}", wait_until="networkidle")
            for root in page.query_selector_all("[data-explorable]"):
                name = name_of(root.get_attribute("data-explorable"), root.get_attribute("data-mode"))
                if name in left:
                    page.wait_for_function(
                        "node => 'drawn' in node.dataset && !node.innerText.includes('computing')", arg=root
                    )
                    page.wait_for_timeout(500)
                    picture = Image.open(io.BytesIO(root.screenshot())).convert("RGB")
                    folder.mkdir(parents=True, exist_ok=True)
                    path = folder / f"{name}.webp"
                    picture.save(path, "webp", quality=85, method=6)
                    print(f"{name}: {picture.width} x {picture.height}, {path.stat().st_size / 1e3:.0f} kB")
                    left.remove(name)
    if left:
        raise SystemExit(f"error: no page shows {', '.join(sorted(left))}")


if __name__ == "__main__":
    take(ROOT / "_build" / "html", ROOT / FOLDER)
