"""Every file operation fails once, or is the last that the process did: nothing is lost, and the rest is the same."""

import errno

import pytest

from tests.support.sweeps import Killed, cheap, content, failing
from thermo_ideal.sweeps import open_results, run

PLACES = 7  # of some 1,500; benchmarks/interruptions.py has them all


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(cheap(points=2), folder)
    return content(folder / "results.zarr"), content(folder / "blocks.zarr")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Killed])
def test_any_operation_may_fail(tmp_path, monkeypatch, whole, error):
    sweep = cheap(points=2)
    with failing(monkeypatch, None, None) as count:
        run(sweep, tmp_path / "counted")
    assert count[0] > 500
    failed = 0
    for at in range(count[0] // 50, count[0], count[0] // PLACES):
        folder = tmp_path / str(at)
        message = str(folder)
        with failing(monkeypatch, at, error):
            try:
                run(sweep, folder)
            except (OSError, Killed) as raised:
                failed += 1
                message = str(raised)
        assert error is Killed or str(folder) in message
        if (folder / "manifest.json").exists() and (folder / "blocks.zarr").exists():
            open_results(folder)  # readable in any state
        run(sweep, folder)
        assert (content(folder / "results.zarr"), content(folder / "blocks.zarr")) == whole, at
    assert failed > PLACES / 2
