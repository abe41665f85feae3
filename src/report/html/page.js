"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const controls = document.getElementById("controls");
  const text = document.getElementById("filter");
  const outcome = document.getElementById("outcome");
  const told = document.getElementById("told");
  const targets = all("details.target");
  // What stands for each target elsewhere.
  const others = new Map(targets.map((target) => [target.id, []]));
  for (const other of all("[data-of]")) others.get(other.dataset.of)?.push(other);
  controls.hidden = false;
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const target of targets) {
      const fits = words.every((word) => target.dataset.words.includes(word))
        && (!outcome.value || target.dataset.kind === outcome.value);
      target.hidden = !fits;
      shown += fits ? 1 : 0;
      for (const other of others.get(target.id)) {
        other.classList.toggle("out", !fits);
        other.hidden = !fits;
      }
    }
    told.textContent = `${shown} of ${targets.length} shown`;
  };
  text.addEventListener("input", filter);
  outcome.addEventListener("change", filter);
  const reveal = () => {
    const place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const target = place && place.closest("details.target");
    if (target) {
      target.hidden = false;
      target.open = true;
      place.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", reveal);
  for (const box of all(".search")) {
    box.hidden = false;
    const input = box.querySelector("input");
    const count = box.querySelector("output");
    const log = box.nextElementSibling;
    input.addEventListener("input", () => {
      const word = input.value.toLowerCase();
      let first = null;
      let found = 0;
      for (const line of log.children) {
        const hit = word !== "" && line.lastChild.textContent.toLowerCase().includes(word);
        line.classList.toggle("found", hit);
        found += hit ? 1 : 0;
        first = first || (hit ? line : null);
      }
      count.textContent = word === "" ? "" : `${found} ${found === 1 ? "line" : "lines"}`;
      if (first) first.scrollIntoView({ block: "nearest" });
    });
  }
  filter();
  reveal();
})();
