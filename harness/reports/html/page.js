/* Finding, sorting and folding; the page says everything without it. */
(function () {
  "use strict";
  const list = document.getElementById("list");
  if (!list) return;
  const tools = document.getElementById("tools");
  const search = document.getElementById("search");
  const sort = document.getElementById("sort");
  const fold = document.getElementById("fold");
  const shown = document.getElementById("shown");
  const rows = [...list.children];
  const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const boxes = [...tools.querySelectorAll("input[type=checkbox]")];
  const visible = () => rows.filter((row) => !row.hidden);

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = { verdict: [], outcome: [] };
    for (const box of boxes) if (box.checked) wanted[box.name].push(box.value);
    for (const row of rows) {
      const fits = (kind) => !wanted[kind].length || wanted[kind].some((one) => row.dataset[kind].split(" ").includes(one));
      row.hidden = !(fits("verdict") && fits("outcome") && words.every((word) => text.get(row).includes(word)));
    }
    const count = visible().length;
    shown.textContent = count + " of " + rows.length;
    document.getElementById("none").hidden = count > 0;
    label();
  }

  const number = (key) => (a, b) => Number(b.dataset[key]) - Number(a.dataset[key]);
  const name = (row) => row.querySelector("h3").textContent;
  const orders = {
    worst: (a, b) => a.dataset.rank - b.dataset.rank,
    name: (a, b) => name(a).localeCompare(name(b)),
    detected: number("detected"),
    harm: number("harm"),
  };
  function arrange() {
    rows.sort((a, b) => orders[sort.value](a, b) || a.dataset.rank - b.dataset.rank);
    list.append(...rows);
  }

  function label() {
    const open = visible();
    fold.textContent = open.length && open.every((row) => row.open) ? "Close all" : "Open all";
  }
  fold.addEventListener("click", () => {
    const open = !visible().every((row) => row.open);
    for (const row of visible()) row.open = open;
    label();
  });

  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target || target.tagName !== "DETAILS") return;
    if (target.hidden) { tools.reset(); filter(); }
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener("click", () => {
      const code = button.previousElementSibling;
      const copied = () => {
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      };
      navigator.clipboard.writeText(code.textContent).then(copied, () => getSelection().selectAllChildren(code));
    });
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, select")) return;
    event.preventDefault();
    search.focus();
  });
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", filter);
  for (const box of boxes) box.addEventListener("change", filter);
  sort.addEventListener("change", arrange);
  list.addEventListener("toggle", label, true);
  addEventListener("hashchange", reveal);
  let before = [];
  addEventListener("beforeprint", () => { before = rows.map((row) => row.open); for (const row of visible()) row.open = true; });
  addEventListener("afterprint", () => { rows.forEach((row, index) => { row.open = before[index]; }); });
  reveal();
})();
