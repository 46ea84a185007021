"""The scorecard as one self-contained page: no network, no program, light and dark, on a phone and on paper.

Its policy lets nothing run but the page's own scripts. Without them everything is still there to read; with them the
list can be searched, and the curves of a scenario are drawn anew when it is opened, to be zoomed and read off.
"""

from __future__ import annotations

from importlib.resources import files

from harness.reports.digest import worst_scenarios_first
from harness.reports.html.listing import listing
from harness.reports.html.markup import Html, el
from harness.reports.html.opening import opening
from harness.reports.html.plot_data import PlotData, data_block
from harness.reports.html.policy import policy
from harness.reports.html.summary import maturity_table, metric_table, profile_cards
from harness.reports.narrative import Rerun, headline
from harness.reports.traces import TraceReader
from harness.scoring.scorecard import Scorecard

__all__ = ["render"]

_UPLOT = "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css", "uplot/LICENSE"


def render(
    scorecard: Scorecard,
    *,
    rerun: Rerun | None = None,
    traces: TraceReader | None = None,
    started: str = "",
    unrun: str = "",
) -> str:
    """The page. Every text of a scenario, an alert or a pipeline is escaped.

    ``rerun`` gives the command that runs an experiment again, ``traces`` what users met in each arm, ``started`` when
    the run began (ISO 8601), ``unrun`` how much of the plan never started. The same arguments give the same bytes.
    """
    data = PlotData()
    body = _body(scorecard, rerun, traces, started, unrun, data)
    library, library_style, licence = (_file(name) for name in _UPLOT)
    # A plot library is only there if there is something to plot.
    scripts = [library, _file("plots.js")] if data.content()["plots"] else []
    scripts.append(_file("page.js"))
    styles = [*([library_style] if len(scripts) > 1 else []), _file("page.css")]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy(scripts, styles)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"Pipequake: {scorecard.verdict.value}. {headline(scorecard)}"),
        *(el("style", Html(style)) for style in styles),
    )
    blocks = [data_block(data.content()), Html(f"<!--\nuPlot 1.6.32\n{licence}\n-->")] if len(scripts) > 1 else []
    end = [*blocks, *(el("script", Html(script)) for script in scripts)]
    return "<!doctype html>\n" + el("html", head, el("body", *body, *end), lang="en") + "\n"


def _file(name: str) -> str:
    return files("harness.reports.html").joinpath(name).read_text(encoding="utf-8").strip()


def _body(
    scorecard: Scorecard,
    rerun: Rerun | None,
    traces: TraceReader | None,
    started: str,
    unrun: str,
    data: PlotData,
) -> list[Html]:
    profiles = [profile for profile in scorecard.profiles if profile.experiments]
    scenarios = worst_scenarios_first(scorecard)
    numbers = {name: f"s{number}" for number, name in enumerate(sorted(scenarios), start=1)}
    header = opening(scorecard, numbers.__getitem__, started, unrun)
    if not scenarios:
        return [header]
    main = el(
        "main",
        el("section", el("h2", "Tiers"), profile_cards(profiles)),
        listing(scorecard, scenarios, numbers.__getitem__, rerun=rerun, traces=traces, data=data),
        el("section", el("h2", "Metrics"), metric_table(profiles), el("p", _METRIC_NOTE, class_="muted note")),
        el("section", el("h2", "Capabilities, as measured"), maturity_table(profiles)),
        id="main",
    )
    skip = el("a", "Skip to the scenarios", href="#scenarios", class_="skip")
    return [skip, header, main]


_METRIC_NOTE = (
    "Grades are the columns of the benchmark tables: P50 is the median organisation, P95 and P99 the worse "
    "tails. Intervals cover the randomness of runs, not whether a simulation is like your production. "
    "Detection time is worth nothing without the false alarms beside it."
)
