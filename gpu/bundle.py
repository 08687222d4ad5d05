"""Downloads the wheels that `gpu/run.sh` installs on a machine without a network: `python gpu/bundle.py`."""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT: Final = Path(__file__).parent.parent
WHEELS: Final = ROOT / "gpu" / "wheels"

# What the machine has to bring: the engines, and what they were built with. Another version of these beside them may
# not load, and the CUDA builds alone are larger than everything else together.
MACHINE_HAS: Final = frozenset({"jax", "jaxlib", "ml-dtypes", "numpy", "scipy", "torch"})
# The site is built and timed where the records are copied to; `gpu/run.sh` leaves it out, too.
STAYS_AT_HOME: Final = ROOT / "bench" / "test_site.py"
# Imported by pytest itself, so that no file of ours names it.
PLUGINS: Final = frozenset({"pytest-xdist"})

# pip matches a platform exactly, so the older ones, which run just as well there, have to be named too.
PLATFORMS: Final = tuple(
    f"manylinux{tag}_x86_64"
    for tag in ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "2014", "2010", "_2_12", "1", "_2_5")
)
PYTHON: Final = "3.12"
# As in `python -m keras_styles.measuring_worker`.
STARTED_BY_NAME: Final = re.compile(r"keras_styles(\.[a-z_]+)+")
# A checkout and its wheels are often sent in one piece; services for that tend to stop at 64 MiB.
MOST_MEBIBYTES: Final = 60


def _imported(path: Path) -> Iterator[str]:
    """Give what a file imports, whole dotted names, and the modules of ours that it names to start them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Constant) and STARTED_BY_NAME.fullmatch(str(node.value)):
            yield str(node.value)


def _files_of(module: str) -> Iterator[Path]:
    """Give the files of a module of ours, with the packages around it; of a package all files, as some go by name."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:length])
        if place.with_suffix(".py").is_file():
            yield place.with_suffix(".py")
        elif length > 1 and place.is_dir():
            yield from place.rglob("*.py")
        elif (place / "__init__.py").is_file():
            yield place / "__init__.py"


@cache
def measuring_files() -> frozenset[Path]:
    """Return the files that `pytest equivalence/` and `pytest bench/` run there, found by following their imports."""
    waiting = [ROOT / "conftest.py", *(ROOT / "equivalence").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    waiting.remove(STAYS_AT_HOME)
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for module in _imported(path) for file in _files_of(module)]
    return frozenset(found)


@cache
def third_party_imports() -> frozenset[str]:
    """Return the packages, neither ours nor Python's, that the measuring files import."""
    names = {module.partition(".")[0] for path in measuring_files() for module in _imported(path)}
    return frozenset(
        name
        for name in names - sys.stdlib_module_names
        if not (ROOT / name).is_dir() and not (ROOT / f"{name}.py").is_file()
    )


def target_environment(python: str) -> dict[str, str]:
    """Return what the markers of requirements ask about the GPU machine."""
    return {
        "extra": "",
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def distributions(python: str = PYTHON) -> set[NormalizedName]:
    """Return the names of the distributions that the GPU machine lacks, with all that they need in turn.

    What needs what is read from the distributions that are installed here. TensorFlow is none of them: the engine is
    another one there.
    """
    providers = metadata.packages_distributions()
    engines = {"tensorflow", "jax", "torch"}
    waiting = {name for package in third_party_imports() - engines for name in providers[package]} | {"keras"} | PLUGINS
    needed: set[NormalizedName] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in needed | MACHINE_HAS:
            needed.add(name)
            requirements = map(Requirement, metadata.requires(name) or [])
            waiting |= {
                requirement.name
                for requirement in requirements
                if requirement.marker is None or requirement.marker.evaluate(target_environment(python))
            }
    return needed


def pinned(names: set[NormalizedName], python: str = PYTHON) -> list[str]:
    """Return the names with the versions that constraints.txt gives them on the GPU machine, in order."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {
        canonicalize_name(pin.name): f"{pin.name}{pin.specifier}"
        for pin in map(Requirement, lines)
        if pin.marker is None or pin.marker.evaluate(target_environment(python))
    }
    if missing := sorted(names - pins.keys()):
        sys.exit(f"constraints.txt pins no version of {', '.join(missing)} for Python {python}; run make lock.")
    return [pins[name] for name in sorted(names)]


def main() -> None:
    """Download the wheels into gpu/wheels/, in place of what lies there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=PYTHON, help="version of Python on the GPU machine, such as %(default)s")
    parser.add_argument("--platform", nargs="+", default=PLATFORMS, help="platforms of wheels that run there")
    arguments = parser.parse_args()

    requirements = pinned(distributions(arguments.python), arguments.python)
    WHEELS.mkdir(exist_ok=True)
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    download = ["-m", "pip", "download", "--quiet", "--only-binary=:all:", "--no-deps", f"--dest={WHEELS}"]
    platforms = [f"--platform={platform}" for platform in arguments.platform]
    version = ["--implementation=cp", f"--python-version={arguments.python}"]
    if subprocess.run([sys.executable, *download, *version, *platforms, *requirements], check=False).returncode:
        sys.exit("pip found no wheel for one of the packages, as it says above; name another --platform or --python.")

    mebibytes = sum(wheel.stat().st_size for wheel in WHEELS.glob("*.whl")) / 2**20
    if mebibytes > MOST_MEBIBYTES:
        sys.exit(
            f"The wheels in {WHEELS} are {mebibytes:.0f} MiB, and at most {MOST_MEBIBYTES} MiB can be sent; see which "
            f"one grew, and import it less or leave it to the GPU machine (MACHINE_HAS)."
        )
    print(f"{len(requirements)} wheels, {mebibytes:.1f} MiB, are in {WHEELS.relative_to(ROOT)}/.")


if __name__ == "__main__":
    main()
