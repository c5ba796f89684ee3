"""The page of `thermo-ideal report`: read as text everywhere, and in a browser where there is one."""

import re
from html import unescape

import numpy as np
import pytest

from tests.support.chromium import CHROMIUM, Chromium
from tests.support.page import Page
from thermo_ideal.cli import main
from thermo_ideal.experiments._isotropic import shipped_sweep
from thermo_ideal.reports._figures import DRAWINGS
from thermo_ideal.reports._style import INK, PAPER, SERIES
from thermo_ideal.sweeps import Grid, Sweep, run

SECTIONS = [
    *("verdict", "dictionary", "equation-of-state", "energy", "maxwell", "potentials", "planes"),
    *("residuals", "spacing", "provenance", "rerun"),
]
PROTOCOLS = ("fixed-elr", "fixed-lr", "fixed-sphere")
PICTURES = 3 * len([drawing for drawing in DRAWINGS.values() if not drawing.together]) + 3


def status(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code


@pytest.fixture(scope="module")
def written(quick, tmp_path_factory):
    """The page and the figures of the main job."""
    folder = tmp_path_factory.mktemp("report")
    assert status("report", quick.folder, "--out", folder, "--figures", "svg", "--dark") == 0
    return folder


@pytest.fixture(scope="module")
def text(written):
    return written_text(written)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_a_page_is_whole_and_asks_for_nothing(page, text):
    assert page.problems == []
    assert len(text.encode()) < 2 * 2**20
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", re.sub(r"data:image/png;base64,[^\"]*", "", text))
    assert [one["id"] for one in page.named("section")] == SECTIONS
    assert len(page.pictures) == PICTURES
    assert len(page.named("h1")) == 1
    assert page.named("html") == [{"lang": "en"}]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('role="img"', ""), "without role"),
        (("<desc ", "<title "), "closes something else"),
        (('scope="row"', ""), "of no scope"),
        (("</caption>", "</caption><img src='a.png'>"), "is fetched"),
        (("</main>", "<script></script></main>"), "<script>"),
        (('id="verdict"', 'id="dictionary"'), "two have the id"),
        (("</section>", ""), "closes something else"),
        ((re.compile(r"<caption>.*?</caption>"), "<caption></caption>"), "lacks a caption"),
        ((re.compile(r"<desc ([^>]*)>.*?</desc>"), r"<desc \1>x</desc>"), "not described"),
    ],
)
def test_a_page_that_is_not_is_found_out(text, change, problem):
    old, new = change
    changed = old.sub(new, text, count=1) if isinstance(old, re.Pattern) else text.replace(old, new, 1)
    assert changed != text
    assert problem in " ".join(Page(changed).problems)


def table(page, caption):
    (found,) = [one["rows"] for one in page.tables if one["caption"].startswith(caption)]
    return found


def test_the_numbers_are_those_of_the_run(page, quick_results):
    for name in PROTOCOLS:
        data = quick_results[name].to_dataset()
        runs = data["loss"].to_numpy()
        mean, error = runs.mean(axis=-1).ravel(), runs.std(axis=-1, ddof=1).ravel() / np.sqrt(runs.shape[-1])
        rows = table(page, f"{name}: U,")
        assert len(rows) == 82
        # As in 0.00503(4) or 5.03(4)e-5, to the first digit of the error.
        shown = np.array([float(re.sub(r"\(\d+\)", "", row[2])) for row in rows[1:]])
        assert (np.abs(shown - mean) < 0.6 * error).all()
        assert not (np.abs(shown[::-1] - mean) < 0.6 * error).all()
        scores = np.array([[float(cell) for cell in row[1:]] for row in table(page, f"{name}: z of U")[1:]])
        np.testing.assert_allclose(scores, data["loss_z"], atol=0.051)
        assert not np.allclose(scores, data["loss_z"].T, atol=0.2)  # the axes are not swapped
    dictionary = {row[1]: row for row in table(page, "The dictionary")[1:]}
    assert dictionary["T"][4] == "0.0005 … 0.05"
    assert dictionary["λ"][4] == "0.001 … 0.1, set"
    assert dictionary["d"][4:] == ["3, set"] * 3
    assert dictionary["G"][6] == "–"
    assert "measured" in dictionary["F"][6]


def test_the_page_says_what_was_found_and_how_to_do_it_again(page, text, quick):
    rows = [row for one in page.tables for row in one["rows"] if row[0] in ("pass", "FAIL", "not asked")]
    printed = (quick.folder / "verdict.txt").read_text(encoding="utf-8")
    assert len(rows) == len(re.findall(r"^ *pass ", printed, re.MULTILINE)) > 80
    assert 'class="result passed"' in text
    assert "thermo-ideal reproduce toy --profile quick --seed 0 --out results" in text
    spec = unescape(re.search(r"<code>(# A sweep.*?)</code>", text, re.DOTALL)[1])
    assert Sweep.from_toml(spec) == shipped_sweep("quick")


