"""What a sweep survives: kill -9 at random moments of a real process, and every file operation failing once.

python benchmarks/interruptions.py kills --count 20
python benchmarks/interruptions.py faults --begin 1 --end 400
"""

import argparse
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.sweeps import Killed, cheap, content, failing
from thermo_ideal.sweeps import Grid, Sweep, open_results, run


def sweep() -> Sweep:
    """Some seconds of simulation in eight blocks, with checkpoints of each."""
    grid = Grid("fixed-elr", effective_learning_rate=[0.01, 0.02, 0.03, 0.04], weight_decay=[0.05, 0.1])
    return Sweep("stationary", [grid], dimension=20, replicas=32, num_steps=40_000, block_points=1)


def run_to(folder: Path) -> subprocess.Popen:
    """The sweep in a process of its own."""
    code = (
        "import sys; sys.path.insert(0, '.'); from benchmarks.interruptions import sweep; "
        f"from thermo_ideal.sweeps import run; run(sweep(), {str(folder)!r}, checkpoint_interval=0.2)"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def same(folder: Path, whole: Path) -> bool:
    """Whether results and blocks are those of a run that nothing happened to, byte for byte."""
    return all(content(folder / name) == content(whole / name) for name in ("results.zarr", "blocks.zarr"))


def kills(count: int, seed: int) -> None:
    """Kills a run at random moments until it has been killed so often, and compares what it ends with."""
    draw, done = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent) / "whole"
        began = time.monotonic()
        assert run_to(whole).wait() == 0
        length = time.monotonic() - began
        print(f"undisturbed: {length:.1f} s", flush=True)
        attempt = 0
        while done < count:
            folder, left = Path(parent) / str(attempt), 3
            attempt += 1
            while True:
                process = run_to(folder)
                if left:
                    time.sleep(draw.uniform(0.3, 1.0) * length)
                    left -= 1
                    if process.poll() is None:
                        os.kill(process.pid, signal.SIGKILL)
                        process.wait()
                        done += 1
                        if (folder / "manifest.json").exists() and (folder / "blocks.zarr").exists():
                            open_results(folder)
                        continue
                assert process.wait() == 0
                break
            assert same(folder, whole), folder
            print(f"{done} kills, {attempt} runs that went on: bit-identical", flush=True)


def faults(begin: int, end: int) -> None:
    """Every file operation in turn fails, or is the last of the process."""
    patch = pytest.MonkeyPatch()
    with tempfile.TemporaryDirectory() as parent:
        whole = Path(parent) / "whole"
        with failing(patch, None, None) as count:
            run(cheap(points=2), whole)
        print(f"{count[0]} operations", flush=True)
        failed = 0
        for at in range(begin, min(end, count[0]) + 1):
            for kind, error in (("full", OSError(errno.ENOSPC, "No space left on device")), ("killed", Killed)):
                folder = Path(parent) / f"{at}-{kind}"
                with failing(patch, at, error):
                    try:
                        run(cheap(points=2), folder)
                    except (OSError, Killed):
                        failed += 1
                if (folder / "manifest.json").exists() and (folder / "blocks.zarr").exists():
                    open_results(folder)
                run(cheap(points=2), folder)
                assert same(folder, whole), (at, kind)
        print(f"operations {begin} to {min(end, count[0])}: {failed} failed runs went on, bit-identical", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["kills", "faults"])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=int, default=1)
    parser.add_argument("--end", type=int, default=10**9)
    given = parser.parse_args()
    if given.what == "kills":
        kills(given.count, given.seed)
    else:
        faults(given.begin, given.end)
