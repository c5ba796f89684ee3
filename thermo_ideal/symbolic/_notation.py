"""The symbols of every derivation, as in the paper: `g` is `∇L(W)`, a bar marks the unit sphere."""

from sympy import Expr, Function, IndexedBase, Symbol, symbols

DIMENSION = Symbol("d", integer=True, positive=True)
TIME = Symbol("t", nonnegative=True)
LEARNING_RATE = Symbol("eta", positive=True)
EFFECTIVE_LEARNING_RATE = Symbol("eta_eff", positive=True)
WEIGHT_DECAY = Symbol("lambda", positive=True)
MOMENTUM = Symbol("beta", positive=True)
GAIN = Symbol("gain", positive=True)  # 1/(1 − β), known to be positive while a derivation is written
RADIUS = Symbol("r", positive=True)
INITIAL_RADIUS = Symbol("r_0", positive=True)
NOISE_SCALE = Symbol("sigma", positive=True)
NOISE_TRACE = Symbol("tau", positive=True)  # Tr Σ_w̄
GRADIENT_NORM = Symbol("G", positive=True)  # |∇L(w̄)|
TEMPERATURE, PRESSURE, VOLUME, GAS_CONSTANT = symbols("T p V R", positive=True)
CONCENTRATION = Symbol("kappa", positive=True)
LOSS = Symbol("L", real=True)
OVERLAP = Symbol("m", real=True)

FREE_INDEX, NOISE_INDEX = symbols("i k", integer=True, positive=True)

WEIGHTS = IndexedBase("W")
DIRECTION = IndexedBase("wbar")
GRADIENT = IndexedBase("g")  # ∇L(W)
DIRECTION_GRADIENT = IndexedBase("gbar")  # ∇L(w̄)
NOISE_ROOT = IndexedBase("S")  # Σ_W^{1/2}
DIRECTION_NOISE_ROOT = IndexedBase("Sbar")  # Σ_w̄^{1/2}
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


def scheduled(symbol: Symbol) -> Expr:
    """A hyperparameter that depends on time, under its own name."""
    return Function(symbol.name, positive=True)(TIME)


# Where SymPy would not set a name as it should be read.
LATEX = {
    "wbar": r"\bar{w}",
    "dwbar": r"d\bar{w}",
    "gbar": r"\bar{g}",
    "Sbar": r"\bar{S}",
    "|wbar|^2": r"|\bar{w}|^2",
    "d|wbar|^2": r"d|\bar{w}|^2",
    "E|W-z|^2": r"\mathbf{E}|W - z|^2",
    "E r'^2": r"\mathbf{E}\,r'^2",
    "E dr^2/dt": r"\frac{\mathbf{E}\,dr^2}{dt}",
    "E[dm]": r"\mathbf{E}\,dm",
    "d[m,m]": r"d[m, m]",
    "E[m'-m]": r"\mathbf{E}[m' - m]",
    "rate": r"\text{rate}",
    "ratio": r"\text{ratio}",
    "dof": r"\text{degrees of freedom}",
    "VarV": r"\text{Var}\,V",
    "VarV/V^2": r"\frac{\text{Var}\,V}{V^2}",
    "S_dir": r"S_\text{dir}",
    "eta_eff": r"\eta_\text{eff}",
    "kappa_T": r"\kappa_T",
    "kappa_S": r"\kappa_S",
    "log_z": r"\log z",
}


# The package's words for the symbols that a result may depend on.
NAMES = {
    "dimension": DIMENSION,
    "noise_scale": NOISE_SCALE,
    "noise_trace": NOISE_TRACE,
    "learning_rate": LEARNING_RATE,
    "effective_learning_rate": EFFECTIVE_LEARNING_RATE,
    "weight_decay": WEIGHT_DECAY,
    "momentum": MOMENTUM,
    "radius": RADIUS,
    "gradient_norm": GRADIENT_NORM,
    "temperature": TEMPERATURE,
    "pressure": PRESSURE,
    "volume": VOLUME,
    "concentration": CONCENTRATION,
}
