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
      for (let at = place; at; at = at.parentElement) if (at.matches("details")) at.open = true;
      place.scrollIntoView({ block: "center" });
    }
  };
  addEventListener("hashchange", reveal);
  for (const box of all(".search")) {
    box.hidden = false;
    const input = box.querySelector("input");
    const count = box.querySelector("output");
    const log = box.nextElementSibling;
    let hits = [];
    let at = 0;
    const show = () => {
      const of = hits.length > 1 ? `${at + 1} of ` : "";
      count.textContent = input.value === "" ? "" : `${of}${hits.length} ${hits.length === 1 ? "line" : "lines"}`;
      hits.forEach((line, index) => line.classList.toggle("now", index === at));
      if (hits[at]) hits[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    };
    input.addEventListener("input", () => {
      const word = input.value.toLowerCase();
      for (const line of hits) line.classList.remove("found", "now");
      hits = word === "" ? [] : all("a", log).filter((line) => line.nextSibling.data.toLowerCase().includes(word));
      for (const line of hits) line.classList.add("found");
      at = 0;
      show();
    });
    // Enter goes to the next one, with Shift to the one before.
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !hits.length) return;
      at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
      show();
    });
  }
  // A log that comes into sight shows the line that tells most.
  const seen = new IntersectionObserver((entries) => {
    for (const { target: log } of entries.filter((entry) => entry.isIntersecting)) {
      seen.unobserve(log);
      const line = document.getElementById(log.dataset.line);
      if (line && !log.scrollTop) log.scrollTop = line.offsetTop - log.clientHeight / 2;
    }
  });
  for (const log of all("pre.log[data-line]")) seen.observe(log);
  filter();
  reveal();
})();
