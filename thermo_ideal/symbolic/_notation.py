"""The symbols of every derivation, as in the paper: `g` is `∇L(W)`, and a bar marks the unit sphere.

The symbols of quantities are views of the dictionary. What exists only in derivations is defined here.
"""

from sympy import Expr, Function, IndexedBase, Symbol, symbols

from thermo_ideal._dictionary import DICTIONARY, SYMBOLS, Quantity

_WORDS = {name: word for word, name in SYMBOLS.items()}


def named(word: str, **assumptions: bool) -> Symbol:
    """The symbol of a quantity of the dictionary with these assumptions and no others.

    To SymPy, symbols of one name and different assumptions are different symbols.
    """
    return Symbol(SYMBOLS[word], **assumptions)


def quantity(word: str) -> Symbol:
    """The symbol of a quantity of the dictionary with the sign that it has there."""
    return named(word, **{DICTIONARY[word].sign: True})


DIMENSION = named("dimension", integer=True, positive=True)
TIME = Symbol("t", nonnegative=True)
LEARNING_RATE = quantity("learning_rate")
EFFECTIVE_LEARNING_RATE = quantity("effective_learning_rate")
WEIGHT_DECAY = named("weight_decay", positive=True)  # at 0 there is no stationary radius to derive
MOMENTUM = quantity("momentum")
MOMENTUM_FACTOR = Symbol("gain", positive=True)  # 1/(1 − β), known to be positive while a derivation is written
RADIUS = quantity("radius")
INITIAL_RADIUS = Symbol("r_0", positive=True)
NOISE_SCALE = quantity("noise_scale")
NOISE_TRACE = quantity("noise_trace")  # Tr Σ_w̄
GRADIENT_NORM = named("gradient_norm", positive=True)  # |∇L(w̄)|
TEMPERATURE = quantity("temperature")
PRESSURE = quantity("pressure")
VOLUME = quantity("volume")
GAS_CONSTANT = quantity("gas_constant")
CONCENTRATION = quantity("concentration")
LOSS = quantity("loss")
OVERLAP = quantity("overlap")

FREE_INDEX, NOISE_INDEX = symbols("i k", integer=True, positive=True)

WEIGHTS = IndexedBase("W")
DIRECTION = IndexedBase("wbar")
GRADIENT = IndexedBase("g")  # ∇L(W)
DIRECTION_GRADIENT = IndexedBase("gbar")  # ∇L(w̄)
NOISE_ROOT = IndexedBase("N")  # Σ_W^{1/2}
DIRECTION_NOISE_ROOT = IndexedBase("Nbar")  # Σ_w̄^{1/2}
VELOCITY, NEXT_VELOCITY = IndexedBase("v"), IndexedBase("v'")
AVERAGED, NEXT_AVERAGED = IndexedBase("z"), IndexedBase("z'")
NEXT_WEIGHTS = IndexedBase("W'")
NORMALS = IndexedBase("xi")  # independent standard normal numbers
POLE = IndexedBase("mu")

DT, DR = symbols("dt dr")
DB = IndexedBase("dB")
DW = IndexedBase("dW")
DWBAR = IndexedBase("dwbar")
SQUARED_NORM, D_SQUARED_NORM = symbols("|wbar|^2 d|wbar|^2")


def written(symbol: Symbol) -> str:
    """The symbol of a quantity as it is written in a sentence, such as "η_eff"."""
    return DICTIONARY[_WORDS[symbol.name]].symbol


def scheduled(symbol: Symbol) -> Expr:
    """A hyperparameter that depends on time, under its own name."""
    return Function(symbol.name, positive=True)(TIME)


# The symbols for which a result may be evaluated, by their words.
NAMES = {
    _WORDS[symbol.name]: symbol
    for symbol in (
        DIMENSION,
        NOISE_SCALE,
        NOISE_TRACE,
        LEARNING_RATE,
        EFFECTIVE_LEARNING_RATE,
        WEIGHT_DECAY,
        MOMENTUM,
        RADIUS,
        GRADIENT_NORM,
        TEMPERATURE,
        PRESSURE,
        VOLUME,
        GAS_CONSTANT,
        CONCENTRATION,
    )
}

