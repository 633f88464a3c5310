"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const element = (name, text, css) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (css) made.className = css;
  return made;
};

// Tables: a heading sorts by its column, first downwards, then upwards.
for (const head of document.querySelectorAll("thead th")) {
  const button = element("button", head.textContent);
  button.type = "button";
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const table = head.closest("table");
    const at = [...head.parentNode.children].indexOf(head);
    const up = head.getAttribute("aria-sort") === "descending";
    const key = (row) => row.children[at].dataset.key;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const less = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up ? less : -less;
    };
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  });
}

// Prompts: built when an arm is opened, from the one list of messages; always as text.
const show = (place) => {
  const calls = place.dataset.prompts.split(";");
  calls.forEach((call, n) => {
    if (calls.length > 1) place.append(element("p", filled(data.words.call, { number: n + 1, all: calls.length }), "quiet"));
    for (const at of call.split(",")) {
      const [role, text] = data.texts[at] || ["", data.words.no_prompt];
      const message = element("div", undefined, "message");
      message.append(element("b", role), element("div", text, "said"));
      place.append(message);
    }
  });
  place.hidden = false;
  place.removeAttribute("data-prompts");
};
document.addEventListener("toggle", (event) => {
  if (event.target.open) event.target.querySelectorAll("[data-prompts]").forEach(show);
}, true);

// Cases: filtered by outcome, by what one arm did, and by words.
const form = document.getElementById("filters");
if (form) {
  const cases = [...document.querySelectorAll("#cases article")].map((at) => ({
    at, tags: at.dataset.tags.split(" "), marks: at.dataset.marks, arms: [...at.querySelectorAll("[data-arm]")],
  }));
  const names = [...form.elements.arm.querySelectorAll("optgroup")].map((group) => group.label);
  const choose = () => {
    const outcome = form.elements.outcome.value, arm = form.elements.arm.value;
    const number = Number(arm.slice(1)), text = form.elements.text.value.trim().toLowerCase();
    let shown = 0;
    for (const one of cases) {
      if (text) one.text ??= one.at.textContent.toLowerCase();
      const fits = (!outcome || one.tags.includes(outcome)) && (!arm || one.marks[number] === arm[0])
        && (!text || one.text.includes(text));
      one.at.hidden = !fits;
      shown += fits;
      for (const other of one.arms) other.hidden = Boolean(arm) && other.dataset.arm !== names[number];
    }
    form.querySelector("output").textContent = filled(data.words.shown, { shown, all: cases.length });
  };
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  choose();
}
