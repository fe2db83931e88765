"use strict";
(async () => {
  const EVERY = 2000; // ms
  const AGAIN = 10; // s of the history that are asked for again, for rows that came late
  const NEAR = 5; // s between the pointer's moment and a point that is told for it
  const POINTS = 40; // more than these and a line goes without its circles
  const HOURS = new Intl.DateTimeFormat(undefined, {timeStyle: "medium"}).resolvedOptions().hour12 ? "%-I:%M:%S %p" : "%H:%M:%S";
  const PERCENTILES = (name) => [["p50", `${name}_p50`, "solid"], ["p99", `${name}_p99`, "dashed"]];
  const CHARTS = [
    ["Streams open", [["", "open", "solid"]]],
    ["Tokens/s", [["", "tokens_per_s", "solid"]]],
    ["TTFT (ms)", PERCENTILES("ttft")],
    ["ITL (ms)", PERCENTILES("itl")],
    ["Lag (ms)", PERCENTILES("lag")],
    ["Memory (MiB)", [["", "rss_mib", "solid"]]],
    ["Threads", [["", "threads", "solid"]]],
    ["CPU (% of a core)", [["", "cpu_percent", "solid"]]],
  ];
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
  const lasting = (seconds) => {
    const whole = Math.floor(seconds);
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    return [...(h ? [h] : []), h ? String(m).padStart(2, "0") : m, String(s).padStart(2, "0")].join(":");
  };

  // ------------------------------------------------------------------------------------------------- what is known

  let run = null; // the run whose history this is
  let start = 0; // ms since the epoch, of the moment that the history calls 0
  let looks = {};
  let history = new Map(); // client -> its rows
  let zoom = null; // [from, to] in s, or null: all
  const hidden = new Set(); // "title|client|column" of lines that the legend has switched off

  const last = () => Math.max(0, ...[...history.values()].map((rows) => rows.at(-1)?.at ?? 0));
  const first = () => {
    const firsts = [...history.values()].filter((rows) => rows.length).map((rows) => rows[0].at);
    return firsts.length ? Math.min(...firsts) : 0;
  };
  const take = (data) => {
    const known = data.run === run;
    if (!known) {
      run = data.run;
      history = new Map();
      zoom = null;
      start = began(data);
    }
    const again = last() - AGAIN;
    const fresh = Map.groupBy(data.history, (row) => row.client);
    for (const client of data.clients.map((row) => row.client)) {
      const kept = (history.get(client) ?? []).filter((row) => row.at <= again);
      history.set(client, kept.concat(fresh.get(client) ?? []));
    }
  };
  /** A run's name begins with the moment it started, in UTC; only that is left of it when it is over. */
  const began = ({run, state, elapsed}) => {
    const told = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(run);
    if (state !== "stopped" || !told) return Date.now() - elapsed * 1000;
    const [year, month, ...rest] = told.slice(1).map(Number);
    return Date.UTC(year, month - 1, ...rest);
  };

  // ---------------------------------------------------------------------------------------------------- the tables

  /** Set rows of [text, class, colour] cells; what stays the same is not touched. */
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
  const scheme = () => root.dataset.scheme;
  const colour = (client) => looks[client]?.[scheme()] ?? css("--quiet");

  const tell = (data) => {
    put(at("state"), data.state);
    at("state").className = data.state;
    put(at("scenario"), data.scenario);
    put(at("elapsed"), data.elapsed ? lasting(data.elapsed) : "");
    put(at("run"), data.run);
    validity(data);
    at("notes").hidden = !data.notes.length;
    replace(at("notes").firstElementChild, data.notes, () => data.notes.map((note) => make("li", "", note)));
    fill(at("clients").querySelector("tbody"), data.clients.map((row) => [
      [row.client, "", colour(row.client)],
      ...[row.open, row.asked, row.tokens_per_s].map((value) => [figure(value)]),
      ...[["ttft", "p50"], ["ttft", "p90"], ["ttft", "p99"], ["itl", "p50"], ["itl", "p99"], ["lag", "p50"], ["lag", "p99"]]
        .map(([name, p]) => [figure(row[name]?.[p])]),
      [figure(row.ok)], [figure(row.failed), row.failed ? "bad" : ""], [figure(row.stopped)],
    ]));
    at("clients").hidden = !data.clients.length;
    fill(at("workers").querySelector("tbody"), data.workers.map((row) => [
      [row.worker], [row.client, "", colour(row.client)], [row.state, row.state === "lost" ? "bad" : ""],
      ...[row.open, row.streams, row.rss_mib, row.threads, row.cpu_percent].map((value) => [figure(value)]),
    ]));
    at("workers").hidden = !data.workers.length;
  };
  const validity = ({run, clients, validity: told}) => {
    const against = told.filter(({verdict}) => verdict !== "valid");
    const some = clients.length ? "valid" : "";
    const worst = against.some(({verdict}) => verdict === "invalid") ? "invalid" : against.length ? "suspect" : some;
    at("validity").className = worst;
    replace(at("validity"), [run, worst, against], () => {
      if (!worst) return [make("p", "", run ? "There are no figures yet." : "Nothing was run yet: start a test, and its figures appear here.")];
      if (!against.length) return [make("p", "", "✓ Nothing speaks against these figures so far.")];
      return against.map(({verdict, who, text}) => {
        const line = make("p");
        line.append(make("b", verdict, verdict === "invalid" ? "✕ invalid" : "? suspect"), who ? `${who}: ${text}` : text);
        return line;
      });
    });
  };
  const shown = new Map();
  /** New children only where what they tell has changed: a reader's selection and a screen reader are left in peace. */
  const replace = (node, told, children) => {
    const text = JSON.stringify(told);
    if (shown.get(node) === text) return;
    shown.set(node, text);
    node.replaceChildren(...children());
  };

  // ---------------------------------------------------------------------------------------------------- the charts

  const local = (seconds) => start + seconds * 1000 - new Date(start).getTimezoneOffset() * 60000; // Bokeh tells UTC
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

  const chartOf = async ([title, columns]) => {
    const times = Object.fromEntries(
      ["microseconds", "milliseconds", "seconds", "minsec", "minutes", "hourmin", "hours"].map((name) => [name, HOURS]),
    );
    const plot = Bokeh.Plotting.figure({
      height: 226, sizing_mode: "stretch_width", min_width: 120, tools: "", toolbar_location: null, window_axis: "x",
      x_axis_type: "datetime", x_range: new Bokeh.Range1d({start: local(0), end: local(10)}),
      y_range: new Bokeh.DataRange1d({start: 0, only_visible: true, default_span: 1}),
      min_border_left: 60, min_border_right: 24, min_border_top: 8, min_border_bottom: 26,
      background_fill_color: null, border_fill_color: null, outline_line_color: null, lod_threshold: null,
    });
    const [x, y] = [plot.below[0], plot.left[0]];
    x.formatter = new Bokeh.DatetimeTickFormatter(times);
    y.formatter = new Bokeh.NumeralTickFormatter({format: "0,0.[000]"});
    y.ticker.min_interval = columns.length === 1 && ["open", "threads"].includes(columns[0][1]) ? 1 : 0;
    for (const axis of [x, y]) {
      axis.major_label_text_font = "Roboto, Helvetica, Arial, sans-serif";
      axis.major_label_text_font_size = "12px";
      axis.major_tick_in = 0;
      axis.minor_tick_out = 0;
    }
    x.major_tick_out = 5;
    y.major_tick_out = 0;
    y.axis_line_width = 0;
    plot.center.find((grid) => grid.dimension === 0).visible = false;

    const made = {title, columns, plot, lines: [], whole: make("figure"), canvas: make("div", "canvas"), over: make("div", "over")};
    Object.assign(made, {legend: make("div", "legend"), cross: make("div", "cross"), tip: make("div", "tip"), hint: make("div", "hint"), chosen: make("div", "chosen")});
    const head = make("header");
    const tools = make("div", "tools");
    tools.append(button("zoom", () => select(!selecting)), button("reset", () => range(null)), button("save", () => save(made)));
    head.append(make("h2", "", title), tools);
    made.over.append(made.hint, made.cross, made.chosen, made.tip);
    made.canvas.append(made.over);
    made.whole.append(head, made.legend, made.canvas);
    at("charts").append(made.whole);
    made.cross.hidden = made.tip.hidden = made.chosen.hidden = true;
    made.view = await Bokeh.Plotting.show(plot, made.canvas);
    made.canvas.append(made.over);
    listen(made);
    return made;
  };

  const draw = () => {
    const clients = [...history.keys()].filter((client) => client in looks);
    const [from, to] = zoom ?? [first(), Math.max(last(), first() + 2)];
    for (const chart of charts) {
      const gone = chart.lines.filter(({client}) => !clients.includes(client));
      if (gone.length) {
        chart.plot.renderers = chart.plot.renderers.filter((one) => !gone.some(({stroke, dots}) => one === stroke || one === dots));
        for (const {entry} of gone) entry.remove();
        chart.lines = chart.lines.filter((line) => !gone.includes(line));
      }
      for (const client of clients) {
        if (!chart.lines.some((line) => line.client === client)) {
          for (const column of chart.columns) chart.lines.push(line(chart, client, column));
        }
      }
      for (const {client, column, source, dots, entry} of chart.lines) {
        const rows = history.get(client);
        source.data = {at: rows.map((row) => local(row.at)), value: rows.map((row) => row[column] ?? NaN)};
        if (dots) dots.visible = rows.length <= POINTS && entry.ariaPressed === "true";
      }
      chart.plot.x_range.setv({start: local(from), end: local(to)});
      const some = [...history.values()].some((rows) => rows.length);
      const any = chart.lines.some(({source}) => source.data.value.some(Number.isFinite));
      put(chart.hint, any ? "" : some ? "Not measured so far" : "No data yet");
    }
    recolour();
    if (pointed) point(pointed.chart, pointed.x);
  };

  const line = (chart, client, [p, column, dash]) => {
    const source = new Bokeh.ColumnDataSource({data: {at: [], value: []}});
    const look = {source, line_width: 2};
    const stroke = chart.plot.line({field: "at"}, {field: "value"}, {...look, line_dash: dash});
    const dots = dash === "solid" ? chart.plot.scatter({field: "at"}, {field: "value"}, {...look, size: 5, marker: "circle"}) : null;
    const entry = make("button", dash);
    entry.type = "button";
    entry.append(make("i"), `${client}${p && ` ${p}`}`);
    const key = [chart.title, client, column].join("|");
    const show = () => {
      entry.ariaPressed = String(!hidden.has(key));
      stroke.visible = !hidden.has(key);
      if (dots) dots.visible = stroke.visible && source.data.at.length <= POINTS;
    };
    entry.addEventListener("click", () => {
      if (!hidden.delete(key)) hidden.add(key);
      show();
    });
    show();
    chart.legend.append(entry);
    return {client, column, dash, label: entry.textContent, source, stroke, dots, entry};
  };

  const recolour = () => {
    const paper = css("--chart");
    for (const {lines, view} of charts) {
      for (const {client, stroke, dots, entry} of lines) {
        const value = colour(client);
        entry.firstElementChild.style.borderColor = value;
        stroke.glyph.line_color = {value};
        dots?.glyph.setv({line_color: {value}, fill_color: {value: paper}});
      }
      view.request_repaint(); // axes and grid read their colours from the style sheet
    }
  };

  // ------------------------------------------------------------------------------------------- pointing and zooming

  let selecting = false;
  let pointed = null; // {chart, x} under the pointer
  const select = (on) => {
    selecting = on;
    for (const {canvas, whole} of charts) {
      canvas.classList.toggle("selecting", on);
      whole.querySelector(".tools button").ariaPressed = String(on);
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

  /** A line through every chart at the row nearest to the pointer, and beside it what each line says there. */
  const point = (chart, x) => {
    pointed = chart ? {chart, x} : null;
    const asked = chart ? moment(chart.view.frame.x_scale.invert(x)) : null;
    const nearest = (rows) => rows.reduce((best, row) => Math.abs(row.at - asked) < Math.abs((best?.at ?? Infinity) - asked) ? row : best, null);
    const rows = chart ? new Map([...history].map(([client, rows]) => [client, nearest(rows)])) : new Map();
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
      const told = lines.filter(({client, column, entry}) => {
        const row = rows.get(client);
        return entry.ariaPressed === "true" && row && Math.abs(row.at - spot.at) <= NEAR && Number.isFinite(row[column]);
      });
      tip.replaceChildren(...(told.length ? [make("span", "", new Date(start + spot.at * 1000).toLocaleString())] : [make("span", "", "No data")]));
      for (const {client, column, label} of told) {
        const text = make("span", "", `${label}: ${figure(rows.get(client)[column])}`);
        text.style.color = colour(client);
        tip.append(text);
      }
      tip.hidden = false;
      const flip = place + 16 + tip.offsetWidth > over.clientWidth;
      Object.assign(tip.style, {left: `${Math.max(0, flip ? place - 16 - tip.offsetWidth : place + 16)}px`, top: `${top + 4}px`});
    }
  };

  /** The chart as it stands, with its title and the names of its lines. */
  const save = ({title, lines, view}) => {
    const picture = view.export("png", true).canvas;
    const scale = picture.width / view.bbox.width;
    const canvas = make("canvas");
    const pen = canvas.getContext("2d");
    const named = lines.filter(({entry}) => entry.ariaPressed === "true");
    const row = 18;
    canvas.width = picture.width;
    canvas.height = picture.height + (36 + row * named.length) * scale;
    pen.fillStyle = css("--chart");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 36 * scale);
    pen.scale(scale, scale);
    pen.fillStyle = css("--ink");
    pen.font = "bold 18px sans-serif";
    pen.fillText(title, 8, 24);
    pen.font = "12px sans-serif";
    named.forEach(({client, label, dash}, n) => {
      const y = 36 + picture.height / scale + row * n + 6;
      pen.strokeStyle = colour(client);
      pen.lineWidth = 2;
      pen.setLineDash(dash === "dashed" ? [6, 3] : []);
      pen.beginPath();
      pen.moveTo(60, y);
      pen.lineTo(84, y);
      pen.stroke();
      pen.fillText(label, 92, y + 4);
    });
    canvas.toBlob((blob) => keep(blob, `${title.replace(/\W+/g, "_").replace(/_$/, "").toLowerCase()}_${Math.round(Date.now() / 1000)}.png`));
  };
  const keep = (blob, name) => {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  // ------------------------------------------------------------------------------------------------------- the page

  // Making a file may take seconds and may fail: both are told here, where following the link would show either nothing or
  // another page.
  at("files").addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    const say = (text, className) => { put(at("making"), text); at("making").className = className; };
    say(`${link.textContent} is being made …`, "busy");
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) return say(answer.status === 404 ? await answer.text() : `${link.textContent} could not be made.`, "");
      const name = /filename\*?=(?:UTF-8'')?"?([^";]+)/.exec(answer.headers.get("Content-Disposition"))?.[1];
      keep(await answer.blob(), name ? decodeURIComponent(name) : link.textContent);
      say("", "");
    } catch {
      say("Locust does not answer.", "");
    }
  });

  /** As Locust's own pages choose it; it tells no other window, but the browser does. */
  const dress = () => {
    const {theme} = localStorage;
    const dark = theme === "dark" || (theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.scheme = dark ? "dark" : "light";
  };
  dress();
  Bokeh.set_log_level("error");
  const charts = [];
  for (const spec of CHARTS) charts.push(await chartOf(spec));

  let told = null;
  addEventListener("storage", ({key}) => {
    if (key !== "theme" && key !== null) return;
    dress();
    if (told) tell(told);
    recolour();
  });
  if (window.frameElement) {
    root.style.overflowY = "hidden";
    new ResizeObserver(() => {
      if (document.body.clientWidth) frameElement.style.height = `${document.body.offsetHeight}px`;
    }).observe(document.body);
  }

  let answered = new Date();
  const ask = async () => {
    try {
      const known = run === null ? "" : `?${new URLSearchParams({run, after: last() - AGAIN})}`;
      const answer = await fetch(`data${known}`, {cache: "no-store"});
      if (answer.redirected) top.location.reload(); // to the login
      answered = new Date();
      at("silence").hidden = true;
      return await answer.json();
    } catch {
      put(at("silence"), `Locust does not answer: these figures are of ${answered.toLocaleTimeString()}.`);
      at("silence").hidden = false;
      return null;
    }
  };
  const poll = async () => {
    setTimeout(poll, EVERY);
    if (document.hidden || !root.clientWidth) return;
    const data = await ask();
    if (!data) return;
    told = data;
    looks = data.looks;
    take(data);
    tell(data);
    draw();
  };
  await poll();
  root.dataset.charts = "ready";
})();
