"""Sheets: what pictures are drawn on with matplotlib, and how they become part of a page.

A sheet's units are pixels, y pointing downwards. Text stays text, and colours follow the page.
Nothing of matplotlib's that is global is changed, but for the time of drawing.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from rnnverify.records import Array
from rnnverify.reports.html.colours import INK, LINE, PAPER, THEME
from rnnverify.reports.words import plain

SETTINGS: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "path.simplify": False,
}
NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}
SIZE = 11.0
"""Of letters, in pixels."""
LETTER = 7.6
"""The usual width of a letter of that size; it is the browser that draws them."""
DPI = 72
"""At which matplotlib's points are pixels."""

Point = tuple[float, float]


@contextmanager
def drawing() -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever a user has set, and leave all as it was.

    Fonts that lack a character are the reader's business: it is the browser that draws text.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mpl.rc_context():
            mpl.rcdefaults()
            with mpl.rc_context(SETTINGS):
                yield


class Squares(Artist):
    """Colours in rows and columns, each a rectangle; browsers are told not to blur them."""

    def __init__(self, colours: Array, corner: Point, size: Point) -> None:
        super().__init__()
        self._colours, self._corner, self._size = colours, corner, size

    def draw(self, renderer: Any) -> None:
        """Draw them: what matplotlib asks of every artist."""
        place = Affine2D().scale(*self._size).translate(*self._corner) + self.get_transform()
        context = renderer.new_gc()
        renderer.draw_image(context, 0, 0, self._colours, place)
        context.restore()


class Sheet:
    """A sheet of paper without a colour of its own."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, frameon=False)
        self._downwards = Affine2D().scale(1, -1).translate(0, height)
        FigureCanvasSVG(self._figure)

    def _add(self, artist: Artist) -> None:
        artist.set_transform(self._downwards)
        self._figure.add_artist(artist)

    def image(self, colours: Array, corner: Point, size: Point) -> None:
        """Draw an array of colours, each a rectangle of its own."""
        self._add(Squares(colours, corner, size))

    def lines(self, ends: Sequence[tuple[Point, Point]], colour: str = LINE, **style: Any) -> None:
        """Draw lines from point to point."""
        points = np.array(ends, dtype=float).reshape(-1, 2, 2)
        self._path(points, Path.LINETO, edgecolor=colour, facecolor="none", **style)

    def polygons(self, corners: Array, **style: Any) -> None:
        """Draw areas, each by its corners."""
        self._path(np.concatenate([corners, corners[:, :1]], axis=1), Path.CLOSEPOLY, **style)

    def _path(self, points: Array, last: Any, **style: Any) -> None:
        """Draw all as one path, which is shorter: of each the points, ending in one of a kind."""
        n, each, _ = points.shape
        if n:
            codes = [Path.MOVETO, *[Path.LINETO] * (each - 2), last] * n
            self._add(PathPatch(Path(points.reshape(-1, 2), codes), **style))

    def dots(self, points: Array, colour: str, size: float) -> None:
        """Draw round dots."""
        style: dict[str, Any] = {"linewidth": size, "capstyle": "round"}
        self.lines([((x, y), (x, y)) for x, y in points], colour, **style)

    def rectangles(self, boxes: Sequence[tuple[float, float, float, float]], **style: Any) -> None:
        """Draw rectangles, each by its left and upper edges, width and height."""
        edges = np.array(boxes, dtype=float).reshape(-1, 4)
        unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        self.polygons(edges[:, None, :2] + unit * edges[:, None, 2:], **style)

    def box(self, centre: Point, size: Point, *, rounding: float, **style: Any) -> None:
        """Draw a rectangle with round corners."""
        (x, y), (width, height) = centre, size
        shape = f"round,pad=0,rounding_size={rounding}"
        corner = (x - width / 2, y - height / 2)
        style = {"facecolor": PAPER, **style}
        self._add(FancyBboxPatch(corner, width, height, boxstyle=shape, **style))

    def circle(self, centre: Point, radius: float, **style: Any) -> None:
        """Draw a circle."""
        style = {"facecolor": PAPER, **style}
        self._add(Circle(centre, radius, **style))

    def arrow(self, start: Point, end: Point, **style: Any) -> None:
        """Draw an arrow."""
        style = {"color": INK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0, **style}
        head = "-|>,head_length=5,head_width=2.6"
        self._add(FancyArrowPatch(start, end, arrowstyle=head, **style))

    def text(
        self,
        at: Point,
        text: str,
        colour: str = INK,
        *,
        align: Literal["left", "center", "right"] = "left",
        **style: Any,
    ) -> None:
        """Write a line of text, its middle being at that height."""
        (x, y), size = at, style.pop("size", SIZE)
        baseline = y + 0.36 * size  # that of all letters, whether they have descenders or not
        style = {"size": size, "color": colour, "ha": align, "va": "baseline", **style}
        self._add(Text(x, baseline, plain(text), **style))

    def svg(self, told: str) -> Markup:
        """Return what has been drawn, for a page.

        Args:
            told: What is to be seen, in words, for those who do not see it.
        """
        written = io.StringIO()
        self._figure.savefig(written, format="svg", metadata=NOTHING)
        inner = _inner(written.getvalue())
        width, height = f"{self.width:g}", f"{self.height:g}"
        head = Markup(
            '<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">'
        ).format(plain(told), width, height, width, height)
        return head + Markup(inner) + Markup("</svg>")  # noqa: S704 - matplotlib escapes text


_DROPPED = re.compile(
    r'<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>| id="[^"]*"', re.DOTALL
)
_NUMBERS = re.compile(r' (?:d|x|y|transform)="[^"]*"')
_LONG = re.compile(r"-?\d+\.\d+")
_FAMILY = re.compile(r"font-family: [^;\"]*; ")
_SHORTHAND = re.compile(r"font: (?:(bold|700) )?([\d.]+px) [^;\"]*")
_UNTURNED = re.compile(r' transform="rotate\(-?0 [^"]*\)"')


def _inner(svg: str) -> str:
    """Return what is in an SVG element, shorter: nothing refers to its ids, and pixels are fine."""
    inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    inner = _DROPPED.sub("", inner)
    inner = _NUMBERS.sub(lambda found: _LONG.sub(_rounded, found[0].replace("\n", "")), inner)
    inner = _SHORTHAND.sub(_font, _FAMILY.sub("", _UNTURNED.sub("", inner)))
    for colour, theme in THEME.items():
        inner = inner.replace(f": {colour}", f": {theme}")
    return re.sub(r">\s+<", "><", inner).strip()


def _font(found: re.Match[str]) -> str:
    """Return weight and size without the family, which is the page's."""
    weight, size = found.groups()
    return f"font-weight: 700; font-size: {size}" if weight else f"font-size: {size}"


def _rounded(found: re.Match[str]) -> str:
    return f"{round(float(found[0]), 2):g}"
