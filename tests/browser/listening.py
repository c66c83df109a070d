"""What a page shows and says, once it does: a busy machine draws late.

A page is settled before a test gets it. Afterwards a test waits for the state that it looks at: `heard` for what an
explorable announces, which it has drawn before; `painted` for what is drawn and not announced; `resting` for a place to
point at. `wait_for_timeout` waits for no state.
"""


def settle(page):
    """Wait until every explorable of a page is drawn, and its formulas are set."""
    page.wait_for_function("!document.querySelector('[data-explorable]:not([data-drawn])')")
    page.evaluate("() => window.MathJax?.startup?.promise?.then(() => true)")
    painted(page)


def painted(page):
    """Wait until what was asked for so far is drawn: the scripts draw in the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")


def resting(locator):
    """Box of an element in the window, once it has stopped moving: pictures above it load late."""
    locator.scroll_into_view_if_needed()
    locator.evaluate("""async (node) => {
        const place = () => JSON.stringify(node.getBoundingClientRect());
        for (let last = "", same = 0; same < 10; last = place()) {
            await new Promise(requestAnimationFrame);
            same = place() === last ? same + 1 : 0;
        }
    }""")
    return locator.bounding_box()


def heard(page, name, start):
    """The announcement of an explorable, by the class of its element, once it begins with `start`."""
    return page.wait_for_function(
        """([said, start]) => {
        const text = document.querySelector(said)?.textContent;
        return text?.startsWith(start) && text;
    }""",
        arg=[f".{name} [aria-live]", start],
    ).json_value()


def article(page):
    """The text of a page as it is read: without the meanings that open at a word, and with single blanks."""
    text = page.evaluate("""() => {
        const copy = document.querySelector(".bd-article").cloneNode(true);
        copy.querySelectorAll("[popover]").forEach((note) => note.remove());
        return copy.textContent;
    }""")
    return " ".join(text.split())
