"""The symbols of every derivation, as in the paper: `g` is `∇L(W)`, a bar marks the unit sphere."""

from sympy import IndexedBase, Symbol, symbols

DIMENSION = Symbol("d", integer=True, positive=True)
TIME = Symbol("t", nonnegative=True)
LEARNING_RATE = Symbol("eta", positive=True)
EFFECTIVE_LEARNING_RATE = Symbol("eta_eff", positive=True)
WEIGHT_DECAY = Symbol("lambda", positive=True)
RADIUS = Symbol("r", positive=True)
INITIAL_RADIUS = Symbol("r_0", positive=True)
NOISE_SCALE = Symbol("sigma", positive=True)
NOISE_TRACE = Symbol("tau", positive=True)  # Tr Σ_w̄
TEMPERATURE, PRESSURE, VOLUME, GAS_CONSTANT = symbols("T p V R", positive=True)
LOSS = Symbol("L", real=True)

FREE_INDEX, NOISE_INDEX = symbols("i k", integer=True, positive=True)

WEIGHTS = IndexedBase("W")
DIRECTION = IndexedBase("wbar")
GRADIENT = IndexedBase("g")  # ∇L(W)
DIRECTION_GRADIENT = IndexedBase("gbar")  # ∇L(w̄)
NOISE_ROOT = IndexedBase("S")  # Σ_W^{1/2}
DIRECTION_NOISE_ROOT = IndexedBase("Sbar")  # Σ_w̄^{1/2}

DT, DR = symbols("dt dr")
DB = IndexedBase("dB")
DW = IndexedBase("dW")
DWBAR = IndexedBase("dwbar")
SQUARED_NORM, D_SQUARED_NORM = symbols("|wbar|^2 d|wbar|^2")

# Where SymPy would not set a name as it should be read.
LATEX = {
    Symbol("dwbar"): r"d\bar{w}",
    SQUARED_NORM: r"|\bar{w}|^2",
    D_SQUARED_NORM: r"d|\bar{w}|^2",
    Symbol("rate"): r"\text{rate}",
    EFFECTIVE_LEARNING_RATE: r"\eta_\text{eff}",
}

# The package's words for the symbols that a result may depend on.
NAMES = {
    "dimension": DIMENSION,
    "noise_scale": NOISE_SCALE,
    "noise_trace": NOISE_TRACE,
    "learning_rate": LEARNING_RATE,
    "effective_learning_rate": EFFECTIVE_LEARNING_RATE,
    "weight_decay": WEIGHT_DECAY,
    "radius": RADIUS,
}
