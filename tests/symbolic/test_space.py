"""Every rule of the calculus in symbolic dimension, replayed in components."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import Cartesian, TensorSpace

d = sp.Symbol("d", positive=True)
r, m = sp.symbols("r m", positive=True)
x, mu = sp.IndexedBase("x"), sp.IndexedBase("mu")
delta = sp.KroneckerDelta
space = TensorSpace(
    d,
    products={(x, x): lambda: r**2, (x, mu): lambda: r * m, (mu, mu): lambda: sp.S.One},
    gradients={x: delta, mu: lambda i, j: sp.S.Zero, r: lambda j: x[j] / r, m: lambda j: mu[j] / r - m * x[j] / r**2},
)

FUNCTIONS = {
    "norm": (r, lambda v, n: sp.sqrt(sum(c**2 for c in v))),
    "log norm": (sp.log(r), lambda v, n: sp.log(sum(c**2 for c in v)) / 2),
    "power": (r**4, lambda v, n: sum(c**2 for c in v) ** 2),
    "overlap": (m, lambda v, n: sum(a * b for a, b in zip(v, n, strict=True)) / sp.sqrt(sum(c**2 for c in v))),
    "mixed": (
        r**2 * sp.exp(m),
        lambda v, n: (
            sum(c**2 for c in v) * sp.exp(sum(a * b for a, b in zip(v, n, strict=True)) / sp.sqrt(sum(c**2 for c in v)))
        ),
    ),
}


@pytest.mark.parametrize("dimension", [2, 3, 4, 5])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_laplacian_against_components(name, dimension):
    abstract, explicit = FUNCTIONS[name]
    laplacian = space.total(lambda i: space.partial(space.partial(abstract, i), i))

    symbols = sp.symbols(f"v1:{dimension + 1}", real=True)
    plain = Cartesian(symbols)
    unit = [sp.Rational(3, 5), sp.Rational(4, 5)] + [sp.S.Zero] * (dimension - 2)
    f = explicit(symbols, unit)
    by_hand = plain.total(lambda i: plain.partial(plain.partial(f, i), i))

    point = {v: sp.Rational(k + 2, k + 3) for k, v in enumerate(symbols)}
    length = sp.sqrt(sum(v**2 for v in point.values()))
    overlap = sum(n * v for n, v in zip(unit, point.values(), strict=True)) / length
    at = {d: dimension, r: length, m: overlap}
    assert abs(sp.N(laplacian.subs(at) - by_hand.subs(point), 30)) < 1e-25


def test_deltas():
    i, j = sp.symbols("i j", integer=True)
    assert space.total(lambda k: delta(k, k)) == d
    assert space.total(lambda k: delta(k, i) * x[k]) == x[i]
    assert space.total(lambda k: delta(k, i) * delta(k, j)) == delta(i, j)
    assert space.total(lambda k: space.total(lambda n: delta(k, n) * delta(k, n))) == d


def test_projector_is_idempotent_with_trace_d_minus_1():
    i, j = sp.symbols("i j", integer=True)

    def projector(a, b):
        return delta(a, b) - x[a] * x[b] / r**2

    square = space.total(lambda k: projector(i, k) * projector(k, j))
    assert sp.expand(square - projector(i, j)) == 0
    assert sp.expand(space.total(lambda k: projector(k, k))) == d - 1


def test_unknown_product_is_an_error():
    y = sp.IndexedBase("y")
    with pytest.raises(ValueError, match="add products"):
        space.total(lambda k: x[k] * y[k])


def test_unknown_gradient_is_an_error():
    y = sp.IndexedBase("y")
    with pytest.raises(ValueError, match="add gradients"):
        space.partial(y[sp.Symbol("i")] * r, sp.Symbol("j"))
