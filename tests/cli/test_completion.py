"""Completion for shells, and what the command line loads."""

import re
import shlex
import subprocess
import sys

import pytest

from thermo_ideal.cli import main


def status(line):
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line))
    return stop.value.code


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".local/share/bash-completion/completions/thermo-ideal"),
        ("fish", ".config/fish/completions/thermo-ideal.fish"),
    ],
)
def test_completion_is_installed_by_one_command(shell, file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert status(f"install-completion --shell {shell} --no-startup") == 0
    text = (tmp_path / file).read_text()
    assert {"state", "sweep", "derive", "simulate", "plan"} <= set(re.findall(r"\w+", text))
    assert "concentration" in text
    assert file in capsys.readouterr().out.replace("\n", "")
    assert [path.name for path in tmp_path.iterdir()] == [file.split("/")[0]]
    if shell == "bash":
        subprocess.run(["bash", "-n", str(tmp_path / file)], check=True)


def test_a_shell_that_cannot_be_told(monkeypatch, capsys):
    from cyclopts.completion import detect

    def fail():
        raise detect.ShellDetectionError

    monkeypatch.setattr(detect, "detect_shell", fail)
    assert status("install-completion") == 2
    assert "install-completion --shell bash" in " ".join(capsys.readouterr().err.split())


def test_the_state_needs_no_plots_and_no_stores():
    code = (
        "import sys, thermo_ideal.reports\n"
        "print(*{'matplotlib', 'xarray', 'zarr', 'pandas', 'scipy.stats', 'scipy.signal'} & set(sys.modules))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (made.stdout.strip(), made.stderr) == ("", "")
