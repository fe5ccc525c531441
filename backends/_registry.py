"""The registry of the backends: find them, describe them without an import, and load them.

Listing imports nothing, because a library may be missing, slow to import or broken. A broken file does not affect the
other backends.
"""

import ast
import contextlib
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from backends._errors import describe_error

ENTRY_POINTS = "gdbench.backends"
CORE = ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit")  # in reading order; the other names follow
FUNCTIONS = ("prepare", "fit", "to_numpy")
DTYPES = ("float64", "float32")
# The names of packages that differ from their import names.
INSTALL_AS = {"sklearn": "scikit-learn", "array_api_compat": "array-api-compat", "cv2": "opencv-python"}

_loaded_files: dict[tuple[Path, int, int], ModuleType] = {}


class BackendError(Exception):
    """A backend cannot be used: its file is broken or lacks a function of the contract."""


class BackendUnavailable(BackendError):
    """The library of a backend is not installed. The message says what to install."""


@dataclass(frozen=True)
class Description:
    """The description of a backend from its source.

    requires: import names of its libraries, without NumPy and the standard library. version: of these libraries, None
    if one is missing. missing: why it cannot be used and what to install, None if it can be used.
    """

    name: str
    summary: str
    requires: tuple[str, ...]
    version: str | None
    missing: str | None
    path: Path | None
    algorithm: str | None
    dtypes: tuple[str, ...]


def names() -> list[str]:
    """The names of all backends: the files of this package, then the entry points of installed packages."""
    stems = {path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    packaged = [name for name in CORE if name in stems] + sorted(stems.difference(CORE))
    return packaged + sorted(set(_entry_points()) - stems)


def load(name_or_path: str | Path) -> ModuleType:
    """Load a backend by its name, or by the path of its file.

    Raises ValueError if there is no such backend, BackendUnavailable if its library is not installed, and BackendError
    if its file is broken.
    """
    name, source = _find(name_or_path)
    file = _file(name, source)
    if isinstance(source, Path):
        module = _guarded(name, file, lambda: _load_file(source))
    elif source is not None:
        module = _guarded(name, file, source.load)
    else:
        module = _guarded(name, file, lambda: importlib.import_module(f"backends.{name}"))
    lacking = [function for function in FUNCTIONS if not callable(getattr(module, function, None))]
    if lacking:
        raise BackendError(
            f"backend {name}: it defines no function {', '.join(lacking)}; a backend defines {', '.join(FUNCTIONS)}"
        )
    dtypes = getattr(module, "DTYPES", DTYPES)
    if not _are_dtypes(dtypes):
        raise BackendError(f"backend {name}: DTYPES is {dtypes!r:.100}; allowed: a tuple of {' and '.join(DTYPES)}")
    algorithm = getattr(module, "ALGORITHM", None)
    if algorithm is not None and not (isinstance(algorithm, str) and algorithm.strip()):
        raise BackendError(f"backend {name}: ALGORITHM is {algorithm!r:.100}; allowed: the name of the algorithm")
    return module


def describe(name_or_path: str | Path) -> Description:
    """Describe a backend from its source, without an import. Raises ValueError if there is no such backend."""
    name, source = _find(name_or_path)
    path = _file(name, source)
    try:
        tree = ast.parse(path.read_bytes()) if path else ast.Module([], [])
    except (SyntaxError, ValueError, OSError):  # `load` reports a broken file
        tree = ast.Module([], [])
    requires = _libraries(tree.body)
    absent = [library for library in requires if not _is_installed(library)]
    constants = _constants(tree)
    algorithm = constants.get("ALGORITHM")
    dtypes = constants.get("DTYPES")
    return Description(
        name=name,
        summary=(ast.get_docstring(tree) or "").split("\n")[0],
        requires=requires,
        version=None if absent else ", ".join(map(_version, requires)) or None,
        missing=_install(absent) if absent else None,
        path=path,
        algorithm=algorithm if isinstance(algorithm, str) else None,
        dtypes=tuple(dtypes) if _are_dtypes(dtypes) else DTYPES,  # `load` reports others
    )


def library_versions(path: Path) -> dict[str, str | None]:
    """The versions of the libraries that a file imports, also inside functions; None where there is no package.

    Without NumPy and the standard library. Empty for a file that cannot be parsed or read.
    """
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError, OSError):
        return {}
    return {library: _package_version(library) for library in _libraries(nodes) if _is_installed(library)}


