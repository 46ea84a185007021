/* The curves of a scenario, drawn with uPlot when it is opened: zoom by dragging, read off by pointing or with the
   arrow keys. On paper, and without scripts, the still pictures stand in their place. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("plot-data").textContent);
  const drawn = [];

  function series(number) {
    const out = [];
    for (const item of data.series[number]) {
      if (Array.isArray(item)) for (let i = 0; i < item[1]; i++) out.push(item[0]);
      else out.push(item);
    }
    return out;
  }

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const short = (v) => String(Number(v.toPrecision(3)));
  function duration(s) {
    if (s >= 172800) return short(s / 86400) + " d";
    if (s >= 5400) return short(s / 3600) + " h";
    return s >= 90 ? Math.round(s / 60) + " min" : Math.round(s) + " s";
  }
  const words = {
    loss: (v) => short(v),
    share: (v) => short(100 * v) + " %",
    ms: (v) => (v >= 1000 ? short(v / 1000) + " s" : short(v) + " ms"),
    s: duration,
  };
  function clock(s) {
    const minutes = Math.round(s / 60);
    return Math.floor(minutes / 60) + " h" + (minutes % 60 ? " " + (minutes % 60) + " min" : "");
  }

  /* Where the fault acts and users are worse off, below the lines; alerts above them. */
  function marks(plot, curve) {
    const band = (u, from, to, name, top, height) => {
      const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
      const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
      if (right <= left) return;
      u.ctx.fillStyle = color(name);
      u.ctx.fillRect(left, u.bbox.top + top, right - left, height);
    };
    /* How much worse than the control: between the two, where the treatment is on the wrong side. */
    const excess = (u) => {
      const [x, control, treatment] = u.data;
      u.ctx.fillStyle = color("excess");
      for (let i = 0; i < x.length; i++) {
        const worse = curve[3] === "share" ? treatment[i] < control[i] : treatment[i] > control[i];
        if (!worse || treatment[i] == null || control[i] == null) continue;
        const left = Math.max(u.bbox.left, u.valToPos(x[i], "x", true));
        const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(x[i] + curve[5], "x", true));
        const from = u.valToPos(control[i], "y", true);
        if (right > left) u.ctx.fillRect(left, from, right - left, u.valToPos(treatment[i], "y", true) - from);
      }
    };
    const drawClear = (u) => {
      for (const [from, to] of plot.marks.faults) band(u, from, to, "fault-soft", 0, u.bbox.height);
      excess(u);
      for (const [from, to] of plot.marks.harm) band(u, from, to, "silent", u.bbox.height - 3 * devicePixelRatio, 3 * devicePixelRatio);
    };
    const draw = (u) => {
      u.ctx.setLineDash([]);
      u.ctx.strokeStyle = color("caught");
      u.ctx.lineWidth = 1.5 * devicePixelRatio;
      for (const [at] of plot.marks.alerts) {
        const x = u.valToPos(at, "x", true);
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.bbox.top);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
        u.ctx.stroke();
      }
    };
    return { hooks: { drawClear: [drawClear], draw: [draw] } };
  }

  const hours = [900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
  const steps = { s: [60, 300, 600, 1200, 1800, ...hours.slice(2), 1209600, 2592000], share: [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1] };

  /* `at` says how wide the gutter on the left is, so that plots stand under the lanes of the timeline. */
  function options(plot, curve, width, at, sync, last, read) {
    const [, , , unit, log] = curve;
    const line = (name, more) => ({ stroke: () => color(name), width: 1.5, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), ...more });
    const axis = { stroke: () => color("muted"), grid: { stroke: () => color("rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif", gap: 6 };
    const lines = [{}, line("control"), line("treatment")];
    if (curve[6].length > 2) lines.push(line("treatment", { width: 0.75, dash: [3, 3] }));
    return {
      width, height: last ? 116 : 90, series: lines, padding: [8, 0, 4, 0], plugins: [marks(plot, curve), { hooks: { setCursor: [read] } }],
      scales: { x: { time: false, range: (u, low, high) => [low, high] }, y: log ? { distr: 3 } : { range: (u, low, high) => [0, unit === "share" ? 1.02 : high > 0 ? high * 1.08 : 1] } },
      axes: [
        { ...axis, size: last ? 26 : 0, values: (u, ticks) => ticks.map((t) => (last && t < u.scales.x.min + 0.97 * (u.scales.x.max - u.scales.x.min) ? short(t / 3600) + " h" : "")), incrs: hours, space: 56 },
        { ...axis, size: at, values: (u, ticks) => ticks.map((t) => (t == null ? "" : words[unit](t))), space: 24, ...(steps[unit] ? { incrs: steps[unit] } : {}) },
      ],
      cursor: { sync: { key: sync, setSeries: false }, y: false, drag: { x: true, y: false }, points: { size: 6 } },
      legend: { show: false },
    };
  }

  function rows(curve) {
    const values = curve[6].map(series);
    const length = Math.max(...values.slice(1).map((one) => one.length));
    /* One more moment than there are buckets: the last one has a width, too. */
    const x = Array.from({ length: length + 1 }, (_, i) => i * curve[5]);
    return [x, ...values.map((one) => x.map((_, i) => one[Math.min(i, length - 1)] ?? null))];
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function gutterOf(figure) {
    const at = figure.querySelector(".lanes").getBoundingClientRect().left - figure.getBoundingClientRect().left;
    const narrow = at < 64;
    figure.classList.toggle("narrow", narrow);
    return narrow ? 52 : at;
  }

  function mount(figure) {
    const number = Number(figure.dataset.plot);
    const plot = data.plots[number];
    const box = element("div", "plots");
    const spoken = element("p", "sr");
    const when = element("p", "muted help");
    const help = "Drag to zoom, double-click for all of it; arrow keys read values off.";
    spoken.setAttribute("role", "status");
    when.textContent = help;
    figure.querySelector(".curves").after(box);
    figure.classList.add("live");
    const at = () => gutterOf(figure);
    const made = plot.curves.map((curve, index) => {
      const part = element("div", "plot");
      const label = element("p", "plot-label");
      const values = element("small", "", curve[2]);
      label.append(element("b", "", curve[1]), values);
      part.append(label);
      box.append(part);
      const read = (u) => {
        const i = u.cursor.idx;
        const say = (k) => (u.data[k][i] == null ? "none" : words[curve[3]](u.data[k][i]));
        values.textContent = i == null ? curve[2] : say(2) + (curve[6].length > 2 ? ", worst " + say(3) : "") + "; control " + say(1);
        if (index === 0) when.textContent = i == null ? help : "at " + clock(u.data[0][i]);
      };
      const last = index === plot.curves.length - 1;
      const u = new uPlot(options(plot, curve, box.clientWidth, at, "p" + number, last, read), rows(curve), part);
      return u;
    });
    const all = () => { for (const u of made) u.setScale("x", { min: 0, max: plot.end }); };
    all();
    for (const u of made) u.over.addEventListener("dblclick", all);
    box.append(when, spoken);
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Plots of " + plot.scenario + " under " + plot.profile + "; arrow keys move through time");
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        all();
        for (const u of made) u.setCursor({ left: -10, top: -10 });
        return;
      }
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const first = made[0];
      const x = first.data[0];
      const here = first.cursor.idx == null ? (step > 0 ? -1 : x.length) : first.cursor.idx;
      const next = x[Math.min(x.length - 1, Math.max(0, here + step))];
      for (const u of made) u.setCursor({ left: u.valToPos(next, "x") + 0.5, top: 10 });
      spoken.textContent = when.textContent + ": " + [...box.querySelectorAll(".plot-label")].map((one) => [...one.children].map((c) => c.textContent).join(" ")).join("; ");
    });
    drawn.push({ box, made });
  }

  /* What is opened by hand, in view or nearly, at once; the rest when it comes near. A scroll towards what has the
     focus may be under way still: where that stands is no measure then. */
  const margin = 200;
  const isNear = (figure) => {
    const { top, bottom } = figure.getBoundingClientRect();
    return top < innerHeight + margin && bottom > -margin;
  };
  const waiting = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      waiting.unobserve(target);
      if (!target.classList.contains("live")) mount(target);
    }
  }, { rootMargin: margin + "px" });
  document.getElementById("list").addEventListener("toggle", (event) => {
    if (!event.target.open) return;
    const byHand = event.target.querySelector("summary") === document.activeElement;
    for (const figure of event.target.querySelectorAll("figure[data-plot]:not(.live)")) {
      if (byHand || isNear(figure)) mount(figure);
      else waiting.observe(figure);
    }
  }, true);
  const resize = new ResizeObserver(() => {
    for (const { box, made } of drawn) if (box.clientWidth) for (const u of made) if (u.width !== box.clientWidth) u.setSize({ width: box.clientWidth, height: u.height });
  });
  resize.observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { made } of drawn) for (const u of made) u.redraw(false, true);
  });
})();
