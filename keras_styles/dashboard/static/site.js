// What makes the pages interactive: filters, sorting, charts. Without it they are complete, only longer.
"use strict";
(() => {
  const waiting = new Map(); // what to call with a chart's data once its script has come

  // Data come as scripts, since a page opened as a file may not fetch anything else.
  window.kerasStyles = { receive: (name, data) => waiting.get(name)(data) };

  function load(name) {
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onerror = () => reject(new Error(`${script.src} is missing`));
      document.head.append(script);
    });
  }

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function theme() {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--line").trim();
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelLimit: 240 },
      legend: { labelColor: ink, titleColor: ink },
      header: { labelColor: ink, titleColor: ink },
      title: { color: ink, anchor: "start", fontWeight: "normal", fontSize: 13 },
      text: { color: ink },
      view: { stroke: "transparent" },
    };
  }

  async function draw(place, spec) {
    // `ast`: expressions are interpreted, so that the page needs no `eval`.
    const options = { actions: false, renderer: "svg", ast: true, config: theme(), tooltip: { theme: dark.matches ? "dark" : "light" } };
    await window.vegaEmbed(place, spec, options);
    place.dataset.drawn = "yes";
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    let spec;
    const show = async () => {
      spec ??= await load(place.dataset.chart);
      await draw(place, spec);
    };
    const details = place.closest("details");
    if (details && !details.open) details.addEventListener("toggle", show, { once: true });
    else show();
    dark.addEventListener("change", () => spec && draw(place, spec));
  }

  // A table that can be filtered names its controls; each of them has the number of the column that it looks at.
  for (const table of document.querySelectorAll("table[data-filtered-by]")) {
    const controls = [...document.getElementById(table.dataset.filteredBy).querySelectorAll("input, select")];
    const count = document.getElementById(`${table.dataset.filteredBy}-count`);
    const rows = [...table.tBodies[0].rows];
    const apply = () => {
      let shown = 0;
      for (const row of rows) {
        row.hidden = !controls.every((control) => {
          const wanted = control.value.trim().toLowerCase();
          const column = control.dataset.column;
          const text = (column === undefined ? row.textContent : row.dataset[column] ?? "").toLowerCase();
          return control.tagName === "SELECT" ? !wanted || text.split("\n").includes(wanted) : text.includes(wanted);
        });
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} shown`;
    };
    for (const control of controls) control.addEventListener("input", apply);
    controls[0].form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const value = (row) => row.cells[column]?.dataset.value ?? row.cells[column]?.textContent.trim() ?? "";
        const compare = (a, b) => value(a).localeCompare(value(b), "en", { numeric: true });
        const rows = [...table.tBodies[0].rows].sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
        table.tBodies[0].append(...rows);
      });
    });
  }

  // An entry that a link names is opened and seen.
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
    target?.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  if (location.hash) openTarget();

  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      button.textContent = "copied";
    });
  }

  const history = document.getElementById("history");
  if (history) showHistory(history);

  // One cell of one machine over time. The cells of a machine come in one script, when it is chosen.
  async function showHistory(form) {
    const place = document.getElementById("history-chart");
    const of = (name) => form.elements.namedItem(name);
    const cache = new Map();
    const options = (select, values) => {
      const before = select.value;
      select.replaceChildren(...values.map((value) => new Option(value, value)));
      if (values.includes(before)) select.value = before;
    };
    const update = async (event) => {
      const name = of("machine").value;
      if (!cache.has(name)) cache.set(name, await load(name));
      const timeline = cache.get(name);
      options(of("architecture"), [...new Set(timeline.series.map((each) => each.architecture))]);
      const here = timeline.series.filter((each) => each.architecture === of("architecture").value);
      options(of("workload"), [...new Set(here.map((each) => each.workload))]);
      const series = here.filter((each) => each.workload === of("workload").value);
      await draw(place, timeSpec(timeline, series, of("quantity").value, of("axis").value));
    };
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    dark.addEventListener("change", update);
    if (of("machine").options.length) await update();
  }

  function timeSpec(timeline, series, quantity, axis) {
    const points = [];
    const gaps = [];
    const steps = [];
    for (const each of series) {
      each.points.forEach(([seconds, ratio, low, high, why], index) => {
        const run = timeline.runs[index];
        const value = quantity === "ratio" ? (each.style === "functional" && seconds ? 1 : ratio) : seconds;
        const base = { style: each.style, index, run: run.id, date: run.moment, commit: run.commit, release: run.release };
        if (value == null) gaps.push({ ...base, why: why ?? "no ratio" });
        else points.push({ ...base, value, ...(quantity === "ratio" && low != null ? { low, high } : {}) });
      });
      for (const [of, index, factor] of each.steps) {
        if (of !== quantity) continue;
        const run = timeline.runs[index];
        steps.push({ style: each.style, index, date: run.moment, commit: run.commit, release: run.release,
          words: `${each.style}: ${factor.toFixed(3)} times from here` });
      }
    }
    const notes = timeline.annotations.filter((note) => !note.architecture || note.architecture === series[0]?.architecture);
    const x = axis === "date" ? { field: "date", type: "temporal", title: null, axis: { format: "%Y-%m-%d", labelOverlap: true, tickCount: 6 } }
      : { field: axis, type: "ordinal", sort: { field: "index" }, title: axis, axis: { labelAngle: -40 } };
    const colour = { field: "style", type: "nominal", title: "style", scale: { domain: timeline.styles, range: timeline.colours } };
    const shape = { field: "style", type: "nominal", title: "style", scale: { domain: timeline.styles, range: timeline.shapes } };
    const tooltip = ["style", "value", "low", "high", "run", "commit", "release", "date", "why", "words"].map((field) => ({ field, type: "nominal" }));
    const layers = [
      { data: { values: points }, mark: { type: "line", strokeWidth: 1.5 },
        encoding: { x, y: { field: "value", type: "quantitative", scale: { type: "log", nice: false, padding: 12 }, title: quantity === "ratio" ? "ratio to functional" : "seconds" }, color: colour } },
      { data: { values: points.filter((point) => "low" in point) }, mark: { type: "rule", opacity: 0.6 }, encoding: { x, y: { field: "low", type: "quantitative" }, y2: { field: "high" }, color: colour } },
      { data: { values: points }, mark: { type: "point", filled: true, size: 45 }, encoding: { x, y: { field: "value", type: "quantitative" }, color: colour, shape, tooltip } },
      { data: { values: gaps }, mark: { type: "text", text: "×", fontSize: 14 }, encoding: { x, y: { value: 290 }, tooltip } },
      { data: { values: steps }, mark: { type: "rule", strokeDash: [6, 3], strokeWidth: 2 }, encoding: { x, color: colour, tooltip } },
    ];
    if (axis === "date") {
      layers.push({ data: { values: notes }, mark: { type: "rule", strokeDash: [2, 2], color: "#999999" }, encoding: { x, tooltip: [{ field: "words", type: "nominal" }] } });
      layers.push({ data: { values: notes }, mark: { type: "text", align: "left", dx: 3, limit: 220 }, encoding: { x, y: { value: 8 }, text: { field: "words" } } });
    }
    return { $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: 640, height: 300, layer: layers.filter((each) => each.data.values.length) };
  }
})();
