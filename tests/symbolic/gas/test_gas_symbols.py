"""A symbol of a gas is a quantity if it is the same symbol, and none may only have a quantity's name."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import gas

T, V, R = gas.T, gas.V, gas.R
a, b = sp.symbols("a b", positive=True)


def van_der_waals(constant, **options):
    return gas.Gas(-constant * T * sp.log((V - b) * T) - a / V, **options)


def at_critical_point(model, constant):
    """Where `∂p/∂V = ∂²p/∂V² = 0`, solved for `T` and `V`."""
    slope = [sp.numer(sp.together(sp.diff(model["p"], V, k))) for k in (1, 2)]
    (solution,) = [s for s in sp.solve(slope, [T, V], dict=True) if s[V] != b]
    assert sp.simplify(solution[V] - 3 * b) == 0
    assert sp.simplify(solution[T] - 8 * a / (27 * constant * b)) == 0
    return solution


@pytest.mark.parametrize("dimension", [sp.Integer(7), sp.Symbol("d", integer=True, positive=True)])
def test_critical_compressibility(dimension):
    model = van_der_waals(R, dimension=dimension)
    point = at_critical_point(model, (dimension - 1) / sp.Integer(2))
    assert sp.simplify(model["Z"].subs(point)) == sp.Rational(3, 8)
    assert sp.simplify(model["p*V/(R*T)"].subs(point)) == sp.Rational(3, 8)
    assert not model.helmholtz_energy.has(R)


def test_a_constant_of_another_name_is_another_constant():
    k = sp.Symbol("k", positive=True)
    model = van_der_waals(k)
    Z = model["Z"].subs(at_critical_point(model, k))
    assert sp.simplify(Z - sp.Rational(3, 8) * k / model["R"]) == 0


@pytest.mark.parametrize(
    "name", ["R", "U", "p", "S", "F", "G", "H", "d", "sigma", "gamma", "alpha", "eta", "lambda", "r"]
)
def test_namesakes_are_refused(name):
    for symbol in (sp.Symbol(name), sp.Symbol(name, real=True)):
        with pytest.raises(ValueError, match=rf"helmholtz_energy: got the symbol {name}, which has the name"):
            van_der_waals(symbol)


def test_namesakes_of_the_variables():
    with pytest.raises(ValueError, match=r"the symbol T, .* use gas\.T"):
        gas.Gas(-T * sp.log(V) + sp.Symbol("T"))
    with pytest.raises(ValueError, match=r"the symbol V, .* use gas\.V"):
        gas.Gas(-T * sp.log(V) + sp.Symbol("V", real=True) ** 2)
    with pytest.raises(ValueError, match=r"the symbol R, .* use gas\.R"):
        gas.Gas.from_entropy(sp.Symbol("R") * sp.log(sp.Symbol("E", positive=True) * V), sp.Symbol("E", positive=True))


def test_a_dimension_of_ones_own():
    d = sp.Symbol("d")
    assert gas.Gas(-T * (d - 1) / 2 * sp.log(V * T), dimension=d)["R"] == sp.factor((d - 1) / 2)
