/* Folding only; the page says everything without it. */
(function () {
  const all = () => document.querySelectorAll("details");
  const button = document.getElementById("fold");
  const label = () => { button.textContent = [...all()].every((d) => d.open) ? "Close all" : "Open all"; };
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const open = ![...all()].every((d) => d.open);
      all().forEach((d) => { d.open = open; });
      label();
    });
  }
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => all().forEach((d) => { d.open = true; }));
  reveal();
})();
