"""The ledger: what it may hold, how a probe is judged, that a lost one stops no other, and the texts made of it."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_styles import differences, ledger_text, runtime
from keras_styles.architectures import NAMES, load
from keras_styles.differences import Difference, LedgerError, Outcome, find, ledger, read_ledger, style_of
from keras_styles.effort import effort
from keras_styles.probing import probe_engines, prober
from keras_styles.records import newest_differences
from keras_styles.styles import STYLES
from tests.conftest import ROOT, Run, process_environment

ENTRY = """\
- id: T-99
  title: A test
  category: training flag
  severity: low
  expected: "yes"
  seen:
    - styles:
        functional: "yes"
        subclassing: "no"
  confounders: none
  instead: nothing
"""


def read_text(text: str, folder: Path) -> tuple[Difference, ...]:
    path = folder / "ledger.yaml"
    path.write_text(text, encoding="utf-8")
    return read_ledger(path)


def entry(folder: Path, *changes: tuple[str, str]) -> Difference:
    text = ENTRY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (difference,) = read_text(text, folder)
    return difference


def test_every_entry_has_a_probe_and_every_probe_an_entry() -> None:
    probes = {path.name for path in differences.PROBES.glob("*.py")}
    assert probes == {difference.probe.name for difference in ledger()}
    assert len(ledger()) >= 60


def test_the_differences_that_hurt_most_are_there() -> None:
    known = {difference.id for difference in ledger()}
    assert {"T-01", "T-02", "T-03", "S-01", "I-01", "I-03", "I-09", "I-10", "B-01", "B-02", "W-01", "W-02"} <= known


@pytest.mark.parametrize("difference", ledger(), ids=lambda difference: difference.id)
def test_a_probe_can_be_read_and_run_alone(difference: Difference) -> None:
    """It imports nothing of this project, says in a sentence what is tried, and is about what its entry is about."""
    tree = ast.parse(difference.probe.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {"keras", "numpy", *sys.stdlib_module_names}
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and style_of(node.name)}
    for observation in difference.seen:
        assert set(observation.styles) == functions


@pytest.mark.parametrize("difference", ledger(), ids=lambda difference: difference.id)
def test_an_entry_shows_a_difference_from_what_one_would_expect(difference: Difference) -> None:
    kinds = {difference.kind(outcome) for seen in difference.seen for outcome in seen.styles.values()}
    assert kinds != {"equal"}
    for number, seen in enumerate(difference.seen):
        for other in difference.seen[number + 1 :]:
            assert seen.keras != other.keras or not set(seen.engines) & set(other.engines)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("yes", "equal"),
        ("no", "silent difference"),
        ({"value": "yes", "warning": "look"}, "warning"),
        ({"value": "no", "warning": "look"}, "warning"),
        ({"error": "ValueError"}, "error"),
    ],
)
def test_what_a_style_does_is_measured_by_what_one_would_expect(outcome: object, kind: str, tmp_path: Path) -> None:
    assert entry(tmp_path).kind(Outcome.model_validate(outcome)) == kind


def test_a_refusal_that_is_expected_is_no_difference(tmp_path: Path) -> None:
    difference = entry(tmp_path, ('expected: "yes"', "expected: {error: ValueError}"))
    assert difference.kind(Outcome(error="ValueError", says="in any words")) == "equal"
    assert difference.kind(Outcome(value="yes")) == "silent difference"
    assert difference.kind(Outcome(error="TypeError")) == "error"


def test_a_probe_that_sees_what_the_entry_says_holds(tmp_path: Path) -> None:
    seen = {"functional": Outcome(value="yes"), "subclassing": Outcome(value="no")}
    assert entry(tmp_path).judge(seen, "jax", "3.15.1") == ("holds", "")


def test_a_probe_that_sees_something_else_shows_both(tmp_path: Path) -> None:
    seen = {"functional": Outcome(value="yes"), "subclassing": Outcome(error="TypeError", says="not any more")}
    verdict, reason = entry(tmp_path).judge(seen, "jax", "3.15.1")
    assert verdict == "changed"
    assert reason == (
        "Keras changed: T-99 (A test) is another on jax with Keras 3.15.1. "
        "subclassing: the ledger says 'no', the probe saw TypeError: not any more."
    )


@pytest.mark.parametrize(
    "seen",
    [
        Outcome(value=True),  # which is 1 in Python
        Outcome(value=1, warning="a new one"),
        Outcome(value=1.0),
        Outcome(error="ValueError"),
        Outcome(value=None),
    ],
)
def test_what_only_resembles_the_entry_does_not_fit_it(seen: Outcome) -> None:
    assert Outcome(value=1).fits(Outcome(value=1))
    assert not Outcome(value=1).fits(seen)


def test_an_excerpt_of_message_or_warning_is_enough() -> None:
    assert Outcome(error="ValueError", says="of rank").fits(Outcome(error="ValueError", says="needs input of rank 2"))
    assert not Outcome(error="ValueError", says="of rank").fits(Outcome(error="ValueError", says="needs input"))
    assert Outcome(value=1, warning="shape").fits(Outcome(value=1, warning="no shape"))
    assert not Outcome(value=1, warning="shape").fits(Outcome(value=1))


def test_another_version_is_not_claimed_and_an_engine_may_be_left_out(tmp_path: Path) -> None:
    difference = entry(
        tmp_path, ("    - styles:", "    - engines: [torch]\n      keras: '>=3.12,<3.16'\n      styles:")
    )
    seen = {"functional": Outcome(value="yes"), "subclassing": Outcome(value="no")}
    assert difference.judge(seen, "torch", "3.12.0")[0] == "holds"
    assert difference.judge(seen, "torch", "3.16.0") == (
        "not claimed",
        "The ledger does not say what T-99 is on torch with Keras 3.16.0.",
    )
    assert difference.judge(seen, "jax", "3.15.1")[0] == "not claimed"


def test_an_entry_about_other_functions_than_the_probe_has_changed(tmp_path: Path) -> None:
    verdict, reason = entry(tmp_path).judge({"functional": Outcome(value="yes")}, "jax", "3.15.1")
    assert verdict == "changed"
    assert reason == "The probe of T-99 is about functional, its entry about functional, subclassing."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: A test", "title: [", "is no YAML in line 4"),
        ("severity: low", "severity: awful", "is malformed in line 4, severity: Input should be 'high', 'medium'"),
        ("title: A test", "titel: A test", "is malformed in line 1, title: Field required"),
        ("T-99", "t99", "is malformed in line 1, id: String should match pattern"),
        ("        subclassing", "        keras", "is malformed in line 8, seen.0.styles: Value error, 'keras' does"),
        ("    - styles:", "    - keras: about 3\n      styles:", "is malformed in line 7, seen.0.keras: Value error"),
        ("  instead: nothing", "  instead: nothing\n  instead: more", "has 'instead' twice in one entry, in line 12"),
        ("  instead: nothing", f"  instead: nothing\n{ENTRY}", "has T-99 a second time in line 12"),
        (ENTRY, "nothing", "is no list of entries"),
    ],
)
def test_a_malformed_ledger_says_in_which_line_and_field(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=re.escape(message)) as raised:
        read_text(ENTRY.replace(old, new, 1), tmp_path)
    assert str(raised.value).startswith(f"The ledger {tmp_path / 'ledger.yaml'} ")


def test_a_ledger_that_is_not_there_and_an_unknown_id_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read"):
        read_ledger(tmp_path / "none.yaml")
    assert find("t-01").id == "T-01"
    with pytest.raises(LedgerError, match="There is no difference 'T-00'; `keras-styles differences` lists them"):
        find("T-00")


LOST = {
    "T-90": "import time\n\ndef functional():\n    time.sleep(600)\n",
    "T-91": "import os\n\ndef functional():\n    os._exit(7)\n",
    "T-92": "import nothing_of_that_name\n",
    "T-94": "import keras\n\ndef functional():\n    raise ValueError(keras.__file__)\n",
    "T-93": 'def functional():\n    print("noise")\n    return "yes"\n\ndef subclassing():\n    return "no"\n',
}


def test_a_probe_that_hangs_or_crashes_is_reported_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "PROBES", tmp_path)
    for name, text in LOST.items():
        (tmp_path / f"{name.lower().replace('-', '_')}.py").write_text(text, encoding="utf-8")
    entries = [entry(tmp_path, ("T-99", name)) for name in LOST]
    with prober("jax", seconds_per_probe=3) as running:  # imported soonest, and three times here
        hung, crashed, broken, raised, sound = [running.probe(each) for each in entries]
    assert (hung.verdict, hung.reason) == ("timed out", "t_90.py took longer than 3 s and was stopped.")
    assert crashed.verdict == broken.verdict == "crashed"
    assert "t_91.py ended its process with exit code 7" in crashed.reason
    assert "No module named 'nothing_of_that_name'" in broken.reason
    assert raised.outcomes["functional"].says == "keras/__init__.py"  # without the folder of this machine
    assert sound.verdict == "holds"


def test_an_engine_that_is_not_installed_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    others = {"tensorflow", "torch"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in others else found(name))
    record = probe_engines([find("T-01")])
    for run in record.engines:
        if run.engine == "jax":
            assert run.skipped is None
            assert [probed.verdict for probed in run.differences] == ["holds"]
        else:
            assert run.skipped is not None
            assert f"the package {run.engine} is not installed" in run.skipped
            assert run.environment is None
            assert not run.differences


def test_the_script_of_an_entry_runs_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ledger_text.script(find("T-01")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=process_environment(tmp_path, KERAS_BACKEND="jax"),
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "sequential -> trained",
        "functional -> trained",
        "subclassing -> not trained",
        "subclassing_with_training -> trained",
    ]


def test_the_page_for_people_is_current() -> None:
    """`keras-styles differences --page DIFFERENCES.md` writes it anew."""
    page = (ROOT / "DIFFERENCES.md").read_text(encoding="utf-8")
    assert page == ledger_text.page(ledger(), newest_differences(ROOT / "results"))


def test_the_readme_counts_what_there_is() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{len(ledger())} differences" in readme
    common = [each for each in map(load, NAMES) if each.styles == STYLES]
    sequential, functional, subclassing = (effort(common, style) for style in STYLES)
    assert (
        f"took {sequential.lines} lines in Sequential, {functional.lines} in Functional and {subclassing.lines} as "
        f"classes, where {subclassing.by_hand} things"
    ) in readme


def test_whatever_an_entry_says_is_no_markup_of_the_page(tmp_path: Path) -> None:
    hostile = "<script>|[x](y) *`a|b` ``` `"
    difference = entry(
        tmp_path, ("title: A test", f"title: '{hostile}'"), ('subclassing: "no"', f"subclassing: '{hostile}'")
    )
    page = ledger_text.page([difference], None)
    assert "| \\<script\\>\\|\\[x\\](y) \\*a\\|b   |" in page
    assert "```` '<script>\\|[x](y) *`a\\|b` ``` `' ````" in page


def test_the_commands_list_explain_and_refuse(run: Run) -> None:
    listed = run("keras_styles.cli", "differences")
    assert listed.returncode == 0
    assert all(difference.id in listed.stdout for difference in ledger())
    explained = run("keras_styles.cli", "differences", "t-01")
    assert explained.returncode == 0
    assert "class Subclass(keras.Model):" in explained.stdout
    assert "silent difference, 'not trained'" in explained.stdout
    refused = run("keras_styles.cli", "differences", "T-00")
    assert refused.returncode == 2
    assert refused.stderr == ("keras-styles: There is no difference 'T-00'; `keras-styles differences` lists them.\n")


def test_a_run_saves_what_the_probes_saw(run: Run, results: Path) -> None:
    done = run("keras_styles.cli", "differences", "T-01", "--run")
    assert done.returncode == 0, done.stdout + done.stderr
    record = newest_differences(results)
    assert record is not None
    installed = [engine for engine in record.engines if not engine.skipped]
    assert runtime.ENGINE in {engine.engine for engine in installed}
    for engine in installed:
        assert engine.environment is not None
        assert engine.environment.engine == engine.engine
        assert [probed.verdict for probed in engine.differences] == ["holds"]
        assert set(engine.differences[0].outcomes) == set(find("T-01").seen[0].styles)
        assert f"{engine.engine}: 1 holds" in done.stdout
