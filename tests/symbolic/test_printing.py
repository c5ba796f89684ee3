"""What is printed of an object: its essential equations, in a few short lines; LaTeX or Markdown in a notebook."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import TOPICS, ItoProcess, Polar, StratonovichProcess, derivation, derive, gas

x, y = sp.symbols("x y", real=True)
theta, sigma, d = sp.symbols("theta sigma d", positive=True)
LINE = ItoProcess([x], [-theta * x], [[sigma]])
PLANE = ItoProcess([x, y], [y, -x], [[sigma, x], [0, 0]], correlation=[[1, 0], [0, 1]])
POLAR = Polar(d)
RADIAL = ItoProcess(POLAR.space, lambda i: -theta * POLAR.point[i], lambda i, k: sigma * sp.KroneckerDelta(i, k))
CASES = [(topic, protocol) for topic, entry in TOPICS.items() for protocol in entry.protocols or (None,)]
many = sp.symbols("x:40")
OBJECTS = {
    "line": LINE,
    "plane": PLANE,
    "any dimension": RADIAL,
    "forty components": ItoProcess(many, [sum(many) ** 2] * 40, sp.eye(40)),
    "Stratonovich": PLANE.stratonovich(),
    "Itô differential": PLANE.lemma(sp.exp(x) * y),
    "Stratonovich differential": PLANE.stratonovich().chain_rule(x * y),
    "long differential": LINE.lemma(sum(sp.cos(x) ** k * theta**k for k in range(60))),
    "space": POLAR.space,
    "polar": POLAR,
    "moments": PLANE.moment_equations(),
    "density": LINE.stationary_law(-sp.oo, sp.oo),
    "topic": TOPICS["radius"],
    "gas": gas.von_mises_fisher(),
    "long gas": gas.Gas(sum(gas.T**k * gas.V for k in range(100))),
    "partial": gas.Partial(*sp.symbols("S T V")),
    "step": derive("fixed-lr")["radius_solution"],
}


def check_short(thing):
    for text in (repr(thing), str(thing)):
        lines = text.splitlines()
        assert len(lines) <= 14
        assert max(map(len, lines)) <= 110
        assert "function <" not in text
        assert " at 0x" not in text


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_printed_in_a_few_short_lines(name):
    check_short(OBJECTS[name])


@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_derivations_are_printed_by_their_results(topic, protocol):
    derived = derivation(topic, protocol)
    check_short(derived)
    assert derived.title in repr(derived).replace("\n", " ")
    shown = [name for name in derived.result if f"\n  {name}: " in repr(derived)]
    assert len(shown) == len(derived.result) or (
        len(shown) == 11 and f"{len(derived.result) - 11} more" in repr(derived)
    )


def test_what_is_too_long_is_noticed():
    with pytest.raises(AssertionError):
        check_short(derive("fixed-lr").text())
    with pytest.raises(AssertionError):
        check_short([derive("fixed-lr").steps[0].check])


def test_derivations_show_equations():
    text = repr(derive("fixed-lr", dimension=3))
    assert text.startswith("Derivation: SGD at a fixed learning rate with isotropic noise at d = 3 (22 steps)\n")
    assert "\n  relaxation_rate: 4*eta*lambda\n" in text
    assert "\n  equation_of_state: V*p = T" in text
    assert "relaxation_rate" not in repr(derive("fixed-lr").towards("temperature"))


def test_processes_show_their_equations():
    assert repr(LINE) == "ItoProcess\n  dx = (-theta*x) dt + (sigma) dB_0"
    assert repr(PLANE).splitlines()[1:] == [
        "  dx = (y) dt + (sigma) dB_0 + (x) dB_1",
        "  dy = (-x) dt",
        "  correlation of dB: [[1, 0], [0, 1]]",
    ]
    assert repr(RADIAL) == "ItoProcess\n  dX_i = (-theta*x[i]) dt + Σ_k (sigma*KroneckerDelta(i, k)) dB_k"
    assert repr(StratonovichProcess([x], [0], [[x]])) == "StratonovichProcess\n  dx = (x) ∘ dB_0"
    assert repr(ItoProcess([x], [0], [[0]])) == "ItoProcess\n  dx = 0"
    assert repr(RADIAL.lemma(POLAR.radius)).startswith("d(r) = (")
    assert "… 29 more" in repr(OBJECTS["forty components"])


def test_what_notebooks_show():
    for name in ("line", "any dimension", "Itô differential", "moments", "density", "gas", "Stratonovich"):
        latex = OBJECTS[name]._repr_latex_()
        assert latex.startswith(r"$\displaystyle "), name
        assert latex.endswith("$"), name
    assert r"dx &= \left(- \theta x\right) dt + \left(\sigma\right) dB_{0}" in LINE._repr_latex_()
    assert r"\sum_k \left(\sigma \delta_{i k}\right) dB_{k}" in RADIAL._repr_latex_()
    assert r"\circ dB_{0}" in OBJECTS["Stratonovich"]._repr_latex_()
    step = derive("fixed-elr")["temperature"]
    assert step._repr_markdown_().startswith(f"**{step.claim}**: {step.because}")
    assert r"$$T = \frac{\eta_\text{eff} \sigma^{2}}{2}$$" in step._repr_markdown_()


def test_a_conditional_density_says_on_what():
    p = sp.Symbol("p", positive=True)
    law = ItoProcess([p], [p * (theta - p)], [[sigma * p]]).stationary_law(0, sp.oo)
    assert "\n  if " in repr(law)
