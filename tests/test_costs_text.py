"""Costs as text: what is drawn lies where the numbers say, and a run that proves nothing says nothing else."""

import io
import math
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from keras_styles import cli
from keras_styles.costs import Conclusion, Cost, FitParts
from keras_styles.costs_text import CHARACTERS, NO_VALUE, Axis, costs_tables, fits_table, time_text, verdict_sentence
from keras_styles.statistics import Judgement, Verdict
from keras_styles.workloads import Workload
from tests.conftest import ROOT

FIT = Workload(architecture="deep_stack", phase="fit")
LAST = CHARACTERS - 1
# Five doublings, so one is 4.6 characters.
AXIS = Axis(1 / 4, 8)


def judged(
    ratio: float, low: float, high: float, verdict: Verdict = "undecided", more_processes: int | None = None
) -> Judgement:
    return Judgement(ratio, low, high, 0.5, 0.5, verdict, 12, more_processes)


def cost(
    workload: Workload, contender: str, seconds: float | None, judgement: Judgement | None = None, floor: float = 8
) -> Cost:
    return Cost(workload, contender, seconds, judgement, floor, None, None if seconds else "out of memory")


def three(workload: Workload) -> list[Cost]:
    """Return a workload as it often is: sequential is no different, subclassing undecided, and a twin."""
    return [
        cost(workload, "sequential", 0.0123, judged(1.001, 0.997, 1.005, "no difference")),
        cost(workload, "functional", 0.01229),
        cost(workload, "subclassing", 0.0000456, judged(1.05, 0.98, 1.12, more_processes=7), floor=8.127),
        cost(workload, "twin", 0.0777, judged(1.0, 0.999, 1.001, "no difference")),
    ]


def conclusion(costs: list[Cost], *proves_nothing: str) -> Conclusion:
    return Conclusion("jax", "cpu", 12, costs, [], [], list(proves_nothing))


def text_of(conclusion: Conclusion) -> str:
    # Without colour, as where the terminal has none or the reader sees none.
    console = Console(width=160, file=io.StringIO(), color_system=None)
    for table in costs_tables(conclusion):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows_of(text: str) -> list[list[str]]:
    """Return the rows of all tables, the heads among them; cells are parted by one kind of line or another."""
    return [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in text.splitlines() if line[0] in "│┃"]


@pytest.mark.parametrize(
    ("ratio", "column"), [(0.25, 0), (0.5, 5), (1, 9), (2, 14), (4, 18), (8, LAST), (0.01, 0), (100, LAST)]
)
def test_a_ratio_lies_where_its_logarithm_does(ratio: float, column: int) -> None:
    assert AXIS.position(ratio) == column


def test_an_axis_holds_all_ratios_and_1_and_half_as_much_again() -> None:
    above, below = Axis.around([4.0, 2.0]), Axis.around([0.25])
    assert (above.low, above.high) == pytest.approx((0.5, 8))
    assert (below.low, below.high) == pytest.approx((0.125, 2))


@pytest.mark.parametrize("ratios", [[], [1.0], [1.0001, 0.9999]])
def test_an_axis_is_never_narrower_than_what_no_difference_is(ratios: list[float]) -> None:
    axis = Axis.around(ratios)
    assert axis.low <= 1 / 1.02
    assert axis.high >= 1.02


