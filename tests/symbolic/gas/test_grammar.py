"""The text form of partial derivatives: each way to write one against the same derivative by nested Jacobians."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import gas

T, V = gas.T, gas.V
# Neither ideal nor separable, so that no derivative below is 0 by accident.
real = gas.Gas(-3 * T * sp.log(V - 1) - sp.sqrt(T) / V - 3 * T * sp.log(T), 7)


def vanishes(expression):
    """At a point, to thirty digits."""
    return abs(sp.sympify(expression).subs({T: sp.Rational(7, 10), V: sp.Rational(23, 10)}).n(40)) < 1e-30


def nested(X, *steps):
    """`∂/∂Y|Z` one after the other."""
    for Y, Z in steps:
        X = real.partial(X, Y, at=Z)
    return X


SAME = {
    "(dS/dT)_V": [("S", ("T", "V"))],
    "dS/dT|V": [("S", ("T", "V"))],
    "(dS/dT)|V": [("S", ("T", "V"))],
    "(dV/dP)_T": [("V", ("p", "T"))],
    "(dS/dlambda)_eta_eff": [("S", ("lambda", "eta_eff"))],
    "(dS/dlog(lambda))_eta": [("S", ("log(lambda)", "eta"))],
    "(dlog(V)/dT)_p": [("log(V)", ("T", "p"))],
    "(dU/dT)_(p*V)": [("U", ("T", "p*V"))],
    "(dU/dT)_log(p)": [("U", ("T", "log(p)"))],
    "(d(p*V)/dT)_S": [("p*V", ("T", "S"))],
    "(dentropy/dvolume)_pressure": [("S", ("V", "p"))],
    "(d2S/dT2)_p": [("S", ("T", "p"), ("T", "p"))],
    "d3(U)/d(T)3|p": [("U", ("T", "p"), ("T", "p"), ("T", "p"))],
    "d2U/dTdV": [("U", ("T", "V"), ("V", "T"))],
    "d2U/dT dV": [("U", ("T", "V"), ("V", "T"))],
    "d2(U)/d(T)d(V)": [("U", ("T", "V"), ("V", "T"))],
    "(d2S/dTdp)": [("S", ("p", "T"), ("T", "p"))],
    "d3S/dT2dp": [("S", ("p", "T"), ("T", "p"), ("T", "p"))],
    "d3S/dTdpdT": [("S", ("p", "T"), ("T", "p"), ("T", "p"))],
    "d3G/dT3": [("G", ("T", "p"), ("T", "p"), ("T", "p"))],
    "(d3G/dp3)_T": [("G", ("p", "T"), ("p", "T"), ("p", "T"))],
    "dF/dV": [("F", ("V", "T"))],
    "dU/dS": [("U", ("S", "V"))],
    "dH/dP": [("H", ("p", "S"))],
}


@pytest.mark.parametrize("text", SAME)
def test_each_form_is_the_nested_derivative(text):
    ((X, *steps),) = SAME[text]
    assert vanishes(real.partial(text) - nested(X, *steps))
    assert not vanishes(real.partial(text))


def test_a_derivative_is_a_part_of_arithmetic():
    slope = real.partial("S", "T", at="V")
    for text, value in {
        "T*(dS/dT)_V/2": T * slope / 2,
        "-(dS/dT)_V^2": -(slope**2),
        "2*(dS/dT|V + 1)": 2 * slope + 2,
        "log((dS/dT)_V)": sp.log(slope),
        "(d(dU/dT|V)/dT)_V": real.partial("U", "T", at="V", order=2),
        "1e-3*P - .5*p": -real["p"] * sp.Rational(499, 1000),
        "-2**2": -4,
        "2**-1": sp.Rational(1, 2),
        "-V/p": -V / real["p"],
    }.items():
        assert vanishes(real[text] - value), text


@pytest.mark.parametrize(
    ("potential", "relation"),
    [
        ("U", "(dT/dV)_S + (dP/dS)_V"),
        ("H", "(dT/dP)_S - (dV/dS)_P"),
        ("F", "(dS/dV)_T - (dP/dT)_V"),
        ("G", "(dS/dP)_T + (dV/dT)_P"),
    ],
)
def test_maxwell_relations_are_mixed_derivatives_of_potentials(potential, relation):
    x, y = {"U": ("S", "V"), "H": ("S", "P"), "F": ("T", "V"), "G": ("T", "P")}[potential]
    assert vanishes(real.partial(f"d2{potential}/d{x}d{y} - d2{potential}/d{y}d{x}"))
    assert vanishes(real.partial(relation))
    assert not vanishes(real.partial(relation.replace(" + ", " ~ ").replace(" - ", " + ").replace(" ~ ", " - ")))


@pytest.mark.parametrize(
    ("text", "place", "came", "line"),
    [
        ("T + dS/dT", 5, "dS/dT without |Z, what is held fixed", "dS/dT|V"),
        ("(d2U/dT2)", 1, "(d2U/dT2) without |Z, what is held fixed", "(d2U/dT2)_V"),
        ("(dS/dT)_", 1, "(dS/dT)_ with nothing behind it", "(dS/dT)_V"),
        ("d2S/dTdV|p", 1, "d2S/dTdV|, whose two variables leave nothing to hold fixed", "d2S/dTdV"),
        ("d3S/dTdVdp", 1, "a derivative by 3 variables", "d2S/dTdV"),
        ("d2S/dT3|V", 1, "d2S/dT3, of two orders", "d3S/dT3|V"),
        ("d3S/dTdV", 1, "d3S/dTdV, of two orders", "d2S/dTdV"),
        ("d4S/dT4|V", 1, "a derivative of order 4", "d3S/dT3|V"),
        ("d3S/dT|V", 1, "d3S/dT without the 3 behind it", "d3S/dT3|V"),
        ("T*dS", 3, "a derivative of S without /d(…)", "d(S)/d(T)|V"),
        ("T*(S))", 6, "a parenthesis that is not opened", None),
        ("T*(S", 3, "a parenthesis that is not closed", "T*(S)"),
        ("T*", 3, "the end of the text", None),
        ("T V", 3, "'V'", None),
        ("d2S2/dT2|V", 1, "'d2S2'", None),
    ],
)
def test_an_error_names_the_text_the_place_and_a_line_to_type(text, place, came, line):
    with pytest.raises(ValueError, match=r"^'") as caught:
        gas.partial(text)
    message = str(caught.value)
    assert message.startswith(f"{text!r}, character {place}: got {came}, expected arithmetic")
    if line is not None:
        assert message.endswith(f"as in {line!r}")
        if line != text:
            gas.partial(line)


def test_an_unknown_name_has_its_place():
    with pytest.raises(ValueError, match=r"^'dS/dT\|entropie', character 7: 'entropie' is no quantity"):
        gas.partial("dS/dT|entropie")
