"""The HTML page in a real browser: it is whole by itself, and everybody can read it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnnverify.reports.html import html
from rnnverify.results import Detail, Report
from tests.browser.browsers import Browser, selenium
from tests.made_reports import DIAGNOSIS, REGRESSION, failure, invalid, matching, wrong

for library in ("matplotlib", "jinja2"):
    pytest.importorskip(library, reason="needs rnnverify[html]")

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ"
    "/pLvAAAAAElFTkSuQmCC"
)


def detail() -> Detail:
    """Return details with a bit of everything."""
    errors = np.array([[0.0, 1e-3, 0.5], [1.0, 1e6, np.inf], [np.nan, 0.1, 0.2]])
    return Detail(errors=errors, digits=((13.0, 15.0), (12.0, 2.0)), steps=(0.1, 9.0, np.nan))


def reports() -> list[Report]:
    """Return reports of all sorts, with long names."""
    details = {name: detail() for name in ("Wxh", "Whh", "by")}
    diagnosed = failure(diagnosis=DIAGNOSIS, since="first differs at step T-2", step=1)
    long = "a_module_with_quite_a_long_name.py:and_a_function_with_quite_a_long_name_too"
    return [
        wrong(details=details, failure=diagnosed, candidate=long),
        invalid(traceback=f"Traceback\n  {'x' * 200}\n"),
        matching(details=details, notes=("y" * 100,)),
        matching(details=details, clip="value"),
        wrong(details=details, system="gru", options={"fixed": {"z" * 40: 1.0}}),
    ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return one browser for all tests."""
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of all those reports."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    made, notes = reports(), ["n" * 100, *["was wrong, and is"] * 10]
    text = html(made, [REGRESSION], known=made[-1:], notes=notes)
    file.write_text(text, encoding="utf-8")
    return file


def test_everything_loads_and_says_what_it_shows(browser: Browser, page: Path) -> None:
    """Offline, nothing is asked for, nothing is broken, and every picture has words."""
    browser.open(page)
    browser.unfold()

    assert browser.faults() == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<img src='https://example.org/a.png' alt='a'>", "asked for: https://example.org/a.png"),
        ("<link rel='stylesheet' href='style.css'>", "asked for: file:"),
        ("<img src='data:image/png;base64,AAAA' alt='a'>", "broken: data:"),
        ("<svg aria-label='a'><image href='data:image/png;base64,AA'/></svg>", "broken: data:"),
        ("<script>console.error('lost')</script>", "console: "),
        (f"<img src='{PIXEL}'>", "no text alternative: <img"),
        (f"<img src='{PIXEL}' alt=' '>", "no text alternative: <img"),
        ("<svg role='img'></svg>", "no text alternative: <svg"),
        ("<figure><figcaption> </figcaption></figure>", "no text alternative: <figure"),
    ],
)
def test_a_faulty_page_is_found_out(
    browser: Browser, tmp_path: Path, body: str, found: str
) -> None:
    """What is external, broken or without words is named."""
    file = tmp_path / "faulty.html"
    file.write_text(f"<!DOCTYPE html><title>faulty</title>{body}")
    browser.open(file)

    assert any(each.startswith(found) for each in browser.faults())


def test_a_page_without_fault_has_none(browser: Browser, tmp_path: Path) -> None:
    """Pictures with words, and data, are no faults."""
    file = tmp_path / "right.html"
    file.write_text(
        f"<!DOCTYPE html><title>right</title><img src='{PIXEL}' alt='a'>"
        f"<svg><title>b</title><image href='{PIXEL}'/></svg>"
    )
    browser.open(file)

    assert browser.faults() == []


def test_what_a_page_must_not_do_is_kept_from_it(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    """Were text not escaped, the page's policy would still keep scripts and images out."""
    file = tmp_path / "injected.html"
    injected = "<script>document.title = 'theirs'</script><img src='https://example.org/a.png'>"
    file.write_text(page.read_text(encoding="utf-8").replace("<main>", f"<main>{injected}"))
    browser.open(file)
    faults = "\n".join(browser.faults())

    assert browser.driver.title == "rnnverify"
    assert "Content Security Policy" in faults
    assert "inline script" in faults


def test_sections_open_by_keyboard(browser: Browser, page: Path) -> None:
    """Tab goes to each section that is folded, and Enter opens it."""
    browser.open(page)

    assert browser.folded() >= 3
    browser.unfold_by_keyboard()
    assert browser.folded() == 0


def test_a_section_that_the_keyboard_misses_is_found_out(browser: Browser, tmp_path: Path) -> None:
    """One that takes no focus stays closed."""
    file = tmp_path / "missed.html"
    file.write_text("<details><summary tabindex='-1'>a</summary>b</details><a href='#'>c</a>")
    browser.open(file)
    browser.unfold_by_keyboard()

    assert browser.folded() == 1


def test_links_lead_to_reports_and_unfold_them(browser: Browser, page: Path) -> None:
    """Following the link of a report that matches opens its section."""
    browser.open(page)
    closed = browser.folded()
    link = browser.driver.find_element("css selector", "a[href='#report-3']")
    link.send_keys(selenium.Keys.ENTER)

    assert browser.driver.find_element("id", "report-3").is_displayed()
    assert browser.folded() == closed - 1


@pytest.mark.parametrize("width", [320, 400, 1100])
def test_the_page_fits_its_window(browser: Browser, page: Path, width: int) -> None:
    """It need not be moved sideways, on a phone neither; what is wide scrolls by itself."""
    browser.open(page, width=width)
    browser.unfold()

    assert browser.overflow() == 0


def test_a_page_that_is_too_wide_is_found_out(browser: Browser, tmp_path: Path) -> None:
    """A picture of 600 pixels does not fit a window of 400."""
    file = tmp_path / "wide.html"
    file.write_text("<svg width='600' height='9'></svg>")
    browser.open(file, width=400)

    assert browser.overflow() > 0


def test_the_page_is_dark_where_that_is_wanted(browser: Browser, page: Path) -> None:
    """Text is light on dark in dark mode, and dark on light else."""
    browser.open(page, dark=True)
    dark = browser.colour()
    browser.open(page)

    assert dark != browser.colour()
