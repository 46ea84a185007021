"use strict";
// Words for numbers, and the chart: people, alerts and the fault in lanes over the signals, on one axis of time.
const Fmt = {
  share: (v) => v === null ? "—" : `${(100 * v).toFixed(v < 1 && v >= .995 ? 1 : 0)} %`,
  latency: (v) => v === null ? "—" : v < 1000 ? `${v.toFixed(v < 10 ? 1 : 0)} ms` : `${(v / 1000).toFixed(1)} s`,
  age: (s) => s === null || s === undefined ? "—" : s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : s < 172800 ? `${(s / 3600).toFixed(1)} h` : `${(s / 86400).toFixed(1)} d`,
  since: (s) => { const t = Math.max(0, Math.round(s / 60)); return `${Math.floor(t / 60)}:${String(t % 60).padStart(2, "0")}`; },
};
const Chart = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const ROWS = [
    { key: "availability", name: "Availability", show: Fmt.share, top: () => 1, bottom: () => 0, bad: (v) => v < .99 },
    { key: "latency_ms", name: "Latency, 95th percentile", show: Fmt.latency, top: (m) => Math.max(50, m), bottom: () => 0, bad: (v) => v > 1000 },
    { key: "feature_age_s", name: "Age of the features", show: Fmt.age, top: (m) => Math.max(3600, m), bottom: () => 0, bad: (v) => v > 7200 },
    { key: "model_age_s", name: "Age of the model", show: Fmt.age, top: (m) => Math.max(43200, m), bottom: () => 0, bad: (v) => v > 93600 },
  ];
  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // entries of the round, samples, t (now), live (when people began to watch); times in seconds
  function draw({ entries, samples, t, live }) {
    const host = document.getElementById("chart"), width = host.clientWidth;
    if (!width) return;
    const from = Math.max(0, live - 10800), to = Math.max(t, live + 3600) * 1.005;
    const x = (time) => Math.max(0, Math.min(1, (time - from) / (to - from))) * width;
    const parts = [];
    let y = 16;
    const lanes = [["People", marks], ["Alerts", alerts]];
    if (entries.some((e) => e.what === "fault")) lanes.push(["Fault", faults]);
    for (const [name, drawLane] of lanes) {
      parts.push(make("text", { x: 0, y, class: "name" }, name));
      parts.push(...drawLane(entries, x, y + 14, t));
      y += 40;
    }
    const charts = y;
    for (const row of ROWS) {
      const values = samples.filter((s) => s.t >= from && s[row.key] !== null).map((s) => [s.t, s[row.key]]);
      const top = row.top(Math.max(0, ...values.map((v) => v[1]))), height = 46;
      const at = (value) => y + 10 + (1 - value / top) * height;
      parts.push(make("text", { x: 0, y, class: "name" }, row.name));
      if (values.length) parts.push(make("text", { x: width, y, class: "value", "text-anchor": "end" }, row.show(values[values.length - 1][1])));
      parts.push(make("line", { x1: 0, x2: width, y1: y + 10 + height, y2: y + 10 + height, class: "grid" }));
      parts.push(make("line", { x1: 0, x2: width, y1: y + 10, y2: y + 10, class: "grid" }));
      let line = "", bad = "", last = null;
      for (const [time, value] of values) {
        const point = `${x(time).toFixed(1)} ${at(value).toFixed(1)}`;
        line += (last === null || time - last[0] > 900 ? "M" : "L") + point;
        if (row.bad(value)) bad += (last !== null && row.bad(last[1]) ? "L" : last === null ? "M" : `M${x(last[0]).toFixed(1)} ${at(last[1]).toFixed(1)}L`) + point;
        last = [time, value];
      }
      parts.push(make("path", { d: line, class: "series" }), make("path", { d: bad, class: "hurt" }));
      y += height + 32;
    }
    for (const e of entries) if (e.what === "mark" && e.mark !== "note") parts.push(make("line", { x1: x(e.t), x2: x(e.t), y1: 30, y2: y - 22, class: "person-line" }));
    parts.push(make("line", { x1: x(t), x2: x(t), y1: 8, y2: y - 22, class: "now" }));
    const step = [900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].find((s) => (to - live) / s < width / 90) || 172800;
    for (let tick = live - Math.floor((live - from) / step) * step; tick < to; tick += step) {
      const label = tick === live ? "0:00" : (tick < live ? "−" : "") + Fmt.since(Math.abs(tick - live));
      const place = x(tick);
      parts.push(make("text", { x: place, y: y - 4, "text-anchor": place < 20 ? "start" : place > width - 24 ? "end" : "middle" }, label));
    }
    const svg = make("svg", { viewBox: `0 0 ${width} ${y}`, height: y });
    svg.append(...parts);
    host.replaceChildren(svg);
    const words = ROWS.map((r) => { const s = samples[samples.length - 1]; return s ? `${r.name} ${r.show(s[r.key])}` : ""; }).filter(Boolean);
    host.setAttribute("aria-label", `Signals over time. ${words.join("; ")}. The list “What happened” has every alert and mark.`);
    return charts;
  }

  const titled = (shape, text) => { shape.append(make("title", {}, text)); return shape; };
  function marks(entries, x, y) {
    return entries.filter((e) => e.what === "mark").map((e) =>
      titled(make("circle", { cx: x(e.t), cy: y, r: e.mark === "note" ? 3.5 : 6, class: "person" }), `${e.mark} by ${e.by}${e.text ? `: ${e.text}` : ""}`));
  }
  function alerts(entries, x, y, now) {
    const open = new Map(), shapes = [];
    const span = (e, end) => make("line", { x1: x(e.t), x2: Math.max(x(e.t) + 1, x(end)), y1: y, y2: y, class: `span ${known(e.severity)}` });
    for (const e of entries) {
      if (e.what !== "alert") continue;
      const key = `${e.name} ${e.component} ${e.summary.slice(0, 0)}`;
      if (e.state === "firing" && !open.has(key)) open.set(key, e);
      if (e.state !== "firing" && open.has(key)) { shapes.push(span(open.get(key), e.t)); open.delete(key); }
    }
    for (const e of open.values()) shapes.push(span(e, now));
    for (const e of entries) if (e.what === "alert" && e.state === "firing") {
      const at = x(e.t);
      shapes.push(titled(make("path", { d: `M${at} ${y - 6}l6 6-6 6-6-6z`, class: `alert ${known(e.severity)}` }), `${e.name} (${e.component}): ${e.summary}`));
    }
    return shapes;
  }
  function faults(entries, x, y, now) {
    const open = new Map(), shapes = [];
    const bar = (id, begin, end) => titled(make("rect", { x: x(begin), y: y - 6, width: Math.max(3, x(end) - x(begin)), height: 12, rx: 3, class: "fault" }), id);
    for (const e of entries) {
      if (e.what !== "fault") continue;
      if (e.state === "applied") open.set(e.id, e.t);
      if (e.state === "reverted" && open.has(e.id)) { shapes.push(bar(e.id, open.get(e.id), e.t)); open.delete(e.id); }
    }
    for (const [id, begin] of open) shapes.push(bar(id, begin, now));
    return shapes;
  }
  const known = (severity) => ["critical", "warning", "info"].includes(severity) ? severity : "warning";
  return { draw };
})();
