"""The command finds its own packages, although `bench` and `backends` are general names."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def other(tmp_path):
    """other(name): a folder that holds another package, or a module, of this name."""

    def other(name):
        folder = tmp_path / "other"
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        if name.endswith(".py"):
            (folder / name).write_text("X = 1\n")
        else:
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text("X = 1\n")
        return folder

    return other


def run(*words, path, cwd):
    """Run Python with these folders first on its path. Returns the exit code, output and errors."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["bench", "backends", "bench.py", "backends.py"])
def test_the_command_uses_its_own_packages(tmp_path, site, other, name):
    """A package or module of the same name comes first on the path; list and check work."""
    script, folder = site / "bin" / "gdbench", other(name)
    code, out, err = run(script, "list", path=[folder, site], cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "numpy_vectorized" in out
    if name == "bench":
        code, out, err = run(script, "check", "numpy_vectorized", path=[folder, site], cwd=tmp_path)
        assert (code, err) == (0, ""), out


def test_an_editable_installation_uses_its_own_packages(tmp_path, site, other):
    """The module of the command stands in another folder than the packages."""
    (tmp_path / "scripts").mkdir()
    shutil.copyfile(site / "gdbench.py", tmp_path / "scripts" / "gdbench.py")
    code, out, err = run("-m", "gdbench", "list", path=[other("bench"), tmp_path / "scripts", REPOSITORY], cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "numpy_vectorized" in out


@pytest.mark.parametrize("words", [("-m", "bench"), ("-m", "gdbench"), ("-c", "from bench.cli import main; main()")])
def test_another_backends_in_the_folder_is_not_used(tmp_path, site, other, words):
    """`python -m` puts the current folder first on the path."""
    code, out, err = run(*words, "list", path=[site], cwd=other("backends"))
    assert (code, err) == (0, "")
    assert "numpy_vectorized" in out


@pytest.mark.parametrize("name", ["bench", "backends", "backends.py"])
def test_another_package_that_is_imported_already_is_named(tmp_path, site, other, name):
    """One sentence with both places, and exit code 2."""
    folder, module = other(name), name.removesuffix(".py")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {module}; import gdbench; gdbench.main()"
    code, out, err = run("-c", code, "list", "--json", path=[site], cwd=tmp_path)
    assert code == 2
    assert (
        err
        == f"gdbench: found another package {module} in {folder / name}; allowed: {site / module}, that of gdbench\n"
    )
    assert '"exit_code": 2' in out


def test_files_of_another_distribution_are_named(tmp_path, site):
    """It was installed over gdbench: its bench/__init__.py replaced that of gdbench."""
    both = tmp_path / "both"
    shutil.copytree(site, both)
    (both / "bench" / "__init__.py").write_text("VERSION = 5\n")
    info = both / "some_bench-5.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-bench\nVersion: 5.0\n")
    (info / "top_level.txt").write_text("bench\n")
    for start in ("gdbench", "bench"):
        code, out, err = run("-m", start, "list", path=[both], cwd=tmp_path)
        assert (code, out) == (2, "")
        assert re.fullmatch(rf"gdbench: found files of some-bench among those of gdbench in {both}; allowed: .*\n", err)
    shutil.rmtree(info)
    assert "ImportError" in run("-m", "gdbench", "list", path=[both], cwd=tmp_path)[2]  # a fault of gdbench itself


def test_an_incomplete_installation_is_named(tmp_path, site):
    """The module of the command without the packages."""
    shutil.copyfile(site / "gdbench.py", tmp_path / "gdbench.py")
    code = "import sys; sys.path[:] = [p for p in sys.path if 'python3' in p and 'site' not in p]; sys.path.insert(0, '.'); import gdbench; gdbench.main()"
    code, _, err = run("-c", code, "list", path=[], cwd=tmp_path)
    assert code == 2
    assert "found no bench/launch.py in " in err and err.count("\n") == 1


@pytest.mark.parametrize("module", ["json", "cyclopts", "msgspec"])
def test_an_interrupt_during_the_imports(tmp_path, site, module):
    """One line and exit code 130."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    assert run("-m", "gdbench", "list", path=[tmp_path, site], cwd=tmp_path) == (130, "", "gdbench: interrupted\n")
