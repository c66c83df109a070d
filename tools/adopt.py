"""Makes a copy of the repository its owner's: rewrites its address, and that of its pages, in every tracked file.

make adopt REPO=owner/name                      pages where GitHub serves them, at owner.github.io/name
make adopt REPO=owner/name SITE=https://...     pages elsewhere
"""

import argparse
import re
import sys
from typing import NamedTuple

from . import tracked
from .tracked import ROOT, Change, Refused

CONFIG = "_config.yml"
OWNER = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
NAME = r"[A-Za-z0-9._-]+"
HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
SITE = rf"https://({HOST})((?:/[A-Za-z0-9._~-]+)*)/?"
BEFORE = rb"(?<![\w-])(?:github\.com[/:]|raw\.githubusercontent\.com/|google\.com/github/|mybinder\.org/v2/gh/)"
AFTER = rb"(?![\w-]|\.(?!git(?![\w.-]))[\w-])"  # the end of a repository's name
BOUNDARY = rb"(?![\w-]|\.\w)"  # the end of the address of pages
OWN = rb"(?=/?(?!/)%b|/(?:book/|explorables/|_|[\w-]+\.\w))" % BOUNDARY  # a host's other folders may be other projects


class Address(NamedTuple):
    """Owner and name of a repository as "owner/name", and where its pages are, without a closing slash."""

    repository: str
    site: str


def default_site(repository: str) -> str:
    """Where GitHub Pages serves a repository unless told otherwise.

    >>> [default_site(name).removeprefix("https://") for name in ("Kim-Lab/u.net", "kim/kim.github.io")]
    ['kim-lab.github.io/u.net', 'kim.github.io']
    """
    owner, name = repository.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}" if name.lower() == host else f"https://{host}/{name}"


def address(repository: str, site: str = "") -> Address:
    """The address that an owner asks for. Raises Refused where GitHub knows no such name or no server such pages.

    >>> address("kim/unet", "https://unet.kim.example/")
    Address(repository='kim/unet', site='https://unet.kim.example')
    """
    owner, _, name = repository.partition("/")
    if not (
        re.fullmatch(OWNER, owner)
        and len(owner) <= 39
        and re.fullmatch(NAME, name)
        and len(name) <= 100
        and name.strip(".")
        and not name.lower().endswith(".git")
    ):
        raise Refused(
            f"REPO={repository!r}: must be owner/name as GitHub writes them, for example REPO=kim-lab/unet. "
            "An owner has up to 39 letters and digits, with single hyphens between them. A name has up to 100 letters, "
            "digits, dots, hyphens and underscores, and does not end in .git"
        )
    default = default_site(repository)
    if not site:
        return Address(repository, default)
    found = re.fullmatch(SITE, site)
    if not found or {".", ".."} & set(found[2].split("/")) or found[2].endswith((".html", ".htm")):
        raise Refused(
            f"SITE={site!r}: must be https://, a host in small letters and, if need be, the folder of the "
            f"pages, for example SITE={default}; no page, port, query or anchor"
        )
    if re.fullmatch(r"[\w-]+\.github\.io", found[1]) and site.rstrip("/") != default:
        raise Refused(
            f"SITE={site!r}: GitHub serves the pages of {repository} at {default}; leave SITE out, or name a "
            "host of your own"
        )
    return Address(repository, site.rstrip("/"))


def current(config: str) -> Address:
    """The address that the text of `_config.yml` holds. Raises Refused where it holds none."""
    repository = re.search(rf"^  url: [\"']?https://github\.com/({OWNER}/{NAME}?)/?[\"']?\s*(?:#.*)?$", config, re.M)
    site = re.search(rf"^ +ogp_site_url: [\"']?({SITE})[\"']?\s*(?:#.*)?$", config, re.M)
    if not repository or not site:
        raise Refused(
            f"{CONFIG}: must hold the address of the repository as `  url:` below `repository:`, and "
            "that of its pages as `ogp_site_url:`; restore both lines"
        )
    return Address(repository[1], site[1].rstrip("/"))


def plan(old: Address, new: Address, root=ROOT) -> list[Change]:
    """The changes that put one address in place of another in every tracked file of text."""
    repository, site = (re.escape(part.encode()) for part in old)
    after = BOUNDARY if "/" in old.site.removeprefix("https://") else OWN
    if new.site.startswith(f"{old.site}/"):  # and stands already in files that an interrupted run has written
        after += rb"(?!%b%b)" % (re.escape(new.site.removeprefix(old.site).encode()), BOUNDARY)
    pattern = re.compile(rb"(%b(?=%b%b)|(?=%b%b))(%b|%b)" % (BEFORE, repository, AFTER, site, after, repository, site))
    renamed = {before.encode(): after.encode() for before, after in zip(old, new)}
    edited = (
        (path, *tracked.substitute(content, pattern, renamed.get)) for path, content in tracked.files(root).items()
    )
    return [Change(*one) for one in edited if one[2]]


def adopt(repository: str, site: str = "", root=ROOT) -> str:
    """Rewrite the address everywhere. Returns an account of it; raises Refused, and then nothing has changed."""
    old, new = current(tracked.text(root, CONFIG)), address(repository, site)
    if old == new:
        return f"nothing to do: {new.repository} with pages at {new.site} is what every file names"
    changes = plan(old, new, root)
    tracked.write(root, changes, last=CONFIG)
    lines = [f"{what} {before} -> {after}" for what, before, after in zip(("repository", "pages"), old, new)]
    lines += [f"  {path}: {tracked.count(places)}" for path, _, places in changes]
    return "\n".join([*lines, "", *advice(new, root)])


def advice(new, root):
    """What is left to do by hand."""
    yield "Next: make test, git commit -am 'Adopted', and on GitHub, before git push:"
    yield "  Settings > Pages > Source: GitHub Actions"
    yield "  Actions: allowed (in a fork they are off until its owner allows them)"
    if new.site != default_site(new.repository):
        host, _, folder = new.site.removeprefix("https://").partition("/")
        if folder in ("", new.repository.split("/")[1]):
            where = "" if not folder else f" of the repository {new.repository.split('/')[0]}.github.io"
            yield f"  Settings > Pages > Custom domain{where}: {host} (and its DNS record; a CNAME file is not needed)"
        else:
            yield f"  GitHub Pages cannot serve {new.site}: copy _build/html there yourself"
    tag = re.search(r"^  branch: (v\S+)", tracked.text(root, CONFIG), re.M)  # the release that buttons open
    if tag and tracked.git(root, "tag", "--list", tag[1]):
        yield f"The tag {tag[1]} still holds the old address: make release VERSION=X.Y.Z makes a version of your own."


def main(arguments=None, root=ROOT):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.adopt", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", metavar="owner/name")
    parser.add_argument("site", nargs="?", default="", metavar="https://...")
    parsed = parser.parse_args(arguments)
    try:
        print(adopt(parsed.repository, parsed.site, root))
    except Refused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
