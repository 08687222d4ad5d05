"""The workflows and the README's recipes for CI: they are valid, ask for little, and every command in them exists."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from keras_styles.cases import read_problem
from keras_styles.cli import app
from keras_styles.measuring_worker import MEASURING
from tests.conftest import ROOT, Run

GITHUB = "vendor.github-workflows"
GITLAB = "vendor.gitlab-ci"

FOLDER = ROOT / ".github" / "workflows"
DASHBOARD, PAGES = FOLDER / "dashboard.yml", FOLDER / "pages.yml"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
# What each recipe of the README begins with, and the schema that it is valid under.
RECIPES = {"# .github/workflows/keras-styles.yml\n": GITHUB, "# .gitlab-ci.yml\n": GITLAB}

SOURCES: list[Path | str] = [*WORKFLOWS, *RECIPES]
WRITES = {
    ("dashboard", "keep"): {"contents"},  # adds records to their branch
    ("dashboard", "pages"): {"id-token", "pages"},  # grants them to the workflow `pages`
    ("pages", "publish"): {"id-token", "pages"},
}

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source).strip("# \n").split("/")[-1])
each_github = pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if RECIPES.get(str(source), GITHUB) == GITHUB],
    ids=lambda source: str(source).strip("# \n").split("/")[-1],
)


def text_of(source: Path | str) -> str:
    """Return a workflow, or the recipe of the README that begins with a comment."""
    if isinstance(source, Path):
        return source.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    (recipe,) = [block for block in blocks if block.startswith(source)]
    return str(recipe)


def content_of(source: Path | str) -> dict[str, Any]:
    """Return a workflow or recipe as it is read; its texts are text, also `on`."""
    content: dict[str, Any] = yaml.load(text_of(source), Loader=yaml.BaseLoader)
    return content


def jobs_of(source: Path | str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = content_of(source)["jobs"]
    return jobs


def steps_of(source: Path | str) -> list[dict[str, Any]]:
    """Return the steps of all jobs; one that calls another workflow has none."""
    return [step for job in jobs_of(source).values() for step in job.get("steps", [])]


def scripts_of(source: Path | str) -> list[str]:
    """Return what each step runs."""
    if RECIPES.get(str(source)) == GITLAB:
        job = content_of(source)["keras-styles"]
        return ["\n".join(job["script"]), "\n".join(job["after_script"])]
    return [step["run"] for step in steps_of(source) if "run" in step]


def commands_of(source: Path | str, name: str) -> Iterator[list[str]]:
    """Return the words that follow each call of a command, up to a redirection."""
    for script in scripts_of(source):
        for line in script.splitlines():
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == name:
                yield words[1 : words.index(">>") if ">>" in words else None]


def test_each_workflow_that_was_asked_for_is_there() -> None:
    assert {path.stem for path in WORKFLOWS} == {"dashboard", "equivalence", "gate", "nightly", "pages", "tests"}


@each_source
def test_the_schema_holds(source: Path | str, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(text_of(source), encoding="utf-8")
    schema = RECIPES.get(str(source), GITHUB)
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@each_github
def test_a_workflow_asks_for_little_and_ends(source: Path | str) -> None:
    workflow = content_of(source)
    assert workflow["permissions"] in ({"contents": "read"}, "", {})
    for name, job in jobs_of(source).items():
        granted = {scope for scope, access in job.get("permissions", {}).items() if access == "write"}
        assert granted == WRITES.get((workflow["name"], name), set())
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file(), "its own jobs end"
        else:
            assert 0 < int(job["timeout-minutes"]) <= 300
    for step in steps_of(source):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@v\d+", step["uses"])
    grouped = [scope for scope in (workflow, *jobs_of(source).values()) if "concurrency" in scope]
    assert grouped or workflow["on"] == "workflow_call"


@each_github
def test_nothing_that_others_wrote_gets_into_a_script(source: Path | str) -> None:
    """Expressions are pasted before a shell reads them, so values go through the environment."""
    for script in scripts_of(source):
        assert "${{" not in script


@each_source
def test_what_is_kept_and_shown_is_so_after_a_failure_too(source: Path | str) -> None:
    if RECIPES.get(str(source)) == GITLAB:
        assert content_of(source)["keras-styles"]["artifacts"]["when"] == "always"
        return
    kept = [
        step
        for step in steps_of(source)
        if "upload-artifact@" in step.get("uses", "") or "summary" in step.get("run", "")
    ]
    assert all("!cancelled()" in step["if"] for step in kept)
    assert bool(kept) == (content_of(source)["name"] not in ("dashboard", "pages"))


def test_the_pictures_of_the_site_are_kept_from_where_its_tests_put_them() -> None:
    steps = steps_of(FOLDER / "tests.yml")
    (taken,) = [step["env"]["KERAS_STYLES_SCREENSHOTS"] for step in steps if step.get("run") == "make test"]
    (kept,) = [step["with"]["path"] for step in steps if "upload-artifact@" in step.get("uses", "")]
    assert taken == kept


@each_source
def test_each_command_of_keras_styles_exists_with_its_options(source: Path | str) -> None:
    group = typer.main.get_command(app)
    for name, *rest in commands_of(source, "keras-styles"):
        command = group.commands[name]  # type: ignore[attr-defined]  # it is a group
        command.make_context(name, list(rest))
        if name == "check":
            assert read_problem(rest[0])


# Most are typed in several places.
@pytest.mark.parametrize(
    "words", sorted({tuple(words) for source in SOURCES for words in commands_of(source, "pytest")}), ids=" ".join
)
def test_each_call_of_pytest_finds_tests(words: tuple[str, ...], run: Run) -> None:
    done = run("pytest", *words, "--collect-only", "-qq", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stdout + done.stderr


@each_source
def test_each_target_of_make_exists(source: Path | str) -> None:
    for words in commands_of(source, "make"):
        targets = words[2:] if words[0] == "-C" else words
        done = subprocess.run(
            ["make", "--dry-run", *targets], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_commands_are_found_in_the_workflows() -> None:
    """Lest the tests above look at nothing."""
    assert found_in(*WORKFLOWS) == {
        "keras-styles": {"calibrate", "dashboard", "differences", "gate", "summary"},
        "pytest": {"bench/", "equivalence/"},
        "make": {"-C", ".venv/ready", "test"},
    }


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe).strip("# \n").split("/")[-1])
def test_commands_are_found_in_each_recipe(recipe: str) -> None:
    commands = {"check", "calibrate", "gate", "summary"}
    assert found_in(recipe) == {"keras-styles": commands, "pytest": set(), "make": set()}


def found_in(*sources: Path | str) -> dict[str, set[str]]:
    """Return the first word after each command that is looked for."""
    return {
        name: {words[0] for source in sources for words in commands_of(source, name)}
        for name in ("keras-styles", "pytest", "make")
    }


@pytest.mark.parametrize("name", ["equivalence", "gate", "tests"])
def test_no_push_is_left_out(name: str) -> None:
    """GitHub cancels a run that waits as soon as another one of its group does."""
    workflow = content_of(FOLDER / f"{name}.yml")
    group, cancels = workflow["concurrency"]["group"], workflow["concurrency"]["cancel-in-progress"]
    assert group.endswith("-${{ github.event_name == 'push' && github.sha || github.ref }}")
    assert cancels == "${{ github.event_name == 'pull_request' }}"


def test_the_styles_are_compared_on_every_push_to_any_branch() -> None:
    assert content_of(FOLDER / "equivalence.yml")["on"]["push"] == {"branches": ["**"]}


def test_a_calibration_is_measured_anew_when_what_measures_changes() -> None:
    (key,) = [step["with"]["key"] for step in steps_of(FOLDER / "gate.yml") if "/restore@" in step.get("uses", "")]
    files = [ROOT / name for name in re.findall(r"'head/([^']*)'", key)]
    assert all(file.is_file() for file in files)
    assert {file.stem for file in files} == {"constraints", *MEASURING}


def test_sites_are_built_and_published_one_at_a_time() -> None:
    """Lest one that was built first be published last."""
    jobs = jobs_of(DASHBOARD)
    assert jobs["pages"]["uses"] == f"./{PAGES.relative_to(ROOT)}"
    assert jobs["pages"]["concurrency"] == {"group": "pages"}, "of a group that is not cancelled once it runs"
    assert jobs_of(PAGES).keys() == {"build", "publish"}
    assert "concurrency" not in jobs["keep"], "of several that wait all but the last would lose their records"


def test_the_dashboard_takes_up_what_others_leave_for_it() -> None:
    leaving = set()
    for path in WORKFLOWS:
        named = [step["with"]["name"] for step in steps_of(path) if "/upload-artifact@" in step.get("uses", "")]
        if any(name.startswith("records-") for name in named):
            leaving.add(content_of(path)["name"])
    dashboard = content_of(DASHBOARD)
    assert leaving == set(dashboard["on"]["workflow_run"]["workflows"]) == {"equivalence", "gate", "nightly"}
    (download,) = [step for step in steps_of(DASHBOARD) if "/download-artifact@" in step.get("uses", "")]
    assert download["with"]["pattern"] == "records-*"


def test_only_what_main_has_shown_is_kept() -> None:
    """Anybody can open a pull request, and call a branch of theirs main."""
    dashboard = content_of(DASHBOARD)
    assert dashboard["on"]["workflow_run"]["branches"] == ["main"]
    assert "github.event.workflow_run.event != 'pull_request'" in dashboard["jobs"]["keep"]["if"]


def test_only_what_main_has_measured_is_left_for_the_dashboard() -> None:
    named = {
        step["with"]["name"]: step["if"] for step in steps_of(FOLDER / "gate.yml") if "name" in step.get("with", {})
    }
    assert named == {
        "gate": "${{ !cancelled() && github.event_name == 'pull_request' }}",
        "records-calibration": "${{ !cancelled() && github.event_name == 'push' }}",
    }


def of_nobody() -> dict[str, str]:
    """Return the environment without what git was told by whoever runs the tests, about hooks or signatures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it says."""
    identity = ["-c", "user.name=runner", "-c", "user.email=runner@example.test"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, env=of_nobody(), capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with a commit on main, and no branch for records yet."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    seed = checkout(tmp_path / "origin", "seed")
    (seed / "code.py").write_text("pass", encoding="utf-8")
    git(seed, "add", "code.py")
    git(seed, "commit", "--quiet", "--message=code")
    git(seed, "push", "--quiet", "origin", "HEAD:main")
    return tmp_path / "origin"


def checkout(origin: Path, name: str) -> Path:
    """Return a checkout as actions/checkout makes it, one commit deep."""
    git(origin.parent, "clone", "--quiet", "--depth=1", origin.as_uri(), name)
    return origin.parent / name


def keep(folder: Path, records: dict[str, str]) -> None:
    """Run the script that keeps records as it stands, in a checkout, after these were downloaded."""
    for name, content in records.items():
        path = folder / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (script,) = [step["run"] for step in jobs_of(DASHBOARD)["keep"]["steps"] if "run" in step]
    bash(folder, script)


def bash(folder: Path, script: str) -> None:
    """Run a script as GitHub does, which has to succeed."""
    words = ["bash", "-e", "-c", script]
    variables = of_nobody() | {"RUN_ID": "17"}
    done = subprocess.run(words, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def kept_records(origin: Path) -> dict[str, str]:
    names = git(origin, "ls-tree", "-r", "--name-only", "results").split()
    return {name: git(origin, "show", f"results:{name}") for name in names}


def test_records_are_added_to_their_branch_and_never_replaced(origin: Path) -> None:
    keep(checkout(origin, "first"), {"m/1.json": "1", "m/unfinished/x": "", "failures/y/case.json": ""})
    assert kept_records(origin) == {"m/1.json": "1"}
    keep(checkout(origin, "second"), {"m/1.json": "another", "m/2.json": "2"})
    assert kept_records(origin) == {"m/1.json": "1", "m/2.json": "2"}
    keep(checkout(origin, "nothing new"), {"m/2.json": "2"})
    keep(checkout(origin, "nothing"), {})
    assert git(origin, "rev-list", "--count", "results").strip() == "2"


def test_records_of_a_run_that_is_overtaken_are_kept_too(origin: Path) -> None:
    keep(checkout(origin, "first"), {"m/1.json": "1"})
    slow, fast = checkout(origin, "slow"), checkout(origin, "fast")
    git(fast, "fetch", "--quiet", "origin", "results")
    git(fast, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    (fast / "m" / "2.json").write_text("2", encoding="utf-8")
    git(fast, "add", "--all")
    git(fast, "commit", "--quiet", "--message=faster")
    hook = slow / ".git" / "hooks" / "pre-push"  # git runs it after the slow one has looked at what is there
    hook.write_text(
        f"#!/bin/sh\nrm {shlex.quote(str(hook))}\nunset GIT_DIR GIT_WORK_TREE\n"
        f"git -C {shlex.quote(str(fast))} push --quiet origin HEAD:results\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    keep(slow, {"m/3.json": "3"})
    assert not hook.exists()
    assert kept_records(origin) == {f"m/{number}.json": str(number) for number in (1, 2, 3)}


def test_kept_records_are_put_beside_those_that_came_with_the_code(origin: Path) -> None:
    (script,) = [run for run in scripts_of(PAGES) if "kept" in run]

    def shown(name: str) -> dict[str, str]:
        folder = checkout(origin, name)
        (folder / "results" / "m").mkdir(parents=True)
        (folder / "results" / "m" / "1.json").write_text("came with the code", encoding="utf-8")
        bash(folder, script)
        found = (path for path in (folder / "results").rglob("*") if path.is_file())
        return {str(path.relative_to(folder / "results")): path.read_text(encoding="utf-8") for path in found}

    assert shown("before there is a branch") == {"m/1.json": "came with the code"}
    keep(checkout(origin, "first"), {"m/1.json": "kept", "m/2.json": "2", "n/3.json": "3", "calibration/c.json": "c"})
    kept = {"m/2.json": "2", "n/3.json": "3", "calibration/c.json": "c"}
    assert shown("after") == {"m/1.json": "came with the code"} | kept
