"use strict";
(async () => {
  const POLL_INTERVAL = 2000; // ms
  const OVERLAP = 10; // s of history that are requested again, for rows that came late
  const NEAR = 5; // s between the pointer and a point that is shown for it
  const MAX_POINTS = 40; // with circles; longer lines have none
  const HOURS = new Intl.DateTimeFormat(undefined, {timeStyle: "medium"}).resolvedOptions().hour12 ? "%-I:%M:%S %p" : "%H:%M:%S";
  const ICONS = {
    zoom: ["Zoom Select", "M5 1v12h12M1 5h12v12"],
    reset: ["Zoom Reset", "M5 2 2 5l3 3M2 5h13v11H5v-5"],
    save: ["Download as PNG", "M9 1v11M4 8l5 5 5-5M2 13v4h14v-4"],
  };

  const root = document.documentElement;
  const at = (id) => document.getElementById(id);
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const make = (tag, className = "", text = "") => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  /** Three significant digits, thousands separated, as in the report. */
  const figure = (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (Number.isInteger(value)) return value.toLocaleString("en-US");
    const digits = Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return value.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
  };
  const duration = (seconds) => {
    const whole = Math.floor(seconds);
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return [...(h ? [h] : []), h ? String(m).padStart(2, "0") : m, String(s).padStart(2, "0")].join(":");
  };

  // ---------------------------------------------------------------------------------------------------------- state

  let run = null; // the run whose history this is
  let start = 0; // ms since the epoch, at second 0 of the history
  let clients = new Map(); // id -> {client, colour, history}
  let zoom = null; // [from, to] in s, or null: all
  const hidden = new Set(); // "title|client id|column" of lines that are switched off in the legend

  const histories = () => [...clients.values()].map(({history}) => history);
  const last = () => Math.max(0, ...histories().map((rows) => rows.at(-1)?.at ?? 0));
  const first = () => Math.min(...histories().map((rows) => rows[0]?.at ?? Infinity), last());
  const update = (data) => {
    if (data.run !== run) {
      run = data.run;
      clients = new Map();
      zoom = null;
      start = startOf(data);
    }
    const overlap = last() - OVERLAP;
    clients = new Map(data.clients.map(({id, history, ...client}) => {
      const kept = (clients.get(id)?.history ?? []).filter((row) => row.at <= overlap);
      return [id, {...client, history: kept.concat(history.filter((row) => row.at > overlap || !kept.length))}];
    }));
  };
  /** When a run is over, only its name holds the moment at which it started, in UTC. */
  const startOf = ({run, state, elapsed}) => {
    const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(run);
    if (state !== "stopped" || !parts) return Date.now() - elapsed * 1000;
    const [year, month, ...rest] = parts.slice(1).map(Number);
    return Date.UTC(year, month - 1, ...rest);
  };

  // --------------------------------------------------------------------------------------------------------- tables

  /** Set rows of [text, class, colour] cells; cells that stay the same are not touched. */
  const fill = (body, rows) => {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((cells, n) => {
      const row = body.rows[n] ?? body.insertRow();
      cells.forEach(([text, className = "", colour], m) => {
        const cell = row.cells[m] ?? row.insertCell();
        if (colour !== undefined && !cell.firstElementChild) cell.append(make("i"), make("span"));
        if (colour !== undefined) cell.firstElementChild.style.background = colour;
        put(cell.lastElementChild ?? cell, text);
        cell.className = className;
      });
    });
  };
  const colour = (id) => clients.get(id)?.colour[root.dataset.scheme] ?? css("--quiet");

  const status = (text, className) => { put(at("making"), text); at("making").className = className; };

  /** Two rows of headings: a group for each metric, a column for each of its percentiles. */
  const head = (groups) => {
    const [above, below] = [make("tr"), make("tr")];
    const cell = (row, text, attributes) => row.append(Object.assign(make("th", "", text), attributes));
    cell(above, "Client", {rowSpan: 2});
    for (const {title, description = "", table} of groups) {
      const single = table.length === 1 && !table[0][0];
      cell(above, title, {title: description, ...(single ? {rowSpan: 2} : {colSpan: table.length})});
      if (!single) for (const [heading] of table) cell(below, heading);
    }
    return [above, below];
  };

  const tables = (data) => {
    if (at("state").textContent !== data.state) status("", ""); // a message about a file is out of date
    put(at("state"), data.state);
    at("state").className = data.state;
    put(at("scenario"), data.scenario);
    put(at("elapsed"), data.elapsed ? duration(data.elapsed) : "");
    put(at("run"), data.run);
    validity(data);
    at("notes").hidden = !data.notes.length;
    replace(at("notes").firstElementChild, data.notes, () => data.notes.map((note) => make("li", "", note)));
    const groups = data.columns.filter(({table}) => table.length);
    replace(at("clients").querySelector("thead"), groups, () => head(groups));
    const columns = groups.flatMap(({table}) => table.map(([, column]) => column));
    fill(at("clients").querySelector("tbody"), data.clients.map(({id, client, values}) => [
      [client, "", colour(id)],
      ...columns.map((column) => [figure(values[column]), column === "failed" && values.failed ? "bad" : ""]),
    ]));
    at("clients").hidden = !data.clients.length;
    fill(at("workers").querySelector("tbody"), data.workers.map((row) => [
      [row.worker], [row.client, "", colour(row.id)], [row.state, row.state === "lost" ? "bad" : ""],
      ...[row.open, row.streams, row.rss_mib, row.threads, row.cpu_percent].map((value) => [figure(value)]),
    ]));
    at("workers").hidden = !data.workers.length;
  };
  const validity = ({run, clients, validity: found}) => {
    const reasons = found.filter(({verdict}) => verdict !== "valid");
    const without = clients.length ? "valid" : "";
    const against = reasons.filter(({verdict}) => verdict !== "limit"); // a limit is a result
    const worst = against.some(({verdict}) => verdict === "invalid") ? "invalid" : against.length ? "suspect" : without;
    at("validity").className = worst;
    replace(at("validity"), [run, worst, reasons], () => {
      if (!worst) return [make("p", "", run ? "No metrics yet." : "No run yet: start a test, and its metrics appear here.")];
      const fine = against.length ? [] : [make("p", "", "✓ Valid so far: no disturbance was found.")];
      const label = {invalid: "✕ invalid", limit: "◆ limit"};
      return [...fine, ...reasons.map(({verdict, who, text}) => {
        const line = make("p", verdict === "limit" ? "limit" : "");
        line.append(make("b", verdict, label[verdict] ?? "? suspect"), who ? `${who}: ${text}` : text);
        return line;
      })];
    });
  };
  const shown = new Map();
  /** Replace children only where their data has changed: a reader's selection and a screen reader are not disturbed. */
  const replace = (node, data, children) => {
    const text = JSON.stringify(data);
    if (shown.get(node) === text) return;
    shown.set(node, text);
    node.replaceChildren(...children());
  };

  // --------------------------------------------------------------------------------------------------------- charts

  const local = (seconds) => start + seconds * 1000 - new Date(start).getTimezoneOffset() * 60000; // Bokeh shows UTC
  const moment = (value) => (value - local(0)) / 1000;

  const button = (name, act) => {
    const [title, path] = ICONS[name];
    const made = make("button");
    made.type = "button";
    made.title = title;
    made.ariaLabel = title;
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 18 18");
    icon.append(document.createElementNS(icon.namespaceURI, "path"));
    icon.firstChild.setAttribute("d", path);
    made.append(icon);
    made.addEventListener("click", act);
    return made;
  };

  const chartOf = async ({title, chart: columns, whole = false, description = ""}) => {
    const times = Object.fromEntries(
      ["microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours"].map((name) => [name, HOURS]),
    );
    const plot = Bokeh.Plotting.figure({
      height: 226, sizing_mode: "stretch_width", min_width: 120, tools: "", toolbar_location: null, window_axis: "x",
      x_axis_type: "datetime", x_range: new Bokeh.Range1d({start: local(0), end: local(10)}),
      y_range: new Bokeh.DataRange1d({start: 0, only_visible: true, default_span: 1}),
      min_border_left: 60, min_border_right: 40, min_border_top: 8, min_border_bottom: 26,
      background_fill_color: null, border_fill_color: null, outline_line_color: null, lod_threshold: null,
    });
    const [x, y] = [plot.below[0], plot.left[0]];
    x.formatter = new Bokeh.DatetimeTickFormatter(times);
    y.formatter = new Bokeh.NumeralTickFormatter({format: "0,0.[000]"});
    y.ticker.min_interval = whole ? 1 : 0;
    for (const axis of [x, y]) {
      axis.major_label_text_font = "Roboto, Helvetica, Arial, sans-serif";
      axis.major_label_text_font_size = "12px";
      axis.major_tick_in = 0;
      axis.minor_tick_out = 0;
    }
    x.major_tick_out = 5;
    x.ticker.desired_num_ticks = 4;
    x.major_label_policy = new Bokeh.NoOverlap({min_distance: 8});
    y.major_tick_out = 0;
    y.axis_line_width = 0;
    plot.center.find((grid) => grid.dimension === 0).visible = false;

    const made = {title, columns, plot, lines: [], box: make("figure"), canvas: make("div", "canvas"), over: make("div", "over")};
    Object.assign(made, {legend: make("div", "legend"), cross: make("div", "cross"), tip: make("div", "tip"), hint: make("div", "hint"), chosen: make("div", "chosen")});
    const head = make("header");
    const tools = make("div", "tools");
    tools.append(button("zoom", () => select(!selecting)), button("reset", () => range(null)), button("save", () => save(made)));
    head.append(Object.assign(make("h2", "", title), {title: description}), tools);
    made.over.append(made.hint, made.cross, made.chosen, made.tip);
    made.canvas.append(made.over);
    made.box.append(head, made.legend, made.canvas);
    at("charts").append(made.box);
    made.cross.hidden = made.tip.hidden = made.chosen.hidden = true;
    made.view = await Bokeh.Plotting.show(plot, made.canvas);
    made.canvas.append(made.over);
    listen(made);
    return made;
  };

  const draw = () => {
    const [from, to] = zoom ?? [first(), Math.max(last(), first() + 2)];
    const margin = zoom ? 0 : (to - from) / 60; // for the circles at both ends
    for (const chart of charts) {
      const gone = chart.lines.filter(({id}) => !clients.has(id));
      if (gone.length) {
        chart.plot.renderers = chart.plot.renderers.filter((one) => !gone.some(({stroke, dots}) => one === stroke || one === dots));
        for (const {entry} of gone) entry.remove();
        chart.lines = chart.lines.filter((line) => !gone.includes(line));
      }
      for (const id of clients.keys()) {
        if (!chart.lines.some((line) => line.id === id)) {
          chart.columns.forEach((column, n) => chart.lines.push(line(chart, id, column, n ? "dashed" : "solid")));
        }
      }
      for (const {id, column, source, dots, entry} of chart.lines) {
        const rows = clients.get(id).history;
        source.data = {at: rows.map((row) => local(row.at)), value: rows.map((row) => row[column] ?? NaN)};
        if (dots) dots.visible = rows.length <= MAX_POINTS && entry.ariaPressed === "true";
      }
      chart.plot.x_range.setv({start: local(from - margin), end: local(to + margin)});
      const some = histories().some((rows) => rows.length);
      const any = chart.lines.some(({source}) => source.data.value.some(Number.isFinite));
      put(chart.hint, any ? "" : some ? "Not measured so far" : "No data yet");
    }
    recolour();
    if (pointed) point(pointed.chart, pointed.x);
  };

  const line = (chart, id, [heading, column], dash) => {
    const source = new Bokeh.ColumnDataSource({data: {at: [], value: []}});
    const options = {source, line_width: 2};
    const stroke = chart.plot.line({field: "at"}, {field: "value"}, {...options, line_dash: dash});
    const dots = dash === "solid" ? chart.plot.scatter({field: "at"}, {field: "value"}, {...options, size: 5, marker: "circle"}) : null;
    const entry = make("button", dash);
    entry.type = "button";
    entry.append(make("i"), `${clients.get(id).client}${heading && chart.columns.length > 1 ? ` ${heading}` : ""}`);
    const key = [chart.title, id, column].join("|");
    const show = () => {
      entry.ariaPressed = String(!hidden.has(key));
      stroke.visible = !hidden.has(key);
      if (dots) dots.visible = stroke.visible && source.data.at.length <= MAX_POINTS;
    };
    entry.addEventListener("click", () => {
      if (!hidden.delete(key)) hidden.add(key);
      show();
    });
    show();
    chart.legend.append(entry);
    return {id, column, dash, label: entry.textContent, source, stroke, dots, entry};
  };

  const recolour = () => {
    const paper = css("--chart");
    for (const {lines, view} of charts) {
      for (const {id, stroke, dots, entry} of lines) {
        const value = colour(id);
        entry.firstElementChild.style.borderColor = value;
        stroke.glyph.line_color = {value};
        dots?.glyph.setv({line_color: {value}, fill_color: {value: paper}});
      }
      view.request_repaint(); // axes and grid read their colours from the style sheet
    }
  };

  // -------------------------------------------------------------------------------------------- pointing and zooming

  let selecting = false;
  let pointed = null; // {chart, x} under the pointer
  const select = (on) => {
    selecting = on;
    for (const {canvas, box} of charts) {
      canvas.classList.toggle("selecting", on);
      box.querySelector(".tools button").ariaPressed = String(on);
    }
  };
  const range = (chosen) => {
    zoom = chosen;
    draw();
  };
  const inside = ({canvas, view}, event) => {
    const {left, right} = view.frame.bbox;
    return Math.min(right, Math.max(left, event.clientX - canvas.getBoundingClientRect().left));
  };
  const listen = (chart) => {
    let from = null;
    const between = (event) => [from, inside(chart, event)].sort((a, b) => a - b);
    chart.canvas.addEventListener("pointermove", (event) => {
      const x = inside(chart, event);
      pointed = {chart, x};
      if (from === null) return point(chart, x);
      const [low, high] = between(event);
      Object.assign(chart.chosen.style, {...upright(chart), left: `${low}px`, width: `${high - low}px`});
      chart.chosen.hidden = false;
    });
    chart.canvas.addEventListener("pointerleave", () => point(null));
    chart.canvas.addEventListener("pointerdown", (event) => {
      if (!selecting || event.button) return;
      from = inside(chart, event);
      chart.canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
      point(null);
    });
    const end = (event) => {
      if (from === null) return;
      const [low, high] = between(event);
      from = null;
      chart.chosen.hidden = true;
      const {x_scale} = chart.view.frame;
      if (event.type === "pointerup" && high - low > 4) range([low, high].map((x) => moment(x_scale.invert(x))));
    };
    chart.canvas.addEventListener("pointerup", end);
    chart.canvas.addEventListener("pointercancel", end);
  };
  const upright = ({view}) => ({top: `${view.frame.bbox.top}px`, height: `${view.frame.bbox.height}px`});

  /** Draw a line through every chart at the row nearest to the pointer, and beside it the values there. */
  const point = (chart, x) => {
    pointed = chart ? {chart, x} : null;
    const wanted = chart ? moment(chart.view.frame.x_scale.invert(x)) : null;
    const nearest = (rows) => rows.reduce((best, row) => Math.abs(row.at - wanted) < Math.abs((best?.at ?? Infinity) - wanted) ? row : best, null);
    const rows = chart ? new Map([...clients].map(([id, {history}]) => [id, nearest(history)])) : new Map();
    const spot = nearest([...rows.values()].filter(Boolean));
    for (const one of charts) {
      const {cross, tip, lines, view, over} = one;
      cross.hidden = tip.hidden = true;
      if (!chart || (!spot && one !== chart)) continue;
      const place = spot ? view.frame.x_scale.compute(local(spot.at)) : x;
      const {left, right, top} = view.frame.bbox;
      if (place < left - 1 || place > right + 1) continue;
      Object.assign(cross.style, {...upright(one), left: `${place}px`});
      cross.hidden = false;
      const near = lines.filter(({id, column, entry}) => {
        const row = rows.get(id);
        return entry.ariaPressed === "true" && row && Math.abs(row.at - spot.at) <= NEAR && Number.isFinite(row[column]);
      });
      tip.replaceChildren(make("span", "", near.length ? new Date(start + spot.at * 1000).toLocaleString() : "No data"));
      for (const {id, column, label} of near) {
        const text = make("span", "", `${label}: ${figure(rows.get(id)[column])}`);
        text.style.color = colour(id);
        tip.append(text);
      }
      tip.hidden = false;
      const flip = place + 16 + tip.offsetWidth > over.clientWidth;
      Object.assign(tip.style, {left: `${Math.max(0, flip ? place - 16 - tip.offsetWidth : place + 16)}px`, top: `${top + 4}px`});
    }
  };

  /** Download the chart as a PNG, with its title and the names of its lines. */
  const save = ({title, lines, view}) => {
    const picture = view.export("png", true).canvas;
    const scale = picture.width / view.bbox.width;
    const canvas = make("canvas");
    const pen = canvas.getContext("2d");
    const visible = lines.filter(({entry}) => entry.ariaPressed === "true");
    const row = 18;
    canvas.width = picture.width;
    canvas.height = picture.height + (36 + row * visible.length) * scale;
    pen.fillStyle = css("--chart");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 36 * scale);
    pen.scale(scale, scale);
    pen.fillStyle = css("--ink");
    pen.font = "bold 18px sans-serif";
    pen.fillText(title, 8, 24);
    pen.font = "12px sans-serif";
    visible.forEach(({id, label, dash}, n) => {
      const y = 36 + picture.height / scale + row * n + 6;
      pen.strokeStyle = colour(id);
      pen.lineWidth = 2;
      pen.setLineDash(dash === "dashed" ? [6, 3] : []);
      pen.beginPath();
      pen.moveTo(60, y);
      pen.lineTo(84, y);
      pen.stroke();
      pen.fillText(label, 92, y + 4);
    });
    canvas.toBlob((blob) => download(blob, `${title.replace(/\W+/g, "_").replace(/_$/, "").toLowerCase()}_${Math.round(Date.now() / 1000)}.png`));
  };
  const download = (blob, name) => {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  // ------------------------------------------------------------------------------------------------------- the page

  // A file may take seconds and may fail: the page shows both, where a plain link would show nothing or another page.
  at("files").addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    status(`Waiting for ${link.textContent} …`, "busy");
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) return status(answer.status === 404 ? await answer.text() : `${link.textContent} could not be downloaded (HTTP ${answer.status}).`, "");
      const name = /filename\*?=(?:UTF-8'')?"?([^";]+)/.exec(answer.headers.get("Content-Disposition"))?.[1];
      download(await answer.blob(), name ? decodeURIComponent(name) : link.textContent);
      status("", "");
    } catch {
      status("Locust does not answer: is it still running?", "");
    }
  });

  /** Take the colour scheme of Locust's own pages, which the browser shares by an event. */
  const setScheme = () => {
    const {theme} = localStorage;
    const dark = theme === "dark" || (theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.scheme = dark ? "dark" : "light";
  };
  setScheme();
  Bokeh.set_log_level("error");
  const charts = [];
  const drawn = new Set(); // first columns
  /** Make the charts of groups that have none yet. A table of metrics stays the same while Locust runs. */
  const makeCharts = async (groups) => {
    for (const group of groups) {
      const own = group.chart[0]?.[1];
      if (!own || drawn.has(own)) continue;
      drawn.add(own);
      charts.push(await chartOf(group));
    }
  };

  let latest = null;
  addEventListener("storage", ({key}) => {
    if (key !== "theme" && key !== null) return;
    setScheme();
    if (latest) tables(latest);
    recolour();
  });
  if (window.frameElement) {
    root.style.overflowY = "hidden";
    new ResizeObserver(() => {
      if (document.body.clientWidth) frameElement.style.height = `${document.body.offsetHeight}px`;
    }).observe(document.body);
  }

  let answered = new Date();
  const request = async () => {
    try {
      const known = run === null ? "" : `?${new URLSearchParams({run, after: last() - OVERLAP})}`;
      const answer = await fetch(`data${known}`, {cache: "no-store"});
      if (answer.redirected) top.location.reload(); // to the login
      answered = new Date();
      at("silence").hidden = true;
      return await answer.json();
    } catch {
      put(at("silence"), `Locust does not answer: the metrics are those of ${answered.toLocaleTimeString()}.`);
      at("silence").hidden = false;
      return null;
    }
  };
  const poll = async () => {
    setTimeout(poll, POLL_INTERVAL);
    if (document.hidden || !root.clientWidth) return;
    const data = await request();
    if (!data) return;
    await makeCharts(data.columns);
    for (const {box, title, columns: [[, own]]} of charts) {
      put(box.querySelector("h2"), data.columns.find(({chart: [first]}) => first?.[1] === own)?.title ?? title);
    }
    latest = data;
    update(data);
    tables(data);
    draw();
  };
  await poll();
  root.dataset.charts = "ready";
})();