@pytest.mark.parametrize(
    ("judgement", "drawn"),
    [
        pytest.param(judged(2, 1.5, 3), "         ┊  ├─●─┤       ", id="above 1"),
        pytest.param(judged(0.5, 0.3, 0.8), " ├───●──┤┊              ", id="below 1"),
        pytest.param(judged(1.5, 0.8, 3), "        ├┼──●───┤       ", id="around 1"),
        pytest.param(judged(2, 1.99, 2.01), "         ┊    ●         ", id="narrower than a character"),
        pytest.param(judged(1, 0.999, 1.001), "         ●              ", id="narrow and at 1"),
        pytest.param(judged(2, 0.25, 8), "├────────┼────●────────┤", id="as wide as the axis"),
        pytest.param(judged(2, 1.5, 8.1), "         ┊  ├─●────────→", id="off the right end"),
        pytest.param(judged(0.5, 0.24, 0.8), "←────●──┤┊              ", id="off the left end"),
        pytest.param(judged(2, 0, math.inf), "←────────┼────●────────→", id="without end"),
    ],
)
def test_an_interval_runs_between_its_ends_and_1_is_marked(judgement: Judgement, drawn: str) -> None:
    assert AXIS.draw(judgement) == drawn


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.4e-7, "0.34 \N{MICRO SIGN}s"),
        (4.56e-5, "45.6 \N{MICRO SIGN}s"),
        (0.0009994, "999 \N{MICRO SIGN}s"),
        (0.0009996, "1 ms"),
        (0.0123, "12.3 ms"),
        (1.5, "1.5 s"),
        (1234, "1230 s"),
    ],
)
def test_a_time_has_three_digits_and_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_a_table_says_all_of_each_style() -> None:
    text = text_of(conclusion(three(FIT)))
    head, sequential, functional, subclassing = rows_of(text)
    assert "deep_stack" in text.splitlines()[0]
    assert head == [
        "phase",
        "style",
        "time",
        "ratio",
        "0.98                1.08",
        "95% interval",
        "verdict",
        "to floor",
    ]
    assert sequential[:4] == ["fit", "sequential", "12.3 ms", "1.001"]
    assert sequential[5:] == ["0.997 to 1.005", "no difference", "8"]
    assert functional == ["fit", "functional", "12.3 ms", "1", "", "", "", "8"]
    assert subclassing[:4] == ["fit", "subclassing", "45.6 \N{MICRO SIGN}s", "1.050"]
    assert subclassing[5:] == ["0.980 to 1.120", "undecided, about 7 processes more", "8.13"]


def test_all_rows_of_a_table_are_drawn_on_one_axis() -> None:
    text = text_of(conclusion(three(FIT)))
    _, sequential, _, subclassing = text.splitlines()[3], *[line for line in text.splitlines() if " fit " in line]
    assert sequential.index("●") < subclassing.index("●")
    assert subclassing.index("┼") == sequential.index("●")  # 1.001 is in the character of 1
    assert "→" in subclassing  # 1.12 is beyond 1.08
    assert "→" not in sequential


def test_batch_and_width_are_columns_only_where_they_vary() -> None:
    workloads = [
        FIT,
        FIT.model_copy(update={"batch_size": 1024}),
        Workload(architecture="tree_rnn", phase="call", batch_size=64),
        Workload(architecture="tree_rnn", phase="call", batch_size=64, width=1024),
    ]
    rows = rows_of(text_of(conclusion([cost for workload in workloads for cost in three(workload)])))
    assert [row[:3] for row in rows if "sequential" in row or row[0] == "phase"] == [
        ["phase", "batch", "style"],
        ["fit", "32", "sequential"],
        ["fit", "1024", "sequential"],
        ["phase", "width", "style"],
        ["call", "8", "sequential"],
        ["call", "1024", "sequential"],
    ]


def test_what_was_not_timed_has_no_row_and_no_table() -> None:
    sequential, functional, subclassing, _ = three(FIT)
    assert text_of(conclusion([replace(functional, seconds=None)])) == ""
    rows = rows_of(text_of(conclusion([replace(sequential, seconds=None), functional, subclassing])))
    assert [row[1] for row in rows] == ["style", "functional", "subclassing"]


def test_what_cannot_be_compared_is_a_dash() -> None:
    alone = replace(three(FIT)[0], judgement=None, times_floor=None)
    _, row = rows_of(text_of(conclusion([alone])))
    assert row == ["fit", "sequential", "12.3 ms", NO_VALUE, "", "", "", NO_VALUE]


