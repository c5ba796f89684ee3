"""What a page must be, told from its text alone."""

from html.parser import HTMLParser

_EMPTY = {"meta", "br", "hr", "img", "link", "input", "use", "path", "image"}
_FETCHING = {"src", "srcset", "href", "poster", "data", "action"}


class Page(HTMLParser):
    """A page that was read: its problems, its elements by name, and its tables as rows of text.

    Args:
        text: HTML.
    """

    def __init__(self, text):
        super().__init__()
        self.problems, self.elements, self.tables, self.pictures = [], [], [], []
        self._open, self._ids, self._wanted = [], set(), set()
        self._cell = self._words = None
        self.feed(text)
        self.close()
        self.problems += [f"{name} is not closed" for name in self._open]
        self.problems += [f"nothing has the id {name}" for name in self._wanted - self._ids]
        for picture in self.pictures:
            if not (picture["title"].strip() and len(picture["desc"]) > 40):
                self.problems.append(f"a picture is not described: {picture}")
        for table in self.tables:
            if not table["caption"].strip() or len({len(row) for row in table["rows"]}) != 1:
                self.problems.append(f"a table lacks a caption or cells: {table['caption']}")

    def named(self, name):
        """The attributes of all elements of a name."""
        return [attributes for element, attributes in self.elements if element == name]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in _EMPTY:
            self._open.append(tag)
        self._check(tag, attributes)
        if tag == "svg":
            self.pictures.append({"title": "", "desc": "", **attributes})
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
        if tag == "tr":
            self.tables[-1]["rows"].append([])
        if tag in ("th", "td"):
            self.tables[-1]["rows"][-1].append("")
        if tag in ("title", "desc", "caption"):
            self._words = tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._check(tag, dict(attrs))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else, line {self.getpos()[0]}")
        if tag in ("title", "desc", "caption"):
            self._words = None

    def handle_data(self, data):
        inside = set(self._open)
        if self._words == "caption":
            self.tables[-1]["caption"] += data
        elif self._words and "svg" in inside:
            self.pictures[-1][self._words] += data
        elif inside & {"th", "td"}:
            self.tables[-1]["rows"][-1][-1] += data

    def _check(self, tag, attributes):
        line = self.getpos()[0]
        name = attributes.get("id")
        if name in self._ids:
            self.problems.append(f"two have the id {name}, line {line}")
        if name is not None:
            self._ids.add(name)
        self._wanted |= set(attributes.get("aria-labelledby", "").split())
        for word in _FETCHING & attributes.keys():
            value = attributes[word]
            if value.startswith("#"):
                self._wanted.add(value[1:])
            elif not value.startswith("data:image/png;base64,"):
                self.problems.append(f"<{tag} {word}={value}> is fetched, line {line}")
        if tag in ("script", "iframe", "object", "embed", "link", "base"):
            self.problems.append(f"<{tag}>, line {line}")
        if tag == "svg" and not (attributes.get("role") == "img" and attributes.get("viewbox")):
            self.problems.append(f"<svg> without role or size, line {line}")
        if tag == "th" and attributes.get("scope") not in ("col", "row"):
            self.problems.append(f"<th> of no scope, line {line}")
        if tag.startswith("on") or any(word.startswith("on") for word in attributes):
            self.problems.append(f"<{tag}> that does something, line {line}")
