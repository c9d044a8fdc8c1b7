(() => {
  "use strict";
  // A link to a record opens the record; browsers differ in whether they do it themselves.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.closest("details");
    if (details && !details.open) { details.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows].sort((one, other) => {
          const first = key(one), second = key(other);
          if (first === "" || second === "") return (first === "") - (second === "");
          const gap = Number(first) - Number(second);
          const order = Number.isNaN(gap) ? first.localeCompare(second) : gap;
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
