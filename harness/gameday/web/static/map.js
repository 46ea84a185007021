"use strict";
// The pipeline's map: nodes in columns, links drawn between where the nodes really are.
const PipelineMap = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  let nodes = new Map(), links = [], drawing = null, root = null, aside = null;

  function node(name) {
    const box = document.createElement("div"), title = document.createElement("b"), text = document.createElement("small");
    box.className = "node";
    title.textContent = name;
    box.append(title, text);
    nodes.set(name, { box, text, name });
    return box;
  }

  function build(floor) {
    root = document.getElementById("map");
    root.replaceChildren();
    nodes = new Map();
    links = floor.links;
    drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("aria-hidden", "true");
    root.append(drawing);
    const columns = document.createElement("div");
    columns.className = "columns";
    root.append(columns);
    for (const column of floor.columns) {
      const box = document.createElement("div");
      box.className = "column";
      box.append(...column.map(node));
      columns.append(box);
    }
    aside = document.createElement("div");
    aside.className = "aside";
    aside.append(...floor.aside.map(node));
    root.append(aside);
    new ResizeObserver(draw).observe(root);
  }

  function draw() {
    const origin = root.getBoundingClientRect();
    const paths = links.filter(([a, b]) => nodes.has(a) && nodes.has(b)).map(([a, b]) => {
      const from = nodes.get(a).box.getBoundingClientRect(), to = nodes.get(b).box.getBoundingClientRect();
      const middle = (r) => [r.left + r.width / 2 - origin.left, r.top + r.height / 2 - origin.top];
      const [x1, y1] = middle(from), [x2, y2] = middle(to);
      const across = Math.abs(x2 - x1) > Math.abs(y2 - y1);
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", across
        ? `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`
        : `M${x1} ${y1}C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`);
      return path;
    });
    drawing.replaceChildren(...paths);
  }

  const text = {
    users: (s) => s.availability === null ? "" : `${Fmt.share(s.availability)} answered`,
    serving: (s) => s.latency_ms === null ? "" : `${Fmt.latency(s.latency_ms)}` + (s.full !== null && s.full < .995 ? `, ${Fmt.share(1 - s.full)} fallback` : ""),
    features: (s) => s.feature_age_s === null ? "" : `data ${Fmt.age(s.feature_age_s)} old`,
    registry: (s) => s.model_age_s === null ? "" : `model ${Fmt.age(s.model_age_s)} old`,
  };
  const hurt = {
    users: (s) => s.availability !== null && s.availability < .99,
    serving: (s) => s.latency_ms > 1000 || (s.full !== null && s.full < .9),
    features: (s) => s.feature_age_s > 7200,
    registry: (s) => s.model_age_s > 93600,
  };

  function update(signals, firing) {
    if (!root) return;
    const by = new Map();
    for (const alert of firing) by.set(alert.component, [...(by.get(alert.component) || []), alert]);
    for (const name of by.keys()) if (name && !nodes.has(name)) aside.append(node(name));
    for (const { box, text: line, name } of nodes.values()) {
      const alerts = by.get(name) || [];
      const severity = alerts.some((a) => a.severity === "critical") ? "critical" : alerts.length ? "warning" : "";
      box.className = `node ${severity}`;
      let count = box.querySelector(".count");
      if (alerts.length && !count) { count = document.createElement("span"); count.className = "count"; box.append(count); }
      if (count && !alerts.length) count.remove();
      if (alerts.length) {
        count.textContent = alerts.length;
        count.title = alerts.map((a) => a.name).join(", ");
        count.setAttribute("aria-label", `${alerts.length} alert${alerts.length > 1 ? "s" : ""} firing`);
      }
      const known = signals.availability !== undefined;
      line.textContent = known && text[name] ? text[name](signals) : "";
      line.className = known && hurt[name] && hurt[name](signals) ? "hurt" : "";
    }
    draw();
  }
  return { build, update };
})();
