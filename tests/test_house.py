"""The order of the house: who imports whom, what is packaged, what is documented."""

import ast
import configparser
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradcheck
import layers
import losses
import optim
from layers import init
from optim import schedules

ROOT = Path(__file__).parent.parent
CORE = ("layers", "losses", "optim")
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
PACKAGES = SETUP["options"]["packages"].split()


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(path):
    """The top-level names that a file imports from outside its own package, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", CORE)
def test_a_core_package_imports_numpy_and_nothing_of_the_others(package):
    foreign = {name for path in modules(package) for name in imported(path)} - sys.stdlib_module_names
    assert foreign == {"numpy"}


def test_gradcheck_imports_the_contract_alone():
    """The self-test brings what it checks as well, and the plugin for pytest brings pytest."""
    more = {"selftest.py": {"losses"}, "fixture.py": {"pytest"}}
    for path in modules("gradcheck"):
        foreign = set(imported(path)) - sys.stdlib_module_names
        assert foreign <= {"numpy", "layers"} | more.get(path.name, set()), path
        if path.name != "selftest.py":
            lines = re.findall(r"(?:from|import) layers\S*", path.read_text())
            assert set(lines) <= {"from layers.base"}, path


def test_importing_the_core_loads_nothing_but_numpy_and_leaves_np_random_alone():
    code = (
        "import sys, numpy; before = set(sys.modules); import layers, losses, optim; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    new = done.stdout.split()
    assert {name.split(".")[0] for name in new} - sys.stdlib_module_names == set(CORE)
    assert not [name for name in new if name.startswith(("numpy", "layers.drawing"))]


@pytest.mark.parametrize("package", [*CORE, "gradcheck", "training"])
def test_randomness_comes_from_a_generator(package):
    # a user's layer may hold or draw from others, whose states are copied, moved and put back
    known = {"gradcheck": {"BitGenerator", "RandomState", "random"}, "training": {"RandomState"}}
    for path in modules(package):
        used = set(re.findall(r"np\.random\.(\w+)", path.read_text()))
        used -= known.get(package, set())
        assert used <= {"default_rng", "Generator", "SeedSequence", "get_state", "set_state"}, path


def test_every_package_is_listed_and_typed():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for name in {package.split(".")[0] for package in PACKAGES}
        for path in (ROOT / name).rglob("__init__.py")
    }
    assert found == set(PACKAGES)
    assert all((ROOT / name / "py.typed").exists() for name in PACKAGES if "." not in name)


def public():
    for package in (layers, losses, optim, gradcheck):
        yield from ((f"{package.__name__}.{name}", getattr(package, name)) for name in package.__all__)
    for module in (init, schedules):
        for name, value in vars(module).items():
            if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_"):
                yield f"{module.__name__}.{name}", value


@pytest.mark.parametrize(
    ("name", "value"), list(public()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_everything_public_says_what_it_is(name, value):
    if callable(value):
        own = value.__doc__
        assert own
        assert own.strip()
        inherited = [base.__doc__ for base in value.__mro__[1:]] if inspect.isclass(value) else []
        assert own not in inherited


def test_what_is_exported_is_there():
    for package in (layers, losses, optim, gradcheck):
        assert all(hasattr(package, name) for name in package.__all__)