@pytest.mark.parametrize(("more_processes", "verdict"), [(None, "undecided"), (1, "undecided, about 1 process more")])
def test_how_many_processes_are_lacking_is_said_where_it_is_known(more_processes: int | None, verdict: str) -> None:
    judgement = judged(1.05, 0, math.inf, more_processes=more_processes)
    _, row = rows_of(text_of(conclusion([cost(FIT, "subclassing", 1, judgement)])))
    assert row[5:7] == ["unknown", verdict]


def test_a_table_with_every_column_fits_the_terminal() -> None:
    workloads = [FIT, Workload(architecture="deep_stack", phase="predict_call", batch_size=1024, width=1024)]
    costs = [cost for workload in workloads for cost in three(workload)]
    assert not any(cell.endswith("…") for row in rows_of(text_of(conclusion(costs))) for cell in row)
    assert len(rows_of(text_of(conclusion(costs)))) == 7  # no row is broken into two


def test_a_good_run_is_summed_up_by_its_verdicts() -> None:
    slower = cost(FIT, "subclassing", 1, judged(1.2, 1.1, 1.3, "slower"))
    assert (
        verdict_sentence(conclusion([*three(FIT), slower, slower, cost(FIT, "sequential", None)]))
        == "Compared with functional (jax on cpu, 12 processes): 2 slower, 1 no difference, 1 undecided, 1 not timed."
    )


def test_a_run_of_nothing_says_so() -> None:
    assert (
        verdict_sentence(replace(conclusion([]), processes=1))
        == "Compared with functional (jax on cpu, 1 process): nothing."
    )


def test_a_run_that_proves_nothing_gives_its_reasons_and_no_verdicts() -> None:
    assert (
        verdict_sentence(conclusion(three(FIT), "the machine drifted", "the twin came out slower"))
        == "This run (jax on cpu, 12 processes) proves nothing: the machine drifted; the twin came out slower."
    )
    (table,) = costs_tables(conclusion(three(FIT), "the machine drifted"))
    headers = [str(column.header) for column in table.columns]
    assert "verdict" not in headers
    assert "ratio" in headers
    (table,) = costs_tables(conclusion(three(FIT)))
    assert "verdict" in [str(column.header) for column in table.columns]


def test_where_the_time_of_fit_goes_is_a_table() -> None:
    plain = conclusion(three(FIT))
    assert fits_table(plain) is None
    parts = FitParts("linear_regression", "functional", 4.5e-5, 8.1e-3, -1e-6)
    table = fits_table(replace(plain, fits=[parts]))
    assert table is not None
    cells = [list(column.cells) for column in table.columns]
    assert cells == [
        ["linear_regression"],
        ["functional"],
        ["45 \N{MICRO SIGN}s"],
        ["8.1 ms"],
        ["about 0 \N{MICRO SIGN}s"],
    ]


def test_the_command_says_which_run_it_shows_and_refuses_a_folder_that_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = ROOT.glob("results/*/0006_*.json")
    machine = tmp_path / run.parent.name
    machine.mkdir()
    shutil.copy(run, machine)

    def said(folder: Path, code: int) -> str:
        monkeypatch.setattr(sys, "argv", ["keras-styles", "costs", "--results", str(folder)])
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        assert (exit_info.value.code or 0) == code
        output = capsys.readouterr()
        return output.err if code else output.out

    first, verdict, *_ = said(tmp_path, 0).splitlines()
    assert first == f"{machine / run.name}, of 2026-11-25 01:19"
    assert verdict.startswith("Compared with functional (torch on cpu, 6 processes): ")
    assert said(tmp_path / "typo", 2).startswith(
        f"keras-styles: There is no folder {tmp_path / 'typo'}; give --results"
    )
    assert "is the folder of one machine; give --results the one above it." in said(machine, 2)
