// What makes the pages interactive: filters, sorting, and the charts that can be pointed at.
"use strict";
(() => {
  const loading = new Map(); // by the name of a chart's data
  const arrived = new Map();

  // Data come as scripts, since a page opened as a file may not fetch anything else.
  window.kerasStyles = { receive: (name, data) => arrived.set(name, data) };

  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `data/${name}.js`;
        script.onload = () => resolve(arrived.get(name));
        script.onerror = () => reject(new Error(`The file data/${name}.js is missing; load this page again, or build the site again.`));
        document.head.append(script);
      }));
    }
    return loading.get(name);
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
      try {
        spec = await load(place.dataset.chart);
        await draw(place, spec);
      } catch (error) {
        place.textContent = error.message;
      }
    };
    const details = place.closest("details");
    if (details && !details.open) details.addEventListener("toggle", show, { once: true });
    else show();
    dark.addEventListener("change", () => spec && draw(place, spec));
  }

  // A table that can be filtered names its form. A choice looks at what the row has under the name of the control's
  // column. That may be a list of lists: then one of them has to hold all choices, each in its part of it. A search
  // looks at all text of the row.
  for (const table of document.querySelectorAll("table[data-filtered-by]")) {
    const form = document.getElementById(table.dataset.filteredBy);
    form.hidden = false;
    const controls = [...form.querySelectorAll("input, select")];
    const count = document.getElementById(`${table.dataset.filteredBy}-count`);
    const rows = [...table.tBodies[0].rows];
    const lists = (row, column) => JSON.parse(row.dataset[column]);
    const showVersion = versionOf(table, rows);
    const apply = () => {
      let shown = 0;
      const search = form.querySelector("input").value.trim().toLowerCase();
      const wanted = [...form.querySelectorAll("select")].filter((select) => select.value);
      const plain = wanted.filter((select) => !select.dataset.part);
      const parts = wanted.filter((select) => select.dataset.part);
      showVersion(form.querySelector("select[data-shows]")?.value);
      for (const row of rows) {
        const chosen = "always" in row.dataset
          || plain.every((select) => row.dataset[select.dataset.column] === select.value)
          && (!parts.length || lists(row, parts[0].dataset.column).some(
            (list) => parts.every((select) => list[select.dataset.part] === select.value)));
        row.hidden = !(chosen && row.textContent.toLowerCase().includes(search));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} shown`;
    };
    for (const control of controls) control.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  // Cells show what was seen with the chosen version, of which a row has a sign for each cell; or what was seen last.
  function versionOf(table, rows) {
    const kinds = JSON.parse(table.dataset.kinds ?? "[]");
    const cells = rows.map((row) => [...row.querySelectorAll("td[data-cell]")]);
    const newest = cells.map((row) => row.map((cell) => cell.textContent));
    return (version) => {
      cells.forEach((row, place) => {
        const seen = version ? JSON.parse(rows[place].dataset.seen)[version] ?? "" : newest[place];
        row.forEach((cell, number) => {
          const kind = kinds.findIndex(([, sign]) => sign === seen[number]);
          cell.textContent = seen[number] ?? "–";
          cell.className = kind < 0 ? "" : `kind-${kind + 1}`;
          cell.title = `${cell.title.split(": ")[0]}: ${kind < 0 ? "not seen" : kinds[kind][0]}`;
        });
      });
    };
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
        // Numbers, then words, then what has no value, in both directions.
        const rank = (text) => (text === "" || text === "–" ? 2 : Number.isNaN(Number(text)) ? 1 : 0);
        const compare = (a, b) => {
          const [one, other] = [value(a), value(b)];
          if (rank(one) !== rank(other)) return rank(one) - rank(other);
          // Numbers by their size, also below zero and between two whole ones.
          const order = rank(one) ? one.localeCompare(other, "en", { numeric: true })
            : Number(one) < Number(other) ? -1 : Number(Number(one) > Number(other));
          return descending ? -order : order;
        };
        const rows = [...table.tBodies[0].rows].sort(compare);
        table.tBodies[0].append(...rows);
      });
    });
  }

  // An entry that a link names is opened and seen.
  function openTarget() {
    let name;
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return; // a lone percent sign names nothing
    }
    const target = document.getElementById(name);
    if (target instanceof HTMLDetailsElement) target.open = true;
    target?.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    // A second click on one link changes no address; by then the entry may have been closed, or be out of sight.
    const link = event.target.closest?.("a");
    if (link?.hash && link.href === location.href) window.dispatchEvent(new Event("hashchange"));
  });
  if (location.hash) openTarget();

  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "copied";
      } catch {
        window.getSelection().selectAllChildren(text); // the browser did not allow it, which a reader may do by hand
        button.textContent = "selected: copy it with Ctrl+C";
      }
    });
  }

  const history = document.getElementById("history");
  if (history) showHistory(history);

  // One cell of one machine over time. The cells of a machine come in one script, when it is chosen.
  async function showHistory(form) {
    form.hidden = false;
    const place = document.getElementById("history-chart");
    const table = document.getElementById("history-table");
    const status = document.getElementById("history-status");
    const of = (name) => form.elements.namedItem(name);
    let asked = new URLSearchParams(); // what the address asks for, until a reader chooses
    const choose = (select) => {
      const value = asked.get(select.name);
      if ([...select.options].some((option) => option.value === value)) select.value = value;
    };
    const options = (select, values) => {
      const before = select.value;
      select.replaceChildren(...values.map((value) => new Option(value, value)));
      if (values.includes(before)) select.value = before;
      choose(select);
    };
    const update = async () => {
      const name = of("machine").value;
      let timeline;
      try {
        timeline = await load(name);
      } catch (error) {
        place.textContent = error.message;
        return;
      }
      if (name !== of("machine").value) return; // another was chosen in the meantime
      options(of("architecture"), [...new Set(timeline.series.map((each) => each.architecture))]);
      const here = timeline.series.filter((each) => each.architecture === of("architecture").value);
      options(of("workload"), [...new Set(here.map((each) => each.workload))]);
      const series = here.filter((each) => each.workload === of("workload").value);
      const known = whatIsKnown(timeline, series, of("quantity").value);
      table.replaceChildren(table.firstElementChild, tableOf(timeline, known));
      const count = (many, what) => `${many} ${what}${many === 1 ? "" : "s"}`;
      status.textContent = `${of("workload").value} of ${of("architecture").value}: ${count(known.runs.length, "run")}, `
        + `${count(known.steps.length, "step")}, ${count(known.gaps.length, "gap")}.`;
      await draw(place, timeSpec(timeline, known, of("quantity").value, of("axis").value));
    };
    const ask = async () => {
      asked = new URLSearchParams(location.hash.slice(1));
      if (!asked.has("machine")) return;
      ["machine", "quantity", "axis"].map(of).forEach(choose);
      await update();
      form.scrollIntoView();
    };
    form.addEventListener("input", async () => {
      asked = new URLSearchParams();
      await update();
      // So that what is seen can be passed on, and a link that was followed before leads away from it again.
      window.history.replaceState(null, "", `#${new URLSearchParams(new FormData(form))}`);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", ask);
    dark.addEventListener("change", update);
    if (!of("machine").options.length) return;
    await ask();
    if (!asked.has("machine")) await update();
  }

  // What each run says about a cell in each style, and the steps and annotations along it.
  function whatIsKnown(timeline, series, quantity) {
    const runs = timeline.runs.map((run, index) => ({ index, run: run.id, date: run.moment, commit: run.commit, branch: run.branch, release: run.release }));
    const points = [];
    const gaps = [];
    const steps = [];
    for (const { style, points: found, steps: jumps } of series) {
      found.forEach(([seconds, ratio, low, high, why], index) => {
        const value = quantity === "seconds" ? seconds : style === timeline.baseline && seconds ? 1 : ratio;
        if (value == null) gaps.push({ ...runs[index], style, why: why ?? "no ratio" });
        else points.push({ ...runs[index], style, value, ...(quantity === "ratio" && low != null ? { low, high } : {}) });
      });
      for (const [of, index, factor] of jumps) {
        if (of === quantity) steps.push({ ...runs[index], style, step: `${factor.toFixed(3)} times from here` });
      }
    }
    const about = timeline.annotations.filter((note) => !note.architecture || note.architecture === series[0]?.architecture);
    // Where runs are not in the order of days, a note stands at the first run of its day or after it.
    const notes = about.map((note) => ({ ...(runs.find((run) => run.date.slice(0, 10) >= note.date) ?? runs.at(-1)), ...note }));
    return { runs, points, gaps, steps, notes };
  }

  function tableOf(timeline, { runs, points, gaps, steps }) {
    const table = document.createElement("table");
    const row = (section, kind, texts) => {
      const line = section.insertRow();
      for (const text of texts) {
        const cell = document.createElement(kind);
        cell.textContent = text;
        line.append(cell);
      }
    };
    row(table.createTHead(), "th", ["run", "date", "commit", "branch", "release", ...timeline.styles]);
    const words = new Map();
    const short = (value) => Number(value.toPrecision(4)).toString();
    for (const { run, style, value, low, high } of points) {
      words.set(`${run} ${style}`, low == null ? short(value) : `${short(value)} (${short(low)} to ${short(high)})`);
    }
    for (const { run, style, why } of gaps) words.set(`${run} ${style}`, why);
    for (const { run, style, step } of steps) words.set(`${run} ${style}`, `${words.get(`${run} ${style}`)}; ${step}`);
    const body = table.createTBody();
    for (const { run, date, commit, branch, release } of [...runs].reverse()) {
      row(body, "td", [run, date.slice(0, 10), commit, branch, release, ...timeline.styles.map((style) => words.get(`${run} ${style}`) ?? "–")]);
    }
    const wide = document.createElement("div");
    wide.className = "wide tall";
    wide.tabIndex = 0;
    wide.append(table);
    return wide;
  }

  function timeSpec(timeline, { points, gaps, steps, notes }, quantity, axis) {
    const days = notes.map((note) => ({ ...note, day: `${note.date}T00:00:00Z` }));
    const moments = [...timeline.runs.map((run) => run.moment), ...days.map((note) => note.day)].map((moment) => new Date(moment));
    const oneDay = 24 * 3600 * 1000;
    const format = Math.max(...moments) - Math.min(...moments) < 6 * oneDay ? "%m-%d %H:%M" : "%Y-%m-%d";
    const x = axis === "date"
      ? { field: "date", type: "temporal", title: null, scale: { type: "utc" }, axis: { format, labelOverlap: true, tickCount: 6 } }
      : { field: axis, type: "ordinal", sort: { field: "index" }, title: axis, axis: { labelAngle: -40, labelOverlap: true } };
    const colour = { field: "style", type: "nominal", title: "style", scale: { domain: timeline.styles, range: timeline.colours } };
    const shape = { field: "style", type: "nominal", title: "style", scale: { domain: timeline.styles, range: timeline.shapes } };
    const dash = { field: "style", type: "nominal", legend: null, scale: { domain: timeline.styles, range: [[6, 3], [2, 2], [10, 3, 2, 3]] } };
    const telling = (...fields) => [...fields, "run", "commit", "branch", "release", "date"].map((field) => ({ field, type: "nominal" }));
    const signs = gaps.map((gap) => ({ ...gap, sign: gap.why.startsWith("failed") ? "✗" : gap.why.startsWith("skipped") ? "○" : "–" }));
    const of = axis === "date" ? { ...x, field: "day" } : x;
    const layers = [
      { data: { values: points }, mark: { type: "line", strokeWidth: 1.5 },
        encoding: { x, y: { field: "value", type: "quantitative", scale: { type: "log", nice: false, padding: 12 }, title: quantity === "ratio" ? `ratio to ${timeline.baseline}` : "seconds" }, color: colour } },
      { data: { values: points.filter((point) => "low" in point) }, mark: { type: "rule", opacity: 0.6 }, encoding: { x, y: { field: "low", type: "quantitative" }, y2: { field: "high" }, color: colour } },
      { data: { values: points }, mark: { type: "point", filled: true, size: 45 },
        encoding: { x, y: { field: "value", type: "quantitative" }, color: colour, shape, tooltip: telling("style", "value", ...(quantity === "ratio" ? ["low", "high"] : [])) } },
      ...timeline.styles.map((style, number) => ({ data: { values: signs.filter((sign) => sign.style === style) }, mark: { type: "text", fontSize: 13 },
        encoding: { x, y: { value: 296 - 13 * number }, text: { field: "sign" }, color: colour, tooltip: telling("style", "why") } })),
      { data: { values: steps }, mark: { type: "rule", strokeWidth: 2 }, encoding: { x, color: colour, strokeDash: dash, tooltip: telling("style", "step") } },
      { data: { values: days }, mark: { type: "rule", strokeDash: [2, 2], color: "#999999" }, encoding: { x: of, tooltip: [{ field: "words", type: "nominal" }] } },
      // Above the points, so that neither covers the other; in three rows, since notes of one time begin at one place.
      ...[0, 1, 2].map((row) => ({ data: { values: days.filter((_, number) => number % 3 === row) }, mark: { type: "text", align: "left", dx: 3, limit: 400 },
        encoding: { x: of, y: { value: -8 - 13 * row }, text: { field: "words" } } })),
    ];
    return { $schema: "https://vega.github.io/schema/vega-lite/v6.json", description: "The chosen cell over time; the table below says the same.",
      width: 640, height: 300, layer: layers.filter((each) => each.data.values.length) };
  }
})();
