"""The cores of the processor, as devices of JAX."""

from contextlib import suppress


def expose_cores() -> None:
    """Makes each core that may be used a device of JAX, so that all of them work."""
    import jax

    from thermo_ideal.integrators._threads import usable_cores

    with suppress(RuntimeError):  # JAX is at work already, with the devices that it has
        jax.config.update("jax_num_cpu_devices", usable_cores())
