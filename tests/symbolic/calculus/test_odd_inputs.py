"""Inputs that are odd but legitimate, or that look legitimate and are not."""

import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess, TensorSpace

x, y, v, u, phi = sp.symbols("x y v u phi", real=True)
p, q, r0, s0 = sp.symbols("p q r0 s0", positive=True)
k, a, b, T, sigma, theta, d = sp.symbols("k a b T sigma theta d", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
delta, oo = sp.KroneckerDelta, sp.oo


def zero(expression):
    return sp.simplify(sp.expand(expression)) == 0


def test_nonrational_drift():
    law = ItoProcess([x], [-sp.tanh(x)], [[1]]).stationary_law(-oo, oo)
    assert zero((law.kernel * sp.cosh(x) ** 2).rewrite(sp.exp) - law.kernel.subs(x, 0))


def test_nonrational_scale():
    process = ItoProcess([x], [-sp.tanh(x)], [[1]])
    assert zero(process.generator(process.scale_function(0)))


def test_unevaluated_normaliser_is_no_divergence():
    law = ItoProcess([x], [-(x**5) + x - 1], [[1]]).stationary_law(-oo, oo)
    assert law.normalizer.has(sp.Integral)


def test_polar_coordinates_with_explicit_inverse():
    process = ItoProcess([x, y], [0, 0], [[1, 0], [0, 1]]).transform(
        {r0: sp.sqrt(x**2 + y**2), phi: sp.atan2(y, x)}, {x: r0 * sp.cos(phi), y: r0 * sp.sin(phi)}
    )
    assert zero(process.drift[0] - 1 / (2 * r0))
    assert zero(process.drift[1])
    assert zero(process.covariance(1, 1) - r0**-2)


def test_stratonovich_product_rule():
    process = StratonovichProcess([x], [a * x], [[sigma * x]])
    df = process.chain_rule(x)
    assert zero((df * df).drift - process.chain_rule(x**2).drift)


def test_is_stationary_false_for_obvious_polynomials():
    polar = Polar(n)
    ou = ItoProcess(polar.space, lambda i: -theta * polar.point[i], lambda i, k: sigma * delta(i, k))
    assert not ou.is_stationary(sp.exp(-2 * theta * polar.radius**2 / sigma**2))
    U = sp.Function("U")(x)
    assert not ItoProcess([x, v], [v, -U.diff(x) - k * v], [[0], [sp.sqrt(2 * k * T)]]).is_stationary(
        sp.exp(-(U + v**2) / T)
    )


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_float_stationary(rate):
    assert ItoProcess([x], [-rate * x], [[0.3]]).is_stationary(sp.exp(-rate * x**2 / 0.09))


def test_jacobi_with_volatility():
    law = ItoProcess([x], [k * (a - x)], [[sigma * sp.sqrt(x * (1 - x))]]).stationary_law(0, 1)
    at = {k: 2, a: sp.Rational(1, 3), sigma: sp.Rational(3, 2)}
    normalizer = sp.beta(2 * k * a / sigma**2, 2 * k * (1 - a) / sigma**2)
    assert (
        abs(
            sp.N(
                law.density.subs(at).subs(x, 0.25)
                * normalizer.subs(at)
                / (0.25 ** (sp.Rational(16, 27) - 1) * 0.75 ** (sp.Rational(32, 27) - 1))
            )
            - 1
        )
        < 1e-10
    )


def test_speed_density_is_real():
    jacobi = ItoProcess([x], [a * (1 - x) - b * x], [[sp.sqrt(x * (1 - x))]])
    at = {a: sp.Rational(1, 3), b: sp.Rational(1, 5), x: sp.Rational(1, 3)}
    assert sp.im(sp.N(jacobi.speed_density().subs(at))) == 0


def test_scale_on_the_negative_half_line_is_real():
    assert sp.im(sp.N(ItoProcess([x], [1 / (3 * x)], [[1]]).scale_function(-1).subs(x, -2))) == 0


def test_ends_in_the_wrong_order():
    with pytest.raises(ValueError, match="lower < upper"):
        ItoProcess([x], [-x], [[1]]).stationary_law(1, -1)


def test_divergence_at_symbolic_ends():
    with pytest.raises(ArithmeticError, match="no finite integral"):
        ItoProcess([x], [-1 / (x - a) + 1 / (a + b - x)], [[1]]).stationary_law(a, a + b)


def test_no_noise_has_no_speed():
    for call in (lambda z: z.stationary_law(-1, 1), lambda z: z.speed_density(), lambda z: z.scale_function(0)):
        with pytest.raises(ValueError, match=r"noise|diffusion"):
            call(ItoProcess([x], [-x], [[0]]))


def test_tensor_transform_checks_names_and_inverse():
    polar = Polar(d)
    r = polar.radius
    walk = ItoProcess(polar.space, lambda i: sp.S.Zero, delta)
    with pytest.raises(ValueError, match="another name"):
        walk.transform({r: r**2})
    with pytest.raises(ValueError, match="does not give q"):
        walk.transform({q: r**2}, inverse={r: q})


def test_tensor_transform_of_a_constant():
    polar = Polar(d)
    r, m = polar.radius, polar.overlap
    sphere = ItoProcess(polar.space, lambda i: -(d - 1) / 2 * polar.direction[i], polar.projector)
    got = sphere.transform({r: r, m: m})
    assert not got.diffusion.has(sp.nan)


def test_namesakes_in_a_tensor_space():
    polar = Polar(d)
    walk = ItoProcess(polar.space, lambda i: sp.S.Zero, delta)
    with pytest.raises(ValueError, match="other assumptions"):
        walk.generator(sp.Symbol("r") ** 2)
    with pytest.raises(ValueError, match="other assumptions"):
        polar.laplace_beltrami(sp.Symbol("m"))


def test_namesakes_in_the_state():
    with pytest.raises(ValueError, match="a different name for each"):
        ItoProcess([sp.Symbol("x"), x], [0, 0], [[1], [1]])
    with pytest.raises(ValueError, match="a different name for each"):
        ItoProcess([x], [0], [[1]], time=x)


def test_differentials_of_two_processes():
    one, two = ItoProcess([x], [1], [[x]]), ItoProcess([x], [1], [[x, 1]])
    with pytest.raises(ValueError, match="two processes"):
        one.lemma(x) * two.lemma(x)


def test_correlation():
    assert ItoProcess([x], [0], [[1, 1]], correlation=[[1.0, 0.5], [0.5, 1.0]]).covariance(0, 0) == 3.0
    with pytest.raises(ValueError, match="negative eigenvalues"):
        ItoProcess([x], [0], [[1, 1]], correlation=[[1, -2], [-2, 1]])


def test_product_rule_order_of_free_indices():
    A, B, C = map(sp.IndexedBase, "ABC")
    space = TensorSpace(d, {(B, A): lambda of_b, of_a: C[of_b, of_a]})
    assert space.total(lambda m: A[m, i] * B[m, j]) == C[j, i]


def test_numbers_where_the_docs_allow_them():
    assert Polar(3).laplacian(1 / Polar(3).radius) == 0
    polar = Polar(d)
    assert polar.laplacian(polar.direction[0]).has(d)
    assert len(ItoProcess([x], [0], [[1]]).lemma(sp.Matrix([x, x**2]))) == 2


def test_scalars_times_differentials():
    dx = ItoProcess([x], [a], [[sigma]]).lemma(x)
    assert (2 * dx).drift == 2 * a
    assert (-dx).drift == -a
    assert (dx + 1).value == x + 1
    assert zero((1 / dx).drift - (-a / x**2 + sigma**2 / x**3))


def test_latex_of_stratonovich():
    assert r"\circ" in StratonovichProcess([x], [0], [[x]])._repr_latex_()


def test_row_drift_message():
    with pytest.raises(ValueError, match="shape"):
        ItoProcess([x, y], sp.Matrix([[x, y]]), [[1, 0], [0, 1]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: ItoProcess([x, sp.Symbol("y")], -x, [[1], [1]]),
        lambda: ItoProcess([x, sp.Symbol("y")], [-x, 0], 1),
        lambda: ItoProcess([x], [-x], [1]),
        lambda: ItoProcess("x", [-x], [[1]]),
        lambda: ItoProcess(2 * x, [-x], [[1]]),
        lambda: ItoProcess([x], lambda i: -x, [[1]]),
        lambda: ItoProcess([x], [-x], [[1]], time="t"),
    ],
)
def test_own_messages(call):
    with pytest.raises(ValueError, match=r"(state|drift|diffusion|time): got"):
        call()


def test_unasked_symbols_in_moments():
    t = sp.Symbol("t", positive=True)
    with pytest.raises(ValueError, match="pass time=t"):
        ItoProcess([x], [-t * x], [[1]]).moment_equations().solve([1])


def test_log_with_unassumed_new_symbol():
    w = sp.Symbol("w")
    assert zero(ItoProcess([p], [a * p], [[sigma * p]]).transform({w: sp.log(p)}).drift[0] - a + sigma**2 / 2)


def test_asymmetric_initial_covariance():
    with pytest.raises(ValueError, match="symmetric"):
        ItoProcess([x, y], [-x, -y], [[1, 0], [0, 1]]).moment_equations().solve([0, 0], [[1, 2], [3, 1]])


def test_end_dependent_divergence():
    w = sp.Symbol("w", real=True)
    with pytest.raises(ArithmeticError, match="for some parameters only; give their symbols assumptions"):
        ItoProcess([p], [(w - 1) / (2 * p)], [[1]]).stationary_law(0, 1)


def test_functions_times_differentials():
    """`dS/S` is the return, not the differential of `S/S`."""
    S = sp.Symbol("S", positive=True)
    process = ItoProcess([S], [a * S], [[sigma * S]])
    dS = process.lemma(S)
    for form in (dS / S, dS * (1 / S), (1 / S) * dS):
        assert (form.drift, form.diffusion(0)) == (a, sigma)
        assert form.covariation(form) == sigma**2
    # Itô: S dS is half of d(S²), less half of the covariation.
    assert zero((S * dS).drift - (process.lemma(S**2).drift - sigma**2 * S**2) / 2)
    assert (dS / a).value == S / a  # a is a constant
    assert repr(S * (dS / S)).startswith("(S) (1/S) d(S) = (S*a) dt")
    assert r"\int" in sp.latex((dS / S).value)
    with pytest.raises(ValueError, match=r"got the function S beside the differential of S.*process\.lemma\(S\)"):
        dS + S
    for refused in (lambda: S - dS, lambda: S / dS):
        with pytest.raises(ValueError, match="expected a differential or a number"):
            refused()
    polar = Polar(d)
    radial = ItoProcess(polar.space, lambda i: sp.S.Zero, sp.KroneckerDelta)
    dr = radial.lemma(polar.radius)
    assert zero((dr / polar.radius).drift - dr.drift / polar.radius)
