// What makes a page handy: contents that follow the reader, themes, tables to sort and to download, commands to copy.
// The page is complete without it.
"use strict";
(() => {
  const add = (parent, tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    parent?.append(element);
    return element;
  };

  // The chapter that the reader is in. A link to something folded opens it.
  const contents = document.querySelector(".contents"), links = [...document.querySelectorAll(".contents a")];
  const follow = () => {
    const line = 0.3 * window.innerHeight;
    const passed = links.filter((link) => document.getElementById(link.hash.slice(1)).getBoundingClientRect().top < line);
    const here = passed.at(-1) ?? links[0];
    for (const link of links) if (link === here) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  };
  if (links.length) for (const event of ["scroll", "resize", "load"]) addEventListener(event, follow, { passive: true });
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  // The theme, which the browser remembers where it may.
  const store = (theme) => { try { return theme === undefined ? localStorage.getItem("theme") : localStorage.setItem("theme", theme); } catch { return null; } };
  const paint = (theme) => { if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme; };
  if (contents) {
    const select = add(add(contents, "label", { className: "note" }, "Theme "), "select", { id: "theme" });
    for (const theme of ["system", "light", "dark"]) select.append(new Option(theme, theme));
    select.value = store() ?? "system";
    if (!select.value) select.value = "system";
    paint(select.value);
    select.addEventListener("change", () => { paint(select.value); store(select.value); });
  }

  // What a cell is sorted by: the size of a problem, or the number that it starts with, in base units.
  const UNITS = { ns: 1e-9, µs: 1e-6, ms: 1e-3, kB: 1e3, MB: 1e6, GB: 1e9 };
  const key = (text) => {
    const plain = text.replaceAll("\u00a0", "").replaceAll("−", "-");
    const size = plain.match(/n = (\d+), d = (\d+)/);
    if (size) return [+size[1], +size[2]];
    const number = plain.match(/^(?:tied: )?([-+]?\d[\d.]*(?:e[-+]?\d+)?)(?:\s*(ns|µs|ms|kB|MB|GB)(?![A-Za-z]))?(× slower)?/);
    if (!number) return null;
    const value = +number[1] * (UNITS[number[2]] ?? 1);
    return [number[3] ? 1 / value : value];
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (!x || !y) return x ? -1 : y ? 1 : a.localeCompare(b);
    return x[0] - y[0] || (x[1] ?? 0) - (y[1] ?? 0);
  };
  const sort = (table, column, head) => {
    const down = head.getAttribute("aria-sort") === "ascending", [body] = table.tBodies;
    const rows = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
    const missing = ([text]) => !key(text) && rows.some(([other]) => key(other)); // stays below in both orders
    rows.sort((a, b) => (missing(a) !== missing(b) ? missing(a) - missing(b) : compare(a[0], b[0]) * (down ? -1 : 1)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(([, row]) => row));
  };

  // A table as CSV: numbers without the spaces between their digits, and no text that a spreadsheet would calculate.
  const field = (cell) => {
    const text = cell.textContent.replace(/(?<=\d)\u00a0(?=\d)/g, "").replace(/\s+/g, " ").trim().replace(/^(?=[=@]|[-+](?![\d.]))/, "'");
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (table) => [...table.rows].map((row) => `${[...row.cells].map(field).join(",")}\r\n`).join("");
  for (const table of document.querySelectorAll(".wide > table:has(thead)")) {
    const frame = table.parentElement, name = frame.getAttribute("aria-label").replace(/^Table: /, "");
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = add(null, "button", { type: "button", title: "Sort by this column" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, column, head));
    }
    const button = add(add(null, "div", { className: "tools" }), "button", { type: "button", textContent: "CSV" });
    button.setAttribute("aria-label", `Download as CSV: ${name}`);
    button.addEventListener("click", () => {
      const href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
      add(null, "a", { href, download: `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.csv` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
    frame.after(button.parentElement);
  }

  // Commands to copy.
  for (const command of document.querySelectorAll("pre.command")) {
    const code = command.querySelector("code"), button = add(command, "button", { type: "button", textContent: "Copy" });
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch { // no permission: select the words, and copy these
        getSelection().selectAllChildren(code);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
  if (links.length) follow();
})();
