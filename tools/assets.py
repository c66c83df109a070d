"""What the explorables of the pages load: pictures of the specimen, the live U-Net, libraries for the browser."""

import hashlib
import io
import shutil
import subprocess
from pathlib import Path

from .live import SLICES, files_of_networks, still
from .notebooks import ROOT, dependencies

FOLDER = Path("book/_extra/explorables")
PART = slice(64, 256), slice(192, 384)  # rows and columns of the first that the threshold explorer shows
BENT = slice(60, 300), slice(170, 410)  # those that the elastic explorer deforms
LIBRARIES = {  # file of a page: file of an npm package, installed as package-lock.json pins it
    "tf-core.js": "@tensorflow/tfjs-core/dist/tf-core.es2017.min.js",
    "tf-wasm.js": "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.es2017.min.js",
    "tfjs-backend-wasm-simd.wasm": "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
    "tfjs-backend-wasm.wasm": "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
}


def pictures():
    """Grey values of synthetic slices, the label of the first, what the small network says of it: PNGs of 8 bits."""
    import numpy as np

    from unet_tutorial import pretrained, tiling
    from unet_tutorial.datasets import _synthetic_em

    (levels, cells), *others = (_synthetic_em.em_slice(number, 512, 0) for number in SLICES)
    probability = tiling.predict_tiled(pretrained.small_unet(), (levels / 255).astype(np.float32))[..., 1]
    first = {"slice": levels, "label": (cells > 0) * 255, "probability": np.rint(probability * 255)}
    files = {f"{name}.png": png(values) for name, values in first.items()}
    files |= {f"part-{name}.png": png(values[PART]) for name, values in first.items()}
    files |= {f"bent-{name}.png": png(first[name][BENT]) for name in ("slice", "label")}
    return files | {f"slice-{number}.png": png(levels) for number, (levels, _) in zip(SLICES[1:], others)}


def png(values):
    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(file, "png", optimize=True)
    return file.getvalue()


def made(cache, root=ROOT):
    """Name and content of each file that Python makes, from the folder `cache` where nothing they depend on changed."""
    sources = [Path(__file__).with_name(f"{name}.py") for name in ("assets", "live")]
    digest = hashlib.sha256()
    needed = {path for source in sources for path in dependencies(source.read_text("utf-8"), root)}
    for path in [*sources, root / "requirements.txt", *sorted(needed)]:
        digest.update(path.read_bytes())
    folder = cache / digest.hexdigest()[:20]
    if not folder.exists():
        shutil.rmtree(cache, ignore_errors=True)
        partial = cache / "partial"
        partial.mkdir(parents=True)
        files = pictures() | files_of_networks()
        for name, content in {**files, "live.png": still(files)}.items():
            (partial / name).write_bytes(content)
        partial.rename(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def libraries(root=ROOT):
    """Name and content of each file from npm. None where npm is missing or fails; then the page shows a still."""
    modules, lock = root / "node_modules", root / "package-lock.json"
    done = modules / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if not shutil.which("npm") or subprocess.run(install, cwd=root).returncode:
            print("npm is missing or failed: the page of the live U-Net will show its still picture only", flush=True)
            return {}
        done.touch()
    return {name: (modules / source).read_bytes() for name, source in LIBRARIES.items()}


def files(cache, root=ROOT):
    """Path below the root and content of all of them; none for a book without explorables."""
    if not (root / FOLDER).exists():
        return {}
    return {
        FOLDER / folder / name: content
        for folder, contents in (("data", made(cache, root)), ("library", libraries(root)))
        for name, content in contents.items()
    }
