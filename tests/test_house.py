"""Packages import only packages below them, and there are no import cycles."""

import ast
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
BACKENDS = BENCH.parent / "backends"
# From the bottom to the top.
LAYERS = (
    {"text", "stats", "mappings", "runtime", "launch", "gdbench"},
    {"records", "plan"},
    {"data", "results"},
    {"analysis", "check"},
    {"measure"},
    {"report"},
    {"learn", "fit"},
    {"cli"},
    {"__main__"},
)
LEVEL = {package: level for level, layer in enumerate(LAYERS) for package in layer}
SOURCES = sorted(path for path in BENCH.rglob("*.py") if path != BENCH / "__init__.py")


def modules_imported_by(path: Path, everywhere: bool) -> set[str]:
    """The bench modules that a file imports. everywhere: also inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    modules = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "bench":
            for alias in node.names:
                submodule = BENCH.parent / Path(*node.module.split("."), alias.name)
                is_module = submodule.with_suffix(".py").exists() or submodule.is_dir()
                modules.add(f"{node.module}.{alias.name}" if is_module else node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name.partition(".")[0] == "bench"}
    return modules


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(BENCH)))
def test_imports_point_down(path):
    """A module imports only from its own package and from packages below it."""
    own = path.relative_to(BENCH).with_suffix("").parts[0]
    for module in modules_imported_by(path, everywhere=True) - {"bench"}:
        package = module.split(".")[1]
        assert package == own or LEVEL[package] < LEVEL[own], f"{own} imports {module}"


def test_there_are_no_import_cycles():
    """The modules have an order in which each imports only earlier ones."""
    name = {path: ".".join(("bench", *path.relative_to(BENCH).with_suffix("").parts)) for path in SOURCES}
    edges = {name[path].removesuffix(".__init__"): modules_imported_by(path, everywhere=True) for path in SOURCES}
    placed: set[str] = {"bench"}
    while ready := {module for module in edges.keys() - placed if edges[module] & edges.keys() <= placed}:
        placed |= ready
    assert edges.keys() <= placed, f"a cycle among {sorted(edges.keys() - placed)}"


@pytest.mark.parametrize("path", sorted(BACKENDS.glob("*.py")), ids=lambda path: path.name)
def test_backends_import_nothing_from_bench(path):
    """Backends work without the benchmark."""
    assert modules_imported_by(path, everywhere=True) == set()
