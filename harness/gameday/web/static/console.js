"use strict";
// The console: a stream in, small posts out. All text is set as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const facilitates = document.body.dataset.seat === "facilitator";
  const state = { plan: null, entries: [], samples: [], questions: [], status: null, script: [], answers: {}, heard: 0, floor: "" };
  const h = (name, fields = {}, ...children) => {
    const element = Object.assign(document.createElement(name), fields);
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  };

  async function wish(name, fields = {}) {
    try {
      const answer = await fetch(`/do/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(fields) });
      if (answer.ok) return "";
      const said = await answer.text();
      try { return JSON.parse(said).why; } catch { return said.trim(); }
    } catch { return "The console can't be reached. Nothing was sent."; }
  }
  async function press(button, name, fields) {
    button.disabled = true;
    const why = await wish(name, fields);
    button.disabled = false;
    if (why) shout(why);
    return why;
  }
  function shout(text) { $("trouble").textContent = text; $("trouble").hidden = !text; state.shouted = text ? Date.now() : 0; }

  // -- the stream
  const stream = new EventSource("/events");
  stream.addEventListener("snapshot", (message) => {
    const all = JSON.parse(message.data);
    Object.assign(state, { plan: all.plan, entries: all.entries, samples: all.samples, questions: all.questions, script: all.script || [] });
    const floor = JSON.stringify(all.floor);
    if (floor !== state.floor) { state.floor = floor; PipelineMap.build(all.floor); }
    $("feed").replaceChildren();
    drawnScript = "";
    state.entries.forEach(addToFeed);
    drawQuestions();
    beat(all.status);
  });
  stream.addEventListener("entry", (message) => {
    const entry = JSON.parse(message.data);
    state.entries.push(entry);
    addToFeed(entry);
    if (entry.what === "question") { state.questions.push({ id: entry.id, round: entry.round, ask: entry.text, choices: entry.choices }); drawQuestions(); }
  });
  stream.addEventListener("sample", (message) => state.samples.push(JSON.parse(message.data)));
  stream.addEventListener("beat", (message) => beat(JSON.parse(message.data)));
  stream.onerror = () => connection();
  setInterval(connection, 500);

  function connection() {
    const late = Date.now() - state.heard > 3000;
    $("beat").className = `beat ${state.heard === 0 ? "" : late ? "off" : "on"}`;
    $("connection").textContent = state.heard === 0 ? "connecting" : late ? "connection lost, trying again" : "live";
  }

  function beat(status) {
    state.status = status;
    state.heard = Date.now();
    $("beat").className = "beat on";
    void $("beat").offsetWidth;
    $("beat").className = "beat on pulse";
    $("connection").textContent = "live";
    const s = status, playing = s.phase === "live" || s.phase === "preparing";
    $("round-title").textContent = s.title || "Waiting to begin";
    $("phase").textContent = {
      lobby: `${s.people} ${s.people === 1 ? "person has" : "people have"} joined`,
      preparing: s.note || "the pipeline is being deployed and warmed up",
      live: s.paused ? "the clock stands still" : `${Fmt.since(s.elapsed_s)} h since the round began`,
      between: "the round is over", ended: "the gameday is over",
    }[s.phase];
    $("clock").textContent = s.clock && s.phase !== "preparing" ? `${s.clock.slice(0, 10)} ${s.clock.slice(11, 16)}` : "—";
    $("pace").textContent = s.phase === "live" ? (s.paused ? "paused" : `${s.speed}× speed, UTC`) : "";
    const watching = s.elapsed_s !== null;
    $("map-empty").hidden = $("chart-empty").hidden = watching;
    $("map").hidden = false;
    PipelineMap.update(s.signals, s.firing);
    if (watching) Chart.draw({ entries: state.entries.filter((e) => e.round === s.round), samples: state.samples, t: s.t, live: s.t - s.elapsed_s });
    $("abort-bar").hidden = !(playing && s.may_abort);
    $("marks").inert = !watching;
    $("marks").style.opacity = watching ? 1 : .55;
    if (s.trouble) shout(s.trouble); else if (state.shouted && Date.now() - state.shouted > 6000) shout("");
    banner(s);
    if (facilitates) drawScript(s);
  }

  function banner(s) {
    const box = $("banner"), key = `${s.phase} ${s.paused} ${s.pause_text} ${s.reported}`;
    box.hidden = !(s.phase === "ended" || (s.paused && s.phase === "live"));
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    box.className = s.phase === "ended" ? "over" : "";
    if (s.phase === "ended") box.replaceChildren(h("b", { textContent: "The gameday is over." }), s.reported ? "Thank you. " : "Thank you. The after-action report is being written.", s.reported ? h("a", { href: "/report/gameday.html", textContent: "Read the after-action report" }) : "");
    else box.replaceChildren(h("b", { textContent: "Paused" }), s.pause_text || "The facilitator has stopped the clock.");
  }

  // -- what happened
  const LABEL = { noticed: "Noticed", hypothesis: "Hypothesis", diagnosed: "Diagnosed", mitigated: "Mitigated", note: "Note" };
  function addToFeed(e) {
    const [what, text, small] = words(e);
    const round = state.plan ? state.plan.rounds[e.round] : "";
    const live = [...state.entries].find((x) => x.what === "round" && x.state === "live" && x.round === e.round);
    const time = e.t === null || e.t === undefined || !live ? "" : (e.t < live.t ? "−" : "") + Fmt.since(Math.abs(e.t - live.t));
    const item = h("li", { className: `${e.what} ${e.what === "alert" ? `${["critical", "warning", "info"].includes(e.severity) ? e.severity : "warning"} ${e.state === "firing" ? "" : "resolved"}` : ""}` },
      h("time", { textContent: time, title: round || "" }),
      h("div", {}, h("span", { className: "what", textContent: what }), text ? h("p", { textContent: text }) : "", small ? h("small", { textContent: small }) : ""));
    $("feed").prepend(item);
    while ($("feed").children.length > 500) $("feed").lastChild.remove();
    $("feed-empty").hidden = true;
  }
  function words(e) {
    switch (e.what) {
      case "alert": return [e.state === "firing" ? e.name : `${e.name} resolved`, e.state === "firing" ? e.summary : "", `alert, ${e.severity}${e.component ? `, ${e.component}` : ""}`];
      case "mark": return [LABEL[e.mark] + (e.component ? `: ${e.component}` : ""), e.text, e.by + (e.role ? `, ${e.role}` : "")];
      case "inject": return [e.sender || "Message", e.text, e.to === "facilitator" ? "to the facilitator alone" : ""];
      case "question": return ["Question", e.text, ""];
      case "answer": return [`Answer by ${e.by}`, e.text, ""];
      case "action": return ["Action item", e.text, [e.owner && `for ${e.owner}`, `by ${e.by}`].filter(Boolean).join(", ")];
      case "clock": return [e.paused ? "Paused" : "The clock goes on", e.text || "", e.paused ? "" : `${e.speed}×`];
      case "fault": return [`Fault ${e.state}`, e.text, e.id];
      case "abort": return ["Aborted", "Everything was reverted.", e.by ? `by ${e.by}` : ""];
      case "round": return [e.state === "live" ? `${e.title} begins` : `${e.title} is over`, "", e.state === "live" ? "" : { horizon: "", stopped: "ended early", interrupted: "interrupted", unsteady: "the pipeline was not steady", error: "something went wrong", dirty: "something could not be reverted" }[e.reason] || ""];
      default: return [e.what, "", ""];
    }
  }

  // -- questions
  function drawQuestions() {
    $("questions-panel").hidden = state.questions.length === 0;
    for (const question of state.questions) {
      if (document.getElementById(`q-${question.id}`)) continue;
      const said = h("p", { className: "said" });
      said.setAttribute("role", "status");
      const input = question.choices.length
        ? h("select", {}, ...question.choices.map((choice) => h("option", { textContent: choice, value: choice })))
        : h("textarea", { maxLength: 2000, rows: 2 });
      input.setAttribute("aria-label", question.ask);
      if (state.answers[question.id]) input.value = state.answers[question.id];
      const form = h("form", { className: "question", id: `q-${question.id}` }, h("p", { textContent: question.ask }), facilitates ? "" : input, facilitates ? "" : h("button", { textContent: "Answer" }), said);
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const why = await wish("answer", { id: question.id, text: input.value });
        said.textContent = why || "Answered. You may change it.";
        said.className = why ? "said wrong" : "said";
      });
      $("questions").append(form);
    }
  }

  // -- marks and action items
  $("marks").addEventListener("submit", async (event) => {
    event.preventDefault();
    const kind = event.submitter ? event.submitter.value : "note";
    const why = await wish("mark", { mark: kind, text: $("mark-text").value, component: $("mark-where").value });
    $("mark-said").textContent = why || `Marked: ${LABEL[kind].toLowerCase()}.`;
    $("mark-said").className = why ? "said wrong" : "said";
    if (!why) $("mark-text").value = "";
  });
  $("actions").addEventListener("submit", async (event) => {
    event.preventDefault();
    const why = await wish("action", { text: $("action-text").value, owner: $("action-owner").value });
    $("action-said").textContent = why || "Added.";
    $("action-said").className = why ? "said wrong" : "said";
    if (!why) $("action-text").value = $("action-owner").value = "";
  });
  $("abort").addEventListener("click", () => press($("abort"), "abort"));
  if ($("open-briefing")) $("open-briefing").addEventListener("click", () => $("briefing").showModal());

  // -- the facilitator
  let drawnScript = "";
  if (facilitates) {
    $("inject").addEventListener("click", () => press($("inject"), "inject"));
    $("call-off").addEventListener("click", () => press($("call-off"), "call-off"));
    $("end-round").addEventListener("click", () => press($("end-round"), "end-round"));
    $("conclude").addEventListener("click", () => { if (confirm("End the gameday and write the report?")) press($("conclude"), "conclude"); });
    $("pause").addEventListener("click", () => press($("pause"), "clock", { paused: !state.status.paused }));
    $("speed").addEventListener("change", () => press($("speed"), "clock", { speed: Number($("speed").value) }));
  }
  function drawScript(s) {
    const live = s.phase === "live", secret = s.secret, round = state.script[s.round];
    $("inject").hidden = !(live && !secret.injected && s.by_hand);
    $("call-off").hidden = !(live && secret.injected && !secret.called_off && secret.faults.some((f) => f.state === "applied"));
    $("pause").hidden = $("speed-label").hidden = !(live && s.own_time);
    $("end-round").hidden = !(live || s.phase === "preparing");
    $("pause").textContent = s.paused ? "Go on" : "Pause";
    if (document.activeElement !== $("speed")) {
      if (![...$("speed").options].some((o) => Number(o.value) === s.speed)) $("speed").append(h("option", { value: s.speed, textContent: `${s.speed}×` }));
      $("speed").value = String(s.speed);
    }
    $("conclude").disabled = live || s.phase === "preparing" || s.phase === "ended";
    const lines = round && s.phase !== "lobby" ? [h("p", {}, h("b", { textContent: round.scenario })), h("p", { textContent: round.description })] : [h("p", { textContent: "Begin a round when everybody is ready." })];
    for (const fault of secret.faults) lines.push(h("p", {}, h("span", { className: "state", textContent: fault.state }), ` ${fault.id}`));
    if (live && !secret.faults.length) lines.push(h("p", {}, h("span", { className: "state", textContent: secret.injected ? "asked for" : s.by_hand ? "waiting for you" : "will begin by itself" })));
    if (secret.error) lines.push(h("p", { textContent: secret.error }));
    $("secret").replaceChildren(...lines);
    const key = JSON.stringify([s.phase, s.round, secret.done, secret.played, state.script]);
    if (key === drawnScript) return;
    drawnScript = key;
    $("rounds").replaceChildren(...state.script.map((entry, number) => {
      const begin = h("button", { type: "button", textContent: secret.played.includes(number) ? "Play again" : "Begin", disabled: live || s.phase === "preparing" || s.phase === "ended" });
      begin.setAttribute("aria-label", `${begin.textContent} ${entry.title}`);
      begin.addEventListener("click", () => press(begin, "begin", { round: number }));
      const cues = entry.cues.map((cue) => {
        const done = secret.done.includes(cue.id);
        const button = h("button", { type: "button", textContent: done ? "done" : "Tell now", disabled: done || s.phase === "lobby" });
        button.setAttribute("aria-label", `${button.textContent}: ${cue.text.slice(0, 60)}`);
        button.addEventListener("click", () => press(button, "reveal", { id: cue.id }));
        return h("li", { className: done ? "done" : "" }, h("div", {}, cue.text, h("small", { textContent: ` ${cue.kind}, ${cue.when}${cue.expected ? `; expected: ${cue.expected}` : ""}` })), cue.kind === "pause" ? "" : button);
      });
      return h("li", {}, h("div", { className: "head" }, h("div", {}, h("b", { textContent: entry.title }), entry.scenario ? h("small", { textContent: ` ${entry.scenario}: ${entry.faults.join(", ")}` }) : ""), entry.scenario ? begin : ""), h("ol", { className: "cues" }, ...cues));
    }));
  }

  fetch("/me").then((answer) => answer.json()).then((me) => {
    state.answers = me.answers || {};
    for (const [id, text] of Object.entries(state.answers)) { const form = $(`q-${id}`); if (form) { const input = form.querySelector("select, textarea"); if (input) input.value = text; } }
  }).catch(() => {});
})();
