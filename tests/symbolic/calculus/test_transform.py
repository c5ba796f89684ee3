"""Changes of variables: only maps that can be inverted on the whole state space, with inverses that SymPy finds."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, Polar

x, y, u, v, z = sp.symbols("x y u v z", real=True)
p, q, a, b, sigma = sp.symbols("p q a b sigma", positive=True)
plain = sp.Symbol("w")
LINE = ItoProcess([x], [a * (b - x)], [[sigma]])
HALF = ItoProcess([p], [a * (b - p)], [[sigma * sp.sqrt(p)]])
PLANE = ItoProcess([x, y], [y, 1 - x], [[1, x], [0, 1]])


def is_right(process, functions, transformed):
    """Drift and covariance in the new variables against Itô's lemma at places on both sides of 0."""
    places = [{symbol: (s if symbol.is_positive else s * (-1) ** n) for n, symbol in enumerate(process.state)}
              for s in (0.3, 0.9, 1.7, *(() if process.state[0].is_positive else (-0.4, -1.3)))]  # fmt: skip
    numbers = {a: 0.7, b: 1.1, sigma: 0.8}
    for place in places:
        image = {name: f.subs(place) for name, f in functions.items()}
        differentials = process.lemma(list(functions.values()))
        for i, df in enumerate(differentials):
            old, new = df.drift.subs(place).subs(numbers), transformed.drift[i].subs(image).subs(numbers)
            if abs(sp.N(old - new)) > 1e-9:
                return False
            for j, dg in enumerate(differentials):
                old = df.covariation(dg).subs(place).subs(numbers)
                if abs(sp.N(old - transformed.covariance(i, j).subs(image).subs(numbers))) > 1e-9:
                    return False
    return True


WITHOUT_INVERSE = {
    "tanh": (LINE, {y: sp.tanh(x)}),
    "sinh": (LINE, {y: sp.sinh(x)}),
    "asinh of a line": (LINE, {y: sp.asinh(2 * x - 1)}),
    "cube": (LINE, {y: x**3}),
    "fifth power of a line": (LINE, {y: (2 * x + b) ** 5}),
    "arc tangent": (LINE, {y: sp.atan(x)}),
    "error function": (LINE, {y: sp.erf(x)}),
    "exponential": (LINE, {p: sp.exp(-x)}),
    "plain symbol": (LINE, {plain: sp.sinh(x)}),
    "its own name": (LINE, {x: 2 * x + 1}),
    "reciprocal": (HALF, {q: 1 / p}),
    "square of a positive number": (HALF, {q: p**2}),
    "hyperbolic cosine of a positive number": (HALF, {q: sp.cosh(p)}),
    "logarithm": (HALF, {y: sp.log(p)}),
    "one after the other": (PLANE, {u: sp.sinh(x), v: y + x**2}),
    "oblique": (PLANE, {u: x + 2 * y, v: x - y}),
}


@pytest.mark.parametrize("name", WITHOUT_INVERSE)
def test_inverse_is_found(name):
    process, functions = WITHOUT_INVERSE[name]
    assert is_right(process, functions, process.transform(functions))


def test_another_drift_is_told():
    wrong = ItoProcess([x], [a * (b - 1.01 * x)], [[sigma]]).transform({y: sp.sinh(x)})
    assert not is_right(LINE, {y: sp.sinh(x)}, wrong)


NOT_INVERTIBLE = {
    "tangent": (LINE, {y: sp.tan(x)}, None, "not invertible on the whole state space"),
    "tangent with inverse": (LINE, {y: sp.tan(x)}, {x: sp.atan(y)}, "not invertible on the whole state space"),
    "sine": (LINE, {y: sp.sin(x)}, {x: sp.asin(y)}, "not invertible"),
    "square with a root": (LINE, {p: x**2}, {x: sp.sqrt(p)}, r"gives .* back for x = -"),
    "square with the other root": (LINE, {p: x**2}, {x: -sp.sqrt(p)}, "back for x = "),
    "x exp x": (LINE, {y: x * sp.exp(x)}, {x: sp.LambertW(y)}, "not invertible"),
    "x exp x by SymPy": (LINE, {y: x * sp.exp(x)}, None, "inverse: "),
    "hyperbolic cosine": (LINE, {p: sp.cosh(x)}, {x: sp.acosh(p)}, "not invertible"),
    "absolute value": (LINE, {p: sp.Abs(x)}, {x: p}, "not invertible"),
    "fourth power": (LINE, {p: x**4}, None, "2 ways|4 ways"),
    "square in the plane": (PLANE, {u: x, p: y**2}, {x: u, y: sp.sqrt(p)}, "back for y = -"),
    "wrong sign": (LINE, {y: x**3}, {x: -sp.sign(y) * sp.Abs(y) ** sp.Rational(1, 3)}, "does not give y"),
    "a symbol that excludes values": (LINE, {p: x}, {x: p}, "assumptions of the symbol exclude"),
    "a parameter's name": (LINE, {a: sp.exp(x)}, None, "a is a parameter of the process already"),
}


@pytest.mark.parametrize("name", NOT_INVERTIBLE)
def test_what_is_not_invertible(name):
    process, functions, inverse, words = NOT_INVERTIBLE[name]
    with pytest.raises(ValueError, match=words):
        process.transform(functions, inverse)


def test_a_function_that_is_a_process_of_its_own():
    """The square of an odd process is a diffusion, although it does not determine the process."""
    odd = ItoProcess([x], [-a * x], [[sigma]])
    square = odd.transform({p: x**2}, {x: sp.sqrt(p)})
    assert sp.simplify(square.drift[0] - sigma**2 + 2 * a * p) == 0
    assert sp.simplify(square.covariance(0, 0) - 4 * sigma**2 * p) == 0


def test_monotone_maps_with_an_inverse_by_hand():
    root = sp.Rational(1, 2) * (y + sp.sqrt(y**2 + 4))
    shifted = HALF.transform({y: p - 1 / p}, {p: root})
    assert is_right(HALF, {y: p - 1 / p}, shifted)


def test_cannot_tell_is_a_refusal():
    f = x + sp.sin(x) / 2 + x**3
    with pytest.raises(ValueError, match=r"inverse: "):
        LINE.transform({y: f})


def test_fields_of_a_tensor_space_come_back():
    """A square forgets the sign of the overlap, which the drift towards the pole needs."""
    polar = Polar(sp.Symbol("d", positive=True))
    r, m, pole = polar.radius, polar.overlap, polar.pole
    drifting = ItoProcess(polar.space, lambda i: pole[i], sp.KroneckerDelta)
    with pytest.raises(ValueError, match="does not give m back"):
        drifting.transform({r: r, q: m**2}, inverse={m: sp.sqrt(q)})
    walk = ItoProcess(polar.space, lambda i: sp.S.Zero, sp.KroneckerDelta)
    even = walk.transform({r: r, q: m**2}, inverse={m: sp.sqrt(q)})
    assert sp.simplify(even.covariance(1, 1) - 4 * q * (1 - q) / r**2) == 0