def _find(name_or_path: str | Path) -> tuple[str, Path | importlib.metadata.EntryPoint | None]:
    """The name of a backend, and its file or entry point; None for a file of this package.

    Raises ValueError if there is no such backend. The name has no path, because messages with it get into run.json.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or name.endswith(".py") or "/" in name or "\\" in name:
        path = Path(os.path.expanduser(name))
        if path.suffix != ".py" or not path.is_file():
            raise _no_backend(f"no Python file {name!r}")
        return path.stem, path.resolve()
    if name not in names():
        close = difflib.get_close_matches(name.lower(), names(), 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise _no_backend(f"{name!r}{hint}")
    return name, _entry_points().get(name)


def _are_dtypes(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, tuple | list) and bool(value) and all(dtype in DTYPES for dtype in value)


def _file(name: str, source: Path | importlib.metadata.EntryPoint | None) -> Path | None:
    """The file of a backend, from what `_find` returns. None if a module has none or its parent package is broken."""
    if source is None:
        return Path(__file__).parent / f"{name}.py"
    if isinstance(source, Path):
        return source
    try:
        spec = importlib.util.find_spec(source.module)
    except KeyboardInterrupt:
        raise
    except BaseException:  # `load` reports it
        spec = None
    return Path(spec.origin) if spec and spec.origin else None


def _no_backend(what: str) -> ValueError:
    return ValueError(f"backend: found {what}; allowed: the path of a .py file, or one of {', '.join(names())}")


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    offered = {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    here = Path(__file__).parent
    # A package must not replace a backend of this package.
    return {name: point for name, point in offered.items() if not (here / f"{name}.py").exists()}


def _load_file(path: Path) -> ModuleType:
    status = path.stat()
    key = (path, status.st_mtime_ns, status.st_size)  # an edited file is loaded again
    if key not in _loaded_files:
        # A private name, so that a file named numpy.py or bench.py shadows no other module.
        private = f"_gdbench_file_{hashlib.sha256(str(key).encode()).hexdigest()[:12]}_{path.stem}"
        spec = importlib.util.spec_from_file_location(private, path)
        assert spec is not None and spec.loader is not None  # true for every .py file
        module = importlib.util.module_from_spec(spec)
        sys.modules[private] = module  # needed by dataclasses and pickle
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[private]
            raise
        _loaded_files[key] = module
    return _loaded_files[key]


def _guarded(name: str, file: Path | None, import_it: Callable[[], ModuleType]) -> ModuleType:
    """Import a backend. file: its source.

    Raises BackendUnavailable for a missing library and BackendError for other errors.
    """
    try:
        return import_it()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a file may raise SystemExit, which must not end this process
        cause: BaseException | None = error
        seen: set[int] = set()
        while cause is not None and id(cause) not in seen:  # an error can be its own cause
            seen.add(id(cause))
            top = (getattr(cause, "name", None) or "").partition(".")[0]
            if isinstance(cause, ModuleNotFoundError) and top and not _is_installed(top):
                raise BackendUnavailable(f"backend {name}: {_install([top])}") from error
            cause = cause.__cause__ or cause.__context__
        raise BackendError(f"backend {name}: {describe_error(error, file, ' at import')}") from error


def _install(libraries: list[str]) -> str:
    packages = " ".join(INSTALL_AS.get(library, library) for library in libraries)
    return f"{', '.join(libraries)} is not installed; try: pip install {packages}"


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):
        return False


def _libraries(nodes: Iterable[ast.AST]) -> tuple[str, ...]:
    """The packages that these statements import, in order."""
    imported: dict[str, None] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            imported.update(dict.fromkeys(alias.name.partition(".")[0] for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported[node.module.partition(".")[0]] = None
    return tuple(name for name in imported if name != "numpy" and name not in sys.stdlib_module_names)


def _constants(tree: ast.Module) -> dict[str, object]:
    constants: dict[str, object] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and node.value is not None:
            try:
                constants[target.id] = ast.literal_eval(node.value)
            except ValueError:
                constants[target.id] = "(computed)"  # the value is known only after an import
    return constants


def _version(library: str) -> str:
    return " ".join(filter(None, [library, _package_version(library)]))


def _package_version(library: str) -> str | None:
    """The version of the package with this import name, or None."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(INSTALL_AS.get(library, library))
    # It reads the files of all packages, which takes a while.
    for package in importlib.metadata.packages_distributions().get(library, ()):
        return importlib.metadata.version(package)
    return None
