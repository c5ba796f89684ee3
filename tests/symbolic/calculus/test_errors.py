"""What is refused, and that the message says what came and what to type."""

import re
from dataclasses import FrozenInstanceError

import pytest
import sympy as sp

from thermo_ideal.symbolic import ItoProcess, Polar, StratonovichProcess, TensorSpace

x, y, u, v = sp.symbols("x y u v", real=True)
p, q, a, b, sigma, d = sp.symbols("p q a b sigma d", positive=True)
t = sp.Symbol("t", nonnegative=True)
i, j = sp.symbols("i j", integer=True)
delta, polar = sp.KroneckerDelta, Polar(d)
LINE = ItoProcess([x], [-a * x], [[sigma]])
PLANE = ItoProcess([x, y], [0, 0], [[1, 0], [0, 1]])
CLOCKED = ItoProcess([x], [-t * x], [[1]], time=t)
BROWNIAN = ItoProcess(polar.space, lambda i: sp.S.Zero, delta)


def says(*words):
    """A pattern for all of them, in this order."""
    return "(?s)" + ".*".join(map(re.escape, words))


@pytest.mark.parametrize("convention", [ItoProcess, StratonovichProcess])
@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([x, y], [a], [[1], [1]]), {}, ["drift", "1 expressions", "2 components"]),
        (([x], [a, a], [[1]]), {}, ["drift", "2 expressions", "1 components"]),
        (([x, y], [a, a], [[1, 0]]), {}, ["diffusion", "(1, 2)", "2 rows"]),
        (([x, x], [a, a], [[1], [1]]), {}, ["state", "['x', 'x']", "a different name for each"]),
        (([x + y], [a], [[1]]), {}, ["state", "x + y", "sympy.symbols"]),
        (([x], [a], [[1, 1]]), {"correlation": [[1]]}, ["correlation", "[[1]]", "2×2"]),
        (([x], [a], [[1, 1]]), {"correlation": [[1, a], [b, 1]]}, ["correlation", "[[1, a], [b, 1]]", "symmetric"]),
        (([x], [a], [[1, 1]]), {"correlation": [[2, 0], [0, 1]]}, ["correlation", "[2, 0]", "ones on its diagonal"]),
        (([x], [-a * x], [[b]]), {"parameters": [a]}, ["diffusion", "depends on b", "parameters=[a, b]"]),
        (([x], [-a * x], [[b]]), {"parameters": []}, ["drift", "depends on a", "parameters=[a]"]),
        (([x], [-x * t], [[1]]), {"parameters": []}, ["drift", "depends on t", "parameters=[t]"]),
        (([x], [-sp.Symbol("x")], [[1]]), {}, ["drift", "x has the name", "other assumptions", "state=[x]"]),
        (([x], [0], [[sp.Symbol("t")]]), {"time": t}, ["diffusion", "t has the name", "time=t"]),
        ((polar.space, [a], [[1]]), {}, ["TensorSpace", "drift=lambda i", "diffusion=lambda i, k"]),
    ],
)
def test_construction(convention, arguments, options, words):
    with pytest.raises(ValueError, match=says(*words)):
        convention(*arguments, **options)


def test_tensor_noise_is_independent():
    with pytest.raises(ValueError, match=says("correlation", "TensorSpace", "into diffusion")):
        ItoProcess(polar.space, lambda i: polar.point[i], delta, correlation=[[1]])


def test_processes_are_immutable():
    with pytest.raises(FrozenInstanceError):
        LINE.drift = [0]
    with pytest.raises(TypeError):
        LINE.drift[0] = 1
    assert ItoProcess([x], [-a * x], [[sigma]]) == LINE
    assert StratonovichProcess([x], [-a * x], [[sigma]]) != LINE


@pytest.mark.parametrize("method", ["lemma", "generator", "adjoint", "current", "is_stationary"])
def test_function_of_a_namesake(method):
    with pytest.raises(ValueError, match=says("x has the name", "other assumptions", "state=[x]")):
        getattr(LINE, method)(sp.Symbol("x") ** 2)


def test_namesake_in_chain_rule_and_transform():
    with pytest.raises(ValueError, match=says("x has the name", "other assumptions")):
        LINE.stratonovich().chain_rule(sp.Symbol("x"))
    with pytest.raises(ValueError, match=says("x has the name", "other assumptions")):
        LINE.transform({u: 2 * sp.Symbol("x")})
    with pytest.raises(ValueError, match=says("t has the name", "time=t")):
        CLOCKED.lemma(x * sp.Symbol("t"))


def test_density_of_other_variables():
    with pytest.raises(ValueError, match=says("rho", "exp(-y**2)", "density of x")):
        LINE.is_stationary(sp.exp(-(y**2)))


