"""What a child process imports, and that it finds no compiled code.

gdbench is a checkout, an editable installation, or installed from a wheel.
"""

import json
import os
import pathlib
import shutil
import subprocess
import venv
from pathlib import Path

import msgspec
import pytest
from helpers.command import gdbench

import bench
from bench.runtime import process

# It sets the environment of the child after its own imports.
DRIVER = """
import json, os, sys
from pathlib import Path
from bench.runtime import process
code, scratch, environment = sys.argv[1:]
os.environ |= json.loads(environment)
messages = []
code += "; import sys; from bench.runtime.process import Channel; Channel().send(path=sys.path, value=value)"
outcome = process.run(["-c", code], threads=1, deadline_s=60, folder=Path(scratch), on_message=messages.append)
print(json.dumps(messages[0] if messages else {"value": outcome.describe()}))
"""


class Installation:
    """An installation of gdbench. root: the folder of its packages; site: the site-packages of its interpreter."""

    def __init__(self, folder, kind):
        venv.create(folder / "env", symlinks=True)
        self.python = folder / "env" / "bin" / "python"
        self.site = next((folder / "env").glob("lib/python3*/site-packages"))
        self.root = self.site if kind == "wheel" else folder / "source"
        for package in "bench/runtime", "backends":
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(process.ROOT / package, self.root / package, ignore=ignored)
        shutil.copy(bench.__file__, self.root / "bench")
        folders = [Path(msgspec.__file__).parents[1], *([self.root] if kind == "editable" else [])]
        (self.site / "folders.pth").write_text("\n".join(map(str, folders)))
        self.folder = self.root if kind == "checkout" else folder  # python -m bench starts in the checkout
        self.scratch = folder / "scratch"
        self.scratch.mkdir()

    def child(self, code, *flags, **environment):
        """The path and the `value` of a child process that runs the code. flags: of the driver's interpreter."""
        command = [str(self.python), *flags, "-c", DRIVER, code, str(self.scratch), json.dumps(environment)]
        own = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(command, cwd=self.folder, env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def path(self):
        """The import path of the interpreter, without a working folder."""
        command = [str(self.python), "-P", "-c", "import json, sys; print(json.dumps(sys.path))"]
        return json.loads(subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(params=["checkout", "editable", "wheel"])
def installation(request, tmp_path):
    return Installation(tmp_path, request.param)


def write_module(folder, name, value):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(f"VALUE = {value!r}")
    return str(folder)


def test_an_obsolete_backport_beside_the_packages_is_not_imported(installation):
    """The interpreter does not import it either: the standard library comes first."""
    (installation.site / "pathlib.py").write_text("from collections import Sequence")
    assert installation.child("import pathlib; value = pathlib.__file__")["value"] == pathlib.__file__


def test_the_path_of_the_user_comes_before_installed_packages(installation, tmp_path):
    """A relative folder of PYTHONPATH is one of the user's working folder."""
    write_module(installation.site, "library", "installed")
    path = os.path.relpath(write_module(tmp_path / "mine", "library", "mine"), installation.folder)
    assert installation.child("from library import VALUE as value", PYTHONPATH=path)["value"] == "mine"
    assert installation.child("from library import VALUE as value")["value"] == "installed"


def test_the_standard_library_comes_before_the_path_of_the_user(installation, tmp_path):
    path = write_module(tmp_path / "mine", "pathlib", "mine")
    assert installation.child("import pathlib; value = pathlib.__file__", PYTHONPATH=path)["value"] == pathlib.__file__


def test_no_other_folder_replaces_the_packages(installation, tmp_path):
    for name in "bench", "backends":
        write_module(tmp_path / "mine" / name, "__init__", "mine")
        write_module(installation.scratch / name, "__init__", "working folder")
    code = "import backends, bench; value = [backends.__file__, bench.__file__]"
    expected = [str(installation.root / name / "__init__.py") for name in ("backends", "bench")]
    assert installation.child(code, PYTHONPATH=str(tmp_path / "mine"))["value"] == expected


def test_the_path_of_a_child_is_that_of_the_interpreter(installation):
    """It holds no folder of the packages and no working folder, which an empty entry of PYTHONPATH would name."""
    assert set(installation.child("value = None", PYTHONPATH=os.pathsep)["path"]) == set(installation.path)
    installed = [folder for folder in installation.path if not Path(folder).is_relative_to(Path(os.__file__).parent)]
    path = installation.child("value = None")["path"]
    assert [folder for folder in path if folder in installed] == installed


def test_a_child_ignores_what_its_driver_ignores(installation, tmp_path):
    """-s leaves out the user's site-packages, -E leaves out PYTHONPATH."""
    path = write_module(tmp_path / "mine", "library", "mine")
    code = "import importlib.util, site; value = [bool(importlib.util.find_spec('library')), site.ENABLE_USER_SITE]"
    assert installation.child(code, "-s", PYTHONPATH=path)["value"] == [True, False]
    assert installation.child(code, "-E", PYTHONPATH=path)["value"][0] is False


def test_a_process_that_multiprocessing_spawns_has_the_same_packages(installation):
    code = "import multiprocessing; pool = multiprocessing.get_context('spawn').Pool(1);"
    code += "value = pool.apply(eval, ['__import__(\"bench\").__file__'])"
    assert installation.child(code)["value"] == str(installation.root / "bench" / "__init__.py")


def test_numba_does_not_load_what_another_child_has_compiled(tmp_path):
    """Without a cache folder of each child, Numba keeps compiled code beside the user's file."""
    (tmp_path / "cached.py").write_text("from numba import njit\n@njit(cache=True)\ndef f(x):\n    return x + 1\n")
    code = f"""if 1:
        import sys
        from bench.runtime.process import Channel
        sys.path.append({str(tmp_path)!r})
        from cached import f
        f(1)
        Channel().send(hits=sum(f.stats.cache_hits.values()), misses=sum(f.stats.cache_misses.values()))
    """
    messages = []
    for _ in range(2):
        process.run(["-c", code], threads=1, deadline_s=120, folder=tmp_path, on_message=messages.append)
    assert messages == [{"hits": 0, "misses": 1}] * 2


def test_the_driver_imports_nothing_from_its_working_folder(tmp_path):
    """`python -m bench` starts in a folder of the user, or in a checkout, where it finds its packages."""
    for name in "numpy", "statistics", "backends":
        write_module(tmp_path / "mine", name, "mine")
    for folder, path in ((tmp_path / "mine", str(process.ROOT)), (process.ROOT, "")):
        code, out, err = gdbench("list", "--json", cwd=folder, PYTHONPATH=path)
        assert code == 0, err
        assert "numpy_vectorized" in out
