"""Plants wrong lines in one floor, one at a time, and counts those that its tests notice.

Run `pip install cosmic-ray`, then `python tests/mutation.py distributions --sample 100`. Each mutant is tried in a copy
of the tree by the tests of its floor, so the tree itself never changes. What has been tried is kept in
`build/mutation/`, and an interrupted run goes on from there; delete the folder to begin anew. The survivors that cannot
be told from the original are in `tests/equivalent_mutants.toml`, each with the reason.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import tomllib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import parso
from cosmic_ray import plugins
from cosmic_ray.commands.init import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.work_db import WorkDB, use_db
from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "mutation"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
COPIED = ("thermo_ideal", "tests", "docs", "examples", "benchmarks", "pyproject.toml", "README.md")
# Wrong lines that someone could write. Others of cosmic-ray stop at import, or change annotations.
OPERATORS = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul"),
    *("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_Gt", "Gt_Lt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Delete_USub", "Delete_Not", "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue"),
    *("NumberReplacer", "AddNot", "BreakWithContinue", "ZeroIterationForLoop", "ScaledReturn"),
)
ARITHMETIC = {"arith_expr", "term", "factor", "power", "atom_expr"}


class ScaledReturn(Operator):
    """Makes a returned number 5 % larger: `return x` is `return 1.05 * (x)`."""

    def mutation_positions(self, node):
        """Where a number may be returned."""
        if node.type == "return_stmt" and node.children[1].type in ARITHMETIC:
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        """The statement with the factor."""
        node.children[1] = parso.parse(f" 1.05 * ({node.children[1].get_code().strip()})").children[0]
        return node

    @classmethod
    def examples(cls):
        """What it does to a line."""
        return (Example("def f(x): return 2 * x", "def f(x): return 1.05 * (2 * x)"),)


# Under the name of a provider, where cosmic-ray looks an operator up.
plugins.OPERATOR_PROVIDERS["thermo_ideal"] = {"ScaledReturn": ScaledReturn}


def mutants(floor):
    """All wrong lines of a folder of the package, in a fixed order."""
    with tempfile.TemporaryDirectory() as folder, use_db(Path(folder) / "mutants.sqlite", WorkDB.Mode.create) as work:
        init(sorted(find_modules([Path("thermo_ideal") / floor])), work, {})
        found = [item.mutations[0] for item in work.work_items]
    found = [mutant for mutant in found if mutant.operator_name.endswith(OPERATORS)]
    return sorted(found, key=lambda mutant: (str(mutant.module_path), mutant.operator_name, mutant.occurrence))


def name(mutant):
    """The same in every run on the same tree."""
    operator = mutant.operator_name.split("/")[1]
    return f"{mutant.module_path}:{mutant.start_pos[0]}:{mutant.start_pos[1]} {operator} {mutant.occurrence}"


def enter_copy(cache):
    """Makes a copy of the tree for this process, and works there from now on."""
    copy = Path(tempfile.mkdtemp(prefix="mutation-"))
    for each in COPIED:
        source = ROOT / each
        shutil.copytree(source, copy / each) if source.is_dir() else shutil.copy(source, copy / each)
    os.chdir(copy)
    # What a mutant leaves as it was is compiled once for all of them.
    os.environ |= {
        "PYTHONPATH": str(copy),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def try_mutant(mutant, tests, timeout):
    """Whether the tests notice, and the difference that they had to notice."""
    command = f"{sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider {' '.join(tests)}"
    result = mutate_and_test([mutant], command, timeout)
    return {"mutant": name(mutant), "killed": bool(result.is_killed), "diff": result.diff}


def run(options):
    """The result of every sampled mutant, from the file or by trying it."""
    file = RESULTS / f"{options.floor}.jsonl"
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = mutants(options.floor)
    chosen = random.Random(options.seed).sample(found, min(options.sample or len(found), len(found)))
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    tried = {result["mutant"]: result for result in done}
    waiting = [mutant for mutant in chosen if name(mutant) not in tried]
    print(f"{len(found)} mutants, {len(chosen)} chosen, {len(waiting)} to try", flush=True)
    tests = options.tests or [f"tests/{options.floor}"]
    with (
        ProcessPoolExecutor(options.jobs, initializer=enter_copy, initargs=(RESULTS / "cache",)) as pool,
        file.open("a") as log,
    ):
        jobs = [pool.submit(try_mutant, mutant, tests, options.timeout) for mutant in waiting]
        for job in as_completed(jobs):
            result = job.result()
            tried[result["mutant"]] = result
            print(json.dumps(result), file=log, flush=True)
            print("killed  " if result["killed"] else "SURVIVED", result["mutant"], flush=True)
    return [tried[name(mutant)] for mutant in chosen]


def planted(result):
    """The wrong line, without its indentation."""
    return {line[1:].strip() for line in result["diff"].splitlines() if line.startswith("+") and line[1:2] != "+"}


def report(floor, results):
    """Prints the score and the survivors."""
    equivalent = tomllib.loads(EQUIVALENT.read_text()).get(floor, {})
    survivors = [result for result in results if not result["killed"]]
    unnoticed = [result for result in survivors if not planted(result) & equivalent.keys()]
    for result in unnoticed:
        print(f"\n{result['mutant']}\n{result['diff']}")
    killed, same = len(results) - len(survivors), len(survivors) - len(unnoticed)
    if not killed + len(unnoticed):
        return
    share = binomtest(killed, killed + len(unnoticed))
    low, high = share.proportion_ci(method="wilson")
    print(f"\n{floor}: {killed} of {share.n} mutants die, {share.statistic:.1%} (95 %: {low:.0%} to {high:.0%}).")
    print(f"{same} more cannot be told from the original.")


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("floor", help="a folder of thermo_ideal")
    parser.add_argument("--sample", type=int, default=0, help="how many mutants to try; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds after which a mutant counts as noticed")
    parser.add_argument("--tests", nargs="*", help="files or folders of tests; those of the floor by default")
    options = parser.parse_args()
    os.chdir(ROOT)
    report(options.floor, run(options))


if __name__ == "__main__":
    main()
