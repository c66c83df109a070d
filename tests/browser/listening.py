"""What an explorable announces."""


def heard(page, name, start):
    """The announcement of an explorable, by the class of its element, once it begins with `start`."""
    said = f".{name} [aria-live]"
    page.wait_for_function("([said, start]) => document.querySelector(said).textContent.startsWith(start)",
                           arg=[said, start])
    return page.locator(said).text_content()
