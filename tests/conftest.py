import jaxtyping
import pytest

import tests.support.typecheck  # noqa: F401  (the hook looks it up by name)

# Shapes in annotations are checked by the tests, and only there; the hook must come before the first import.
hook = jaxtyping.install_import_hook("thermo_ideal", "tests.support.typecheck.typecheck")

import hypothesis  # noqa: E402
import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)  # what is shared by devices must not depend on how many there are
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("suite")


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def pytest_collection_modifyitems(items):
    # What shares the main job's run shares a process, so that it runs once.
    for item in items:
        if "quick" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("quick"))


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """The main job, run once: its folder, its exit status and what it printed."""
    import contextlib
    import io
    import types

    from thermo_ideal.cli import main

    folder = tmp_path_factory.mktemp("reproduce") / "toy"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stop:
        main(["reproduce", "toy", "--out", str(folder)])
    return types.SimpleNamespace(folder=folder, status=stop.value.code, printed=printed.getvalue())


@pytest.fixture(scope="session")
def quick_results(quick):
    from thermo_ideal.sweeps import open_results

    return open_results(quick.folder / "results.zarr")
