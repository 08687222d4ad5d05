"""What is sent to a GPU machine without a network, and what is run there, as far as that shows without either."""

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from gpu import bundle
from tests.conftest import ROOT


def test_the_bundle_covers_every_import_of_what_measures() -> None:
    providers = metadata.packages_distributions()
    covered = bundle.distributions() | bundle.MACHINE_HAS
    uncovered = {
        package
        for package in bundle.third_party_imports() - {"tensorflow"}
        if not {canonicalize_name(name) for name in providers[package]} & covered
    }
    assert not uncovered


def test_imports_are_followed_to_where_no_import_statement_leads() -> None:
    """An architecture is imported by its name, and the worker of the probes is started as a module."""
    files = {str(path.relative_to(ROOT)) for path in bundle.measuring_files()}
    architectures = (ROOT / "keras_styles" / "architectures").glob("*.py")
    assert {f"keras_styles/architectures/{path.name}" for path in architectures} <= files
    assert "keras_styles/probe_worker.py" in files
    assert "equivalence/test_claims.py" in files


def test_what_is_only_for_conclusions_stays_at_home() -> None:
    files = {str(path.relative_to(ROOT)) for path in bundle.measuring_files()}
    assert not {"keras_styles/cli.py", "keras_styles/dashboard/site.py", "bench/test_site.py"} & files
    assert all((ROOT / path).is_file() for path in ("keras_styles/cli.py", "keras_styles/dashboard/site.py"))
    kept = bundle.STAYS_AT_HOME.relative_to(ROOT)
    assert f" --ignore={kept} " in (ROOT / "gpu" / "run.sh").read_text(encoding="utf-8")
    assert not {"tensorflow", "statsmodels", "scipy", "altair", "vl-convert-python", "typer"} & bundle.distributions()


def test_what_keras_and_the_plugins_need_comes_along_without_what_the_machine_has() -> None:
    names = bundle.distributions()
    assert {"keras", "namex", "optree", "pydantic-core", "pytest-xdist", "execnet", "python-dateutil"} <= names
    assert not names & bundle.MACHINE_HAS
    assert "colorama" not in names  # only on Windows


def test_every_wheel_has_the_one_version_of_the_constraints() -> None:
    names = bundle.distributions()
    pins = [Requirement(pin) for pin in bundle.pinned(names)]
    assert [pin.name for pin in pins] == sorted(names)
    assert all([each.operator for each in pin.specifier] == ["=="] for pin in pins)


def test_the_constraint_of_the_machine_counts_and_not_that_of_this_python() -> None:
    assert bundle.pinned({canonicalize_name("jax")}, "3.11") != bundle.pinned({canonicalize_name("jax")}, "3.12")


def test_what_is_not_pinned_is_refused() -> None:
    with pytest.raises(
        SystemExit, match=r"^constraints.txt pins no version of nowhere for Python 3.12; run make lock\.$"
    ):
        bundle.pinned({canonicalize_name("nowhere")})


# What gpu/run.sh asks: there may be no such file, as on Windows' Linux, and the command may be there without a GPU.
HAS_GPU = Path("/dev/nvidia0").exists() or (
    shutil.which("nvidia-smi") is not None
    and subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0
)


def run_script(out: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    return subprocess.run(
        ["bash", ROOT / "gpu" / "run.sh", out], env=kept | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(HAS_GPU, reason="with a GPU the script would measure for minutes")
@pytest.mark.parametrize("variables", [{}, {"KERAS_STYLES_DEVICE": "gpu"}])
def test_without_a_gpu_the_script_says_one_sentence(tmp_path: Path, variables: dict[str, str]) -> None:
    done = run_script(tmp_path / "out", **variables)
    assert done.returncode == 2
    assert done.stderr == (
        "No GPU is visible on this machine; check its driver, or set KERAS_STYLES_DEVICE=cpu to try this without one.\n"
    )
    assert not done.stdout
    assert not (tmp_path / "out").exists()
