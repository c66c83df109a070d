"""Makes built pages lighter and plainer to assistive technology: icons, pictures, roles and names."""

import hashlib
import io
import re
from urllib.parse import quote

from bs4 import BeautifulSoup
from fontTools import subset, ttLib
from PIL import Image

ICONS = "_static/icons.css"
BASE = """.fa-solid, .fa-brands, .fa-regular, .fas, .fab, .far {
  display: inline-block; width: 1em; height: 1em; vertical-align: -.125em; background: currentColor;
  -webkit-mask: var(--icon) center / contain no-repeat; mask: var(--icon) center / contain no-repeat; }
:is(.fa-solid, .fa-brands, .fa-regular, .fas, .fab, .far)::before { content: none !important; }
.fa-lg { font-size: 1.25em; }
"""
FONT = """@font-face { font-family: "Font Awesome 6 Free"; font-style: normal; font-weight: 900;
  src: url(icons.woff) format("woff"); }
"""  # of the marks of admonitions, in place of the theme's own with all its icons
GLOSSARY = "book/glossary.html"
PLAIN = ("api", "bibliography", "ledger", "records")  # pages whose words are not linked to the glossary
QUALITY = 85  # of photographs as WebP


def polish(folder):
    """Polish every page below a folder that Sphinx wrote. A page that is polished already stays as it is."""
    pages = sorted(folder.rglob("*.html"))
    smaller = pictures(folder / "_images")
    names, words = set(), {}
    if (folder / GLOSSARY).exists():
        words = terms(BeautifulSoup((folder / GLOSSARY).read_text(), "html.parser"))
    for path in pages:
        before = path.read_text()
        page = BeautifulSoup(before, "html.parser")
        icons_of(page, path, folder, names)
        accessible(page)
        numbered(page)
        breakable(page)
        if path == folder / GLOSSARY:
            terms(page)
        elif path.parent == folder / "book" and path.stem not in PLAIN:
            explained(page, words)
        for image in page.select("img[src]"):
            folder_of, _, name = image["src"].rpartition("/")
            if name in smaller:
                image["src"] = f"{folder_of}/{smaller[name].name}"
        after = str(page)
        if after != before:
            path.write_text(after)
    small_font(folder)
    (folder / ICONS).write_text(BASE + FONT + "".join(rules(folder, names)))


def pictures(folder):
    """Write each PNG as WebP beside it: without loss, or as a photograph where that has less than half the bytes.

    Returns name of each PNG, and the path of its WebP where that is the smaller of the two.
    """
    found = {}
    for path in sorted(folder.glob("*.png")) if folder.is_dir() else ():
        content = path.read_bytes()
        webp = path.with_name(f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}.webp")
        if not webp.exists():
            image = Image.open(io.BytesIO(content)).convert("RGB")
            exact, photograph = (
                encode(image, **options)
                for options in ({"lossless": True, "method": 6}, {"quality": QUALITY, "method": 6})
            )
            webp.write_bytes(photograph if 2 * len(photograph) < len(exact) else exact)
        if webp.stat().st_size < len(content):
            found[path.name] = webp
    return found


def encode(image, **options):
    file = io.BytesIO()
    image.save(file, "webp", **options)
    return file.getvalue()


def icons_of(page, path, folder, names):
    """Note the icons of a page, and take its icon font and the script of all icons away."""
    for node in page.select("[class*=fa-]"):
        names.update(name[3:] for name in node["class"] if name.startswith("fa-"))
    up = "../" * len(path.relative_to(folder).parts[1:])
    for node in page.select("script[src*=fontawesome], link[href*=fontawesome]"):
        node.decompose()
    if page.head and not page.select(f"link[href$='{ICONS}']"):
        page.head.append(page.new_tag("link", rel="stylesheet", href=up + ICONS))


