"""Learning-rate schedules as thermodynamic processes: an engine, its efficiency, and the dissipation of schedules.

Run `python examples/processes.py`.
"""

import jax
from rich.console import Console
from rich.table import Table

from thermo_ideal.dynamics import FixedEffectiveLearningRate
from thermo_ideal.experiments import run_process
from thermo_ideal.thermodynamics import State, VonMisesFisherGas
from thermo_ideal.thermodynamics import processes as p

GAS, NOISE_SCALE = VonMisesFisherGas(dimension=10), 10.0


def carnot_cycles(durations=(4_000, 12_000, 36_000), replicas=512):
    """A Carnot cycle at a fixed effective learning rate, ever slower."""
    cycle = p.carnot(State(GAS, temperature=0.2, volume=1.0, noise_scale=NOISE_SCALE), volume=2.0, temperature=0.1)
    table = Table("duration", "slowness", "W", "W/W quasi-static", "Σ [nat]", "Σ predicted", title="Carnot cycle")
    for duration in durations:
        run = run_process(jax.random.key(0), cycle, FixedEffectiveLearningRate, duration, replicas=replicas)
        table.add_row(
            f"{duration}",
            f"{cycle.slowness(FixedEffectiveLearningRate, duration):.3f}",
            f"{run.work}",
            f"{run.work.value / cycle.work:.3f}",
            f"{run.entropy_production}",
            f"{cycle.entropy_production(FixedEffectiveLearningRate, duration):.3f}",
        )
    print(f"efficiency of the slow cycle: {cycle.efficiency:.4f} = 1 − T_cold/T_hot")
    return table


def schedules(duration=12_000, replicas=512):
    """Usual schedules of the temperature between the same ends at constant weight decay."""
    temperatures = {
        "step": p.step(0.2, 0.05),
        "linear": p.linear(0.2, 0.05),
        "cosine": p.cosine(0.2, 0.05),
        "exponential": p.exponential(0.2, 0.05),
        "warm-up, stable, decay": p.warmup_stable_decay(0.2, 0.4, 0.05, warmup=0.1, decay=0.3),
    }
    start = State(GAS, temperature=0.2, pressure=0.5, noise_scale=NOISE_SCALE)
    print(f"quasi-static heat of each schedule: {p.isobaric(start, temperature=0.05).heat:.4f}")
    table = Table("schedule", "Q", "Σ [nat]", "Σ predicted", title=f"schedules of {duration} steps")
    for i, (name, temperature) in enumerate(temperatures.items()):
        process = p.scheduled(GAS, NOISE_SCALE, temperature=temperature, pressure=0.5)
        key = jax.random.fold_in(jax.random.key(1), i)
        run = run_process(key, process, FixedEffectiveLearningRate, duration, replicas=replicas, hold=duration // 2)
        exact = process.evolve(FixedEffectiveLearningRate, duration, hold=duration // 2)
        table.add_row(name, f"{run.heat}", f"{run.entropy_production}", f"{exact.entropy_production[-1]:.3f}")
    return table


def main():
    """Prints both tables."""
    console = Console(width=110)
    console.print(carnot_cycles())
    console.print(schedules())


if __name__ == "__main__":
    main()