# What SymPy would not set as it should be read, beside the quantities of the dictionary.
LATEX = {each.name: each.latex for each in DICTIONARY.values()} | {
    "wbar": r"\bar{w}",
    "dwbar": r"d\bar{w}",
    "gbar": r"\bar{g}",
    "Nbar": r"\bar{N}",
    "dmu": r"d\mu",
    "|wbar|^2": r"|\bar{w}|^2",
    "d|wbar|^2": r"d|\bar{w}|^2",
    "E r'^2": r"\mathbf{E}\,{r'}^2",
    "E dr^2/dt": r"\frac{\mathbf{E}\,dr^2}{dt}",
    "E[dm]": r"\mathbf{E}\,dm",
    "d[m,m]": r"d[m, m]",
    "E[m'-m]": r"\mathbf{E}[m' - m]",
    "rate": r"\text{rate}",
    "ratio": r"\text{ratio}",
    "dof": r"\text{degrees of freedom}",
    "VarV/V^2": r"\frac{\text{Var}\,V}{V^2}",
    "Var[V'-V]/V^2": r"\frac{\text{Var}[V' - V]}{V^2}",
    "E|W-z|^2/r^2": r"\frac{\mathbf{E}|W - z|^2}{r^2}",
    "E[m'-m]^2": r"\mathbf{E}[m' - m]^2",
    "log_z": r"\log z",
    "Df": r"\nabla f",
    "DDf": r"\nabla\nabla f",
    "Laplacian_f": r"\Delta_S f",
    "<h Laplacian_f>": r"\langle h\,\Delta_S f\rangle",
    "<grad_h.grad_f>": r"\langle\nabla_S h\cdot\nabla_S f\rangle",
}


def _described(entry: Quantity) -> str:
    return entry.meaning if entry.phrase in entry.meaning else f"{entry.phrase}: {entry.meaning}"


# What the names in an equation mean to someone who reads the equation alone. Z and Var V are other quantities in a
# derivation than in the dictionary.
MEANING = {entry.name: _described(entry) for entry in DICTIONARY.values()} | {
    "t": "time in steps",
    "s": "√(1 − m²)",
    "t'": "variable of integration, a time",
    "t''": "variable of integration, a time",
    "h": "size of a time step",
    "r_0": "radius at time 0",
    "r'": "radius after a step",
    "W": "weights",
    "W'": "weights after a step",
    "dW": "change of the weights in dt",
    "wbar": "direction W/r",
    "dwbar": "change of the direction in dt",
    "g": "gradient ∇L(W)",
    "gbar": "gradient ∇L(w̄) at the direction",
    "N": "square root of the covariance of the gradient noise, Σ_W^{1/2}",
    "Nbar": "square root of the covariance of the gradient noise at the direction, Σ_w̄^{1/2}",
    "dB": "increments of independent Brownian motions",
    "xi": "independent standard normal numbers",
    "v": "velocity: the last position minus the present one",
    "v'": "velocity after a step",
    "z": "average position W − βv/(1 − β)",
    "z'": "average position after a step",
    "mu": "direction of the pole of a zonal loss; without index, the chemical potential",
    "m'": "overlap after a step",
    "e": "unit tangent vector towards the pole",
    "b": "component of the noise orthogonal to w̄ and e",
    "a": "component of the noise along e, a standard normal number",
    "q": "squared length of b, a χ² number",
    "f": "a zonal loss as a function of the overlap",
    "f'": "derivative of f at m",
    "L": "loss",
    "c": "any factor of the weights",
    "Df": "gradient of f, any function on the sphere that is extended off it",
    "DDf": "Hessian of f",
    "Laplacian_f": "Laplacian of f on the unit sphere",
    "<h Laplacian_f>": "mean of h Δ_S f over the unit sphere, for any functions h and f on it",
    "<grad_h.grad_f>": "mean of the product of the gradients along the sphere",
    "rho": "stationary density",
    "n": "exponent of a polytrope",
    "Z": "partition function on the sphere of radius r",
    "log_z": "logarithm of the partition function on the unit sphere",
    "A": "mean resultant length E μ·w̄",
    "A'": "dA/dκ",
    "VarV": "variance of the volume",
    "VarV/V^2": "variance of the volume over its squared mean",
    "Var[V'-V]/V^2": "variance of the change of the volume in a step, over the squared volume",
    "rate": "relaxation rate per step",
    "dof": "degrees of freedom of q",
}
