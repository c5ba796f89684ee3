"""What derivations print as LaTeX: ASCII that any engine sets, within the width of an A4 page."""

import re
import shutil
import subprocess

import pytest
import sympy as sp

from thermo_ideal.symbolic import TOPICS, derivation
from thermo_ideal.symbolic._latex import rows, text, width

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
    assert width(r"\frac{a}{b + c}") == width("b + c") + 0.4 > width(r"\frac{a}{b}")
    assert width("x^{2}") < width("x2")


def test_wide_sides_are_broken():
    a, b = sp.symbols("a b", real=True)
    long = sp.Add(*(sp.Function("f")(a + k * b) for k in range(1, 12)))
    for equation in (sp.Eq(a, long), sp.Eq(long, a), sp.Eq(a, (long + 1) * sp.exp(long))):
        assert width(sp.latex(equation)) > 60
    on_left, on_right = rows(sp.Eq(long, a)), rows(sp.Eq(a, long))
    assert len(on_left) == len(on_right) == 4
    assert on_left[-2].endswith("=")
    assert on_left[-1] == r"&\qquad a"
    assert on_right[0] == r"&\quad a ="
    assert all(line.startswith(r"&\qquad +") for line in on_right[2:])
    assert max(map(width, on_left + on_right)) < 60
    product = rows(sp.Eq(a, (sp.sin(a) + sp.Symbol("b" * 60)) * sp.exp(sp.Symbol("c" * 60))))
    assert [line[:16] for line in product[2:]] == [r"&\qquad \cdot e^"]
    assert rows(sp.Eq(a, b)) == [r"&\quad a = b"]
