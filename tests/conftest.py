import os
import re

import jaxtyping
import pytest

import tests.support.typecheck  # noqa: F401  (the hook looks it up by name)

# Workers inherit it: each has a core to itself, and matrices here are too small to be worth the other's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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


@pytest.fixture(autouse=True, scope="module")
def one_device(request):
    """Each device compiles a program for itself; there is one, but in files that set `DEVICES = 2` to share them."""
    with pytest.MonkeyPatch.context() as patch:
        devices = jax.devices()[: getattr(request.module, "DEVICES", 1)]
        patch.setattr(jax, "devices", lambda: devices)
        yield


@pytest.fixture(autouse=True, scope="module")
def forget_compiled_programs():
    """Each program maps memory, of whose pieces a process may have 65,530; XLA ends it with a segmentation fault."""
    yield
    jax.clear_caches()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file's tests share a process, and so what they compile and derive; all that look at the main job share one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return "quick" if re.search(r"\bquick(_results)?[,)]", (config.rootpath / file).read_text()) else file

    return ByFile(config, log)


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
