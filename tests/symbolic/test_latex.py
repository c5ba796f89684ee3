"""What derivations print as LaTeX: ASCII that any engine sets, within the width of an A4 page."""

import re
import shutil
import subprocess

import pytest

from thermo_ideal.symbolic import TOPICS, derivation
from thermo_ideal.symbolic._latex import text, width

CASES = [(topic, protocol) for topic, entry in TOPICS.items() for protocol in entry.protocols or (None,)]
COMMANDS = re.compile(r"\\[A-Za-z]+")


@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_characters(topic, protocol):
    """ASCII, with braces in pairs, and no exponent right behind a prime or another exponent."""
    written = derivation(topic, protocol).latex()
    assert written.isascii()
    assert written.count("{") == written.count("}")
    assert not re.search(r"'\s*\^", written)
    assert len(re.findall(r"\\left\b", written)) == len(re.findall(r"\\right\b", written))
    assert not [line for line in written.splitlines()[1:-1] if line.count("$") % 2]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_pdflatex(topic, protocol, tmp_path):
    page = (
        "\\documentclass[a4paper]{article}\\usepackage{amsmath}\\allowdisplaybreaks\n"
        "\\begin{document}\n%s\n\\end{document}"
    )
    (tmp_path / "page.tex").write_text(page % derivation(topic, protocol).latex(), encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "Overfull" not in result.stdout, result.stdout


def test_text():
    assert text("the ratio γ of w̄ − βv, χ²") == r"the ratio $\gamma$ of $\bar{w}$ $-$ $\beta$v, $\chi$$^2$"
    assert text("Itô's lemma") == r"It\^{o}'s lemma"
    with pytest.raises(ValueError, match="sentence: got '日', which has no LaTeX here"):
        text("日")


def test_width():
    assert width(r"\frac{a}{b + c}") == width("b + c") > width(r"\frac{a}{b}")
    assert width("x^{2}") < width("x2")
