"""What the live U-Net loads: its menu of networks and images, the weights of each network, its still picture."""

import io
import json
import re
import tempfile
from pathlib import Path

SLICES = (6, 7, 21)  # of the synthetic specimen; the last one is noisier
NUCLEI = ("1bd0f2b3", "50a7ea80", "a6e81120")  # of the images in the package
SOURCE = "BBBC038v1, the 2018 Data Science Bowl, Caicedo et al. 2019 (CC0). The network has not seen it."
DEPTH = 3  # that the page can run
NETWORKS = {  # in the order of the menu; the page offers those that the package has
    "nuclei": {
        "title": "nuclei: fluorescence, CC0",
        "about": "Network nuclei: finds nuclei in fluorescence images. Free of conditions (CC0).",
        "object": "nucleus",
        "threshold": 0.5,
        "smallest": 1,
        "images": [
            {"title": f"Nuclei {name}: real, CC0", "file": f"nuclei-{name}.png", "about": f"Image: {name} of {SOURCE}"}
            for name in NUCLEI
        ],
    },
    "small": {
        "title": "small: membranes, non-commercial",
        "about": "Network small: finds membranes in slices of nerve tissue. For non-commercial use only.",
        "object": "cell",
        "threshold": 0.5,
        "smallest": 1,
        "images": [
            {
                "title": f"Slice {number}: synthetic",
                "file": "slice.png" if number == SLICES[0] else f"slice-{number}.png",
                "about": f"Image: slice {number} of the synthetic specimen, drawn by the book's own code.",
            }
            for number in SLICES
        ],
    },
}


def offered():
    """Names of the networks in `NETWORKS` that the package has, in the order of the menu."""
    from unet_tutorial import pretrained

    return [name for name in NETWORKS if (pretrained.FOLDER / f"{name}.npz").exists()]


def scaling(card):
    """What a network's card says of grey values, sizes and objects; nothing of what it does not name.

    `percentiles`: the first becomes 0, the second 1, or the third where few pixels are bright. `knows`: how wide the
    objects are that the network sees, in px; `width`: in its own images. `smallest`: px of an object there.
    """
    grey = re.search(r"percentiles ([\d.]+) and ([\d.]+) of each image\b.*?\b([\d.]+)th is\s+taken", card, re.DOTALL)
    size = re.search(r"about (\d+) px wide.*?have\s+(\d+) px", card, re.DOTALL)
    found = {"percentiles": [float(part) for part in grey.groups()]} if grey else {}
    least = re.search(r"fewer than (\d+) px are no nucleus", card)
    found |= {"knows": int(size[1]), "width": int(size[2])} if size else {}
    return found | ({"smallest": int(least[1])} if least else {})


def arrays(name):
    """Weights of a network of the package by their names, float32."""
    import numpy as np

    from unet_tutorial import pretrained

    with np.load(pretrained.FOLDER / f"{name}.npz", allow_pickle=False) as saved:
        weights = {key: saved[key].astype("<f4") for key in saved.files}
    if f"contract{DEPTH}_conv1/kernel" not in weights or f"contract{DEPTH + 1}_conv1/kernel" in weights:
        raise ValueError(f"network {name}: is not of depth {DEPTH}, which is what the live page can run")
    return weights


def model(name):
    """A network of the package, of open sides."""
    from unet_tutorial import pretrained
    from unet_tutorial.model import build_unet

    filters = arrays(name)["contract1_conv1/bias"].size
    network = build_unet((None, None, 1), base_filters=filters, depth=DEPTH)
    pretrained.load_weights(network, pretrained.FOLDER / f"{name}.npz")
    return network


def menu():
    """What the page knows of each network that it offers, without its weights."""
    from unet_tutorial import pretrained

    cards = {name: (pretrained.FOLDER / f"{name}.md").read_text("utf-8") for name in offered()}
    return [{"name": name, **NETWORKS[name], **scaling(card)} for name, card in cards.items()]


def files_of_networks():
    """Name and content of each file.

    networks.json is the menu; network-NAME.bin holds the weights of one network, one after the other, and
    network-NAME.json their names and shapes.
    """
    from unet_tutorial import datasets

    found = {f"nuclei-{name}.png": (datasets.NUCLEI / "images" / f"{name}.png").read_bytes() for name in NUCLEI}
    for name in offered():
        weights = arrays(name)
        shapes = [{"name": key, "shape": array.shape} for key, array in weights.items()]
        found[f"network-{name}.json"] = json.dumps(shapes).encode()
        found[f"network-{name}.bin"] = b"".join(array.tobytes() for array in weights.values())
    return found | {"networks.json": json.dumps(menu()).encode()}


def predicted(levels, network, model, most=255):
    """What the page makes of grey values of 0 to `most`: the image in 0..1, the probability of an object, (H, W) each.

    `network` is its entry in the menu.
    """
    import numpy as np

    from unet_tutorial import tiling

    if "percentiles" not in network:
        image = np.asarray(levels / most, np.float32)
        return image, tiling.predict_tiled(model, image)[..., 1]
    from unet_tutorial.projects import _grey, _sizes

    image = _grey.scaled(levels, _grey.Scaling())
    shrink = max(1, round(network["width"] / network["knows"]))
    seen = tiling.predict_tiled(model, _sizes.smaller(image, shrink))[..., 1]
    return image, _sizes.larger(seen, shrink, image.shape)


def still(files):
    """What the page shows when it opens, as a PNG: the first image of the first network among its files."""
    import matplotlib
    import numpy as np
    from PIL import Image

    matplotlib.use("agg")
    from unet_tutorial import metrics, plotting

    first = json.loads(files["networks.json"])[0]
    levels = np.asarray(Image.open(io.BytesIO(files[first["images"][0]["file"]])), np.float32)
    image, probability = predicted(levels, first, model(first["name"]))
    ids = metrics.segments(probability, first["threshold"])
    kept = np.where(np.bincount(ids.ravel())[ids] >= first["smallest"], ids, 0)
    plotting.use_style()
    fig, _ = plotting.show_row(
        [image, probability, kept],
        ["image", f"probability of {first['object']}", "objects"],
        ["image", "probability", "cells"],
    )
    with tempfile.TemporaryDirectory() as folder:
        plotting.save_figure(fig, Path(folder, "still.png"))
        return Path(folder, "still.png").read_bytes()