def test_undeclared_tensors():
    w = sp.IndexedBase("w")
    with pytest.raises(ValueError, match=says("w[i]", "add gradients={w:")):
        BROWNIAN.generator(w[i])
    with pytest.raises(ValueError, match=says("cannot sum", "add products={('w', 'x')")):
        polar.space.total(lambda n: w[n] * polar.point[n])
    with pytest.raises(ValueError, match="add products"):
        ItoProcess(polar.space, lambda i: w[i], delta).generator(polar.radius)
    with pytest.raises(ValueError, match=says("add products={('w',)")):
        polar.space.total(lambda n: w[n, n])
    with pytest.raises(ValueError, match="add gradients"):
        TensorSpace(d).partial(w[i], j)
    for function in (sp.exp, sp.sin, lambda e: 1 / e, lambda e: e**d):
        with pytest.raises(ValueError, match="only products of tensors"):
            polar.space.total(lambda n, function=function: function(polar.point[n]))
    with pytest.raises(ValueError, match=says("('x', 'x', 'x')")):
        polar.space.total(lambda n: polar.point[n] ** 3)


TENSOR = "expected one of named components"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BROWNIAN.moment_equations(), ["moment_equations", TENSOR, "sympy.symbols"]),
        (lambda: BROWNIAN.forward_equation(), ["forward_equation", TENSOR]),
        (lambda: BROWNIAN.backward_equation(), ["backward_equation", TENSOR]),
        (lambda: BROWNIAN.stationary_law(0, 1), ["stationary_law", "one named component"]),
        (lambda: PLANE.stationary_law(0, 1), ["stationary_law", "(x, y)", "one named component"]),
        (lambda: PLANE.scale_function(0), ["scale_function", "(x, y)", "one named component"]),
        (lambda: PLANE.speed_density(), ["speed_density", "(x, y)", "one named component"]),
        (lambda: CLOCKED.stationary_law(-1, 1), ["stationary_law", "depend on t"]),
        (lambda: CLOCKED.scale_function(0), ["scale_function", "depend on t"]),
        (lambda: CLOCKED.moment_equations().solve([0]), ["depend on t", "dsolve"]),
        (lambda: PLANE.moment_equations().solve([0]), ["mean", "(1, 1)", "2 components"]),
        (lambda: PLANE.moment_equations().solve([0, 0], [[1]]), ["covariance", "(1, 1)", "2 components"]),
        (lambda: ItoProcess([x], [-(x**3)], [[1]]).moment_equations().solve([0]), ["do not close", ".mean"]),
        (lambda: ItoProcess([x], [-sp.sin(x)], [[1]]).moment_equations().solve([0]), ["do not close", ".mean"]),
        (lambda: ItoProcess([x], [-x], [[x**2]]).moment_equations().solve([0]), ["do not close", ".covariance"]),
    ],
)
def test_method_that_does_not_apply(call, words):
    with pytest.raises(ValueError, match=says(*words)):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PLANE.transform({u: x}), ["functions", "1", "state of 2"]),
        (lambda: PLANE.transform({u: x + y, v: x + y}), ["inverse", "0 ways", "inverse={x:"]),
        (lambda: LINE.transform({u: sp.Integer(3)}), ["inverse", "0 ways"]),
        (lambda: LINE.transform({p: x**2}), ["inverse", "2 ways", "inverse={x:"]),
        (lambda: LINE.transform({u: x**3 - x}), ["inverse", "ways to solve for x", "inverse={x:"]),
        (lambda: LINE.transform({p: sp.exp(x)}, {x: 2 * sp.log(p)}), ["inverse", "2*log(p)", "does not give p"]),
        (lambda: PLANE.transform({u: x, v: x + y}, {x: u}), ["inverse", "does not give v"]),
        (lambda: PLANE.transform({u: x, v: x + y}, {x: u, y: v}), ["inverse", "does not give v"]),
        (
            lambda: LINE.transform({u: 2 * x}, parameters=[a]),
            ["diffusion", "depends on sigma", "parameters=[a, sigma]"],
        ),
    ],
)
def test_transform_that_cannot_be_inverted(call, words):
    with pytest.raises(ValueError, match=says(*words)):
        call()


def test_transform_that_does_not_close():
    r, m = polar.radius, polar.overlap
    with pytest.raises(ValueError, match=says("not a function of m alone", "add r to functions", "inverse=")):
        BROWNIAN.transform({m: m})
    with pytest.raises(ValueError, match=says("not a function of q alone", "add r")):
        BROWNIAN.transform({q: r**2})
    drifting = ItoProcess(polar.space, lambda i: polar.pole[i], delta)
    with pytest.raises(ValueError, match=says("not a function of r alone", "add m")):
        drifting.transform({r: r})
    assert drifting.transform({r: r, m: m}).drift[0].has(m)


def test_namesake_of_time_in_a_tensor_space():
    clocked = ItoProcess(polar.space, lambda i: -t * polar.point[i], delta, time=t)
    assert clocked.generator(t * polar.radius**2).has(t)
    with pytest.raises(ValueError, match=says("f", "t has the name", "time=t")):
        clocked.generator(sp.Symbol("t") * polar.radius)
