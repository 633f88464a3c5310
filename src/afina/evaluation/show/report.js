"use strict";
for (const head of document.querySelectorAll("th button")) {
  head.addEventListener("click", () => {
    const cell = head.closest("th");
    const table = cell.closest("table");
    const at = [...cell.parentNode.children].indexOf(cell);
    const up = cell.getAttribute("aria-sort") === "descending";
    const key = (row) => row.children[at].dataset.key;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const less = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up ? less : -less;
    };
    for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(order));
  });
}
const filter = document.getElementById("filter");
if (filter) {
  filter.addEventListener("change", () => {
    for (const item of document.querySelectorAll("[data-outcome]")) {
      item.hidden = filter.value !== "all" && item.dataset.outcome !== filter.value;
    }
  });
}
