"""Looks at the built documentation: `python -m tests.site docs/_build` after `sphinx-build`.

Every public name is in the reference, links lead somewhere, no formula is left as TeX, and nothing is fetched from a
network. Where Chromium is installed, it shows every page on a telephone and on a desk, in light and in dark: nothing
fails or sticks out. Prints what is wrong, and exits with 1.
"""

import sys
from html.parser import HTMLParser
from inspect import ismodule
from pathlib import Path

import thermo_ideal
from tests.support.chromium import CHROMIUM, Chromium

_FETCHED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
_WIDTHS = {"telephone": 390, "desk": 1440}


class BuiltPage(HTMLParser):
    """The links, anchors and formulas of one page."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.fetched, self.formulas = set(), [], [], []
        self._in_formula = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.update(filter(None, [attributes.get("id"), attributes.get("name")]))
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag in _FETCHED and attributes.get(_FETCHED[tag]) and attributes.get("rel") != "canonical":
            self.fetched.append(attributes[_FETCHED[tag]])
        self._in_formula += tag == "math"

    def handle_endtag(self, tag):
        self._in_formula -= tag == "math"

    def handle_data(self, data):
        if self._in_formula:
            self.formulas.append(data)


def public_names(module=thermo_ideal):
    """Every public name, with its module's."""
    for name in module.__all__:
        thing = getattr(module, name)
        if ismodule(thing):
            yield from public_names(thing)
        elif not name.startswith("__"):
            yield f"{module.__name__}.{name}"


def problems(site):
    """What is wrong with the pages of a folder, as text."""
    pages = {path: BuiltPage(path) for path in sorted(site.rglob("*.html"))}
    anchors = set().union(*(page.anchors for page in pages.values()))
    yield from (f"{name} is not in the reference" for name in public_names() if name not in anchors)
    for path, page in pages.items():
        where = path.relative_to(site)
        yield from (f"{where}: fetches {url}" for url in page.fetched if "//" in url)
        yield from (f"{where}: shows TeX, {text.strip()}" for text in page.formulas if "\\" in text)
        for link in page.links:
            if "//" in link or link.startswith(("mailto:", "javascript:")):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                yield f"{where}: links to {link}, which is not there"


def seen_problems(site):
    """What a browser finds wrong with them."""
    with Chromium() as browser:
        for path in sorted(site.rglob("*.html")):
            for device, width in _WIDTHS.items():
                for scheme in ("light", "dark"):
                    browser.open(path, width, scheme)
                    where = f"{path.relative_to(site)} on a {device}, {scheme}"
                    remote = [url for url in browser.requests if not url.startswith("file:")]
                    yield from (f"{where}: asks for {url}" for url in remote)
                    yield from (f"{where}: {message}" for message in browser.messages)
                    wide = browser.evaluate("document.documentElement.scrollWidth")
                    if wide > width:
                        yield f"{where}: is {wide} pixels wide"


def main():
    site = Path(sys.argv[1]).resolve()
    found = list(problems(site))
    if CHROMIUM:
        found += seen_problems(site)
    else:
        print("chromium is not installed, so no browser looks at the pages (apt-get install chromium)")
    print("\n".join(found) or "nothing is wrong")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