def test_figures_as_files(written):
    folder = written / "figures-svg"
    assert {path.name for path in folder.iterdir()} == {f"{name}.svg" for name in DRAWINGS}
    drawn = (folder / "spacing.svg").read_text(encoding="utf-8")
    assert PAPER["dark"] in drawn
    assert INK["dark"] in drawn
    assert PAPER["light"] not in drawn


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out_from_either_background(scheme):
    assert contrast(INK[scheme], PAPER[scheme]) > 7
    for colour in SERIES:
        assert contrast(colour, PAPER[scheme]) >= 3, colour
    assert contrast("#e69f00", PAPER["light"]) < 3  # the others of Okabe and Ito do not


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: no results there"),
        (["{quick}", "--figures", "gif"], "gif"),
        (["{quick}", "--predicted-noise-scale", "0"], "--predicted-noise-scale: got 0.0, expected a number > 0"),
        (["{quick}", "--out", "{taken}"], "report.html is there already; add overwrite=True (--overwrite)"),
        (["{begun}"], "got a sweep that is not finished"),
    ],
)
def test_what_is_refused(words, message, quick, tmp_path, capsys):
    """Before anything is judged."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "report.html").write_text("mine")
    paths = {"quick": quick.folder, "taken": tmp_path / "taken", "begun": tmp_path / "begun"}
    if "{begun}" in words:
        grid = Grid("fixed-elr", effective_learning_rate=[0.01, 0.02], weight_decay=0.1)
        sweep = Sweep("stationary", [grid], integrator="zonal", dimension=100, num_steps=1000, block_points=1)
        run(sweep, tmp_path / "begun", shard=(1, 2))
        paths["begun"] = tmp_path / "begun" / "shards" / "1-of-2"
    assert status("report", *(word.format(**paths) for word in words)) == 2
    printed = capsys.readouterr().err.replace("│", " ")
    assert "".join(message.split()) in "".join(printed.split())  # long paths are broken anywhere
    assert (tmp_path / "taken" / "report.html").read_text() == "mine"


def test_help_fits_a_screen_and_its_example_is_a_command(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert status("report", "--help") == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) <= 40
    (example,) = re.findall(r"Example: thermo-ideal (.*?)\s*$", printed, re.MULTILINE)
    assert status(*example.split()) == 2  # the folder of the example is not here
    assert "toy: no results there" in " ".join(capsys.readouterr().err.split())


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_the_page(written):
    pictures = "[...document.querySelectorAll('svg[role=img]')].map(x => x.getBoundingClientRect())"
    with Chromium() as browser:
        papers = {}
        for width in (390, 1440):
            for scheme in ("light", "dark"):
                browser.open(written / "report.html", width, scheme)
                assert browser.requests == [f"file://{written / 'report.html'}"]
                assert browser.messages == []
                sizes = browser.evaluate(f"{pictures}.map(x => [x.width, x.height, x.left, x.right])")
                assert len(sizes) == PICTURES
                for wide, high, left, right in sizes:
                    assert min(wide, high) > 200
                    assert 0 <= left < right <= width
                browser.evaluate("document.querySelectorAll('details').forEach(x => x.open = true)")
                assert browser.evaluate("document.documentElement.scrollWidth") <= width
                papers[scheme] = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert papers == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}
        names = roles(browser)
        assert len([name for role, name in names if role == "image" and name]) >= PICTURES
        assert not [role for role, name in names if role in ("image", "table", "link", "region") and not name]
        assert len([name for role, name in names if role == "table"]) == len(Page(written_text(written)).tables)
        assert {"columnheader", "rowheader", "navigation", "main"} <= {role for role, _ in names}


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_sees_what_is_wrong(tmp_path):
    (tmp_path / "bad.html").write_text(
        "<img src='a.png'><script>console.log('hello')</script><div style='width: 2000px'>wide</div>"
    )
    with Chromium() as browser:
        browser.open(tmp_path / "bad.html", 390, "light")
        assert len(browser.requests) == 2
        assert browser.messages
        assert browser.evaluate("document.documentElement.scrollWidth") == 2008


def roles(browser):
    """Role and name of everything that a screen reader meets."""
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    said = [node for node in nodes if not node["ignored"]]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in said]


def written_text(written):
    return (written / "report.html").read_text(encoding="utf-8")