def small_font(folder):
    """Write the icon font with those glyphs only that the theme's style sheet prints."""
    style = (folder / "_static/styles/pydata-sphinx-theme.css").read_text()
    marks = {
        ord(one)
        for value in re.findall(r"--pst-icon-[\w-]+:\s*\"([^\"]*)\"", style)
        for one in re.sub(r"\\([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), value)
    }
    font = ttLib.TTFont(folder / "_static/vendor/fontawesome/webfonts/fa-solid-900.ttf", recalcTimestamp=False)
    cutter = subset.Subsetter()
    cutter.populate(unicodes=marks)
    cutter.subset(font)
    font.flavor = "woff"
    font.save(folder / "_static/icons.woff")


def rules(folder, names):
    """A style rule for each icon: its outline, taken from the theme's script of all icons, as a mask."""
    source, drawn = (folder / "_static/scripts/fontawesome.js").read_text(), 0
    for name in sorted(names):
        own, alias = (
            rf'(?<![\w-])"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\]',
            rf'\[(\d+),(\d+),\[[^\]]*"{re.escape(name)}"[^\]]*\]',
        )
        found = [
            *re.finditer(rf'{alias},"[^"]*","([^"]+)"\]', source),
            *re.finditer(rf'{own},"[^"]*","([^"]+)"\]', source),
        ]
        if not found:
            continue  # a size or a style, not an icon
        drawn += 1
        width, height, outline = found[-1].groups()
        image = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'><path d='{outline}'/></svg>"
        yield f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(image, safe=" =:/")}"); }}\n'
    if names and not drawn:
        raise ValueError("fontawesome.js of the theme holds no outline in the form that is looked for")


def numbered(page):
    """Exercises count within their chapter, as their solutions in the notebook do."""
    for number, node in enumerate(page.select(".exercise .admonition-title .caption-number"), 1):
        node.string = f"Exercise {number} "


def terms(page):
    """Mark each row of the glossary with an id. Returns the id, Korean word and meaning of each term."""
    found = {}
    for row in page.select("article table tbody tr"):
        term, *rest = (" ".join(cell.get_text().split()) for cell in row.select("td"))
        row["id"] = "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")
        found[term] = row["id"], ": ".join(rest)
    return found


def explained(page, words):
    """The first use of each term of the glossary in the running text of a page opens its meaning: by tap and by key.

    The word becomes a button, and what it opens follows it, with a link to the term's row. The browser does the rest.
    """
    if page.select_one("button.term"):
        return
    left = dict(words)
    for paragraph in page.select("article section > p, article section > ul > li > p"):
        for words_of in paragraph.find_all(string=True):
            if words_of.find_parent(["a", "code", "strong", "em"]) or words_of.find_parent(class_="math"):
                continue
            text, found = str(words_of), []
            for term in sorted(left, key=len, reverse=True):
                match = re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", text, re.IGNORECASE)
                if match and all(match.end() <= start or match.start() >= end for start, end, _ in found):
                    found.append((*match.span(), left.pop(term)))
            end = len(text)
            for start, stop, (place, meaning) in sorted(found, reverse=True):
                opened = {"popover": "", "id": f"meaning-{place}", "class": "meaning", "role": "note"}
                button = page.new_tag("button", type="button", popovertarget=opened["id"], attrs={"class": "term"})
                button.string = text[start:stop]
                note, row = page.new_tag("span", attrs=opened), page.new_tag("a", href=f"glossary.html#{place}")
                row.string = "Glossary"
                note.extend([f"{meaning} ", row])
                words_of.insert_after(button, note, text[stop:end])
                end = start
            if found:
                words_of.replace_with(text[:end])


def breakable(page):
    """A long name in a table may break after its dots, slashes, colons and underscores, and nowhere else."""
    for node in page.select("table code"):
        for word in node.find_all(string=re.compile(r"[./_:](?=\w)")):
            parts = re.split(r"(?<=[./_:])(?=\w)", word)
            for part in parts[:-1]:
                word.insert_before(part, page.new_tag("wbr"))
            word.replace_with(parts[-1])


def accessible(page):
    """Mend what the theme and its extensions leave to be wished: names unlike the text, stray and wrong roles."""
    for node in page.select("button.search-button-field, summary[aria-label]"):
        del node["aria-label"]
    for node in page.select(".citation-list, .citation, .citation [role]"):
        del node["role"]
    for node in page.select(".sidebar-primary-items__start"):
        node["role"], node["aria-label"] = "navigation", "The book"
