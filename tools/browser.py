"""Headless Chromium with the built pages, for what is made of them: stills and the PDF."""

import contextlib
import functools
import http.server
import shutil
import threading

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def chromium():
    """Path of the browser, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def serving(folder, handler=Quiet):
    """Serve a folder; yields its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def pages(html, width=1280, scale=1):
    """A page of Chromium and the address of the built book."""
    from playwright.sync_api import sync_playwright

    if not (html / "book").is_dir():
        raise SystemExit("error: there are no pages: run make book first")
    if not chromium():
        raise SystemExit("error: Chromium is needed: apt-get install chromium")
    with serving(html) as site, sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        context = opened.new_context(
            viewport={"width": width, "height": 900}, device_scale_factor=scale, color_scheme="light"
        )
        try:
            yield context.new_page(), site
        finally:
            opened.close()
