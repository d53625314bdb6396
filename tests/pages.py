"""HTML pages as tests read them: tags, text, addresses, and what pictures say."""

from html.parser import HTMLParser

ADDRESSES = ("src", "href", "xlink:href", "srcset", "action", "data", "poster")


class Page(HTMLParser):
    """A page that has been read.

    Attributes:
        tags: The names of all elements.
        text: All text outside pictures.
        drawn: The lines of text in pictures.
        targets: All addresses.
        alternatives: What pictures say to those who do not see them.
        ids: All ids.
        policies: What browsers are told about where things may come from.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.drawn: list[str] = []
        self.targets: list[str] = []
        self.alternatives: list[str] = []
        self.ids: list[str] = []
        self.policies: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._open.append(tag)
        self.targets += [given[name] for name in ADDRESSES if name in given]
        self.ids += [given["id"]] if "id" in given else []
        if tag in ("svg", "img"):
            self.alternatives.append(given.get("aria-label", given.get("alt", "")))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(given["content"])

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an element, and of those in it that have none."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note text."""
        if "svg" in self._open:
            self.drawn += [data] if data.strip() else []
        elif "style" not in self._open:
            self.text += data
