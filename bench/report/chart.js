// The interactive chart. The page is complete without it: a still picture is in its place until this script runs.
// All statistics come with the page, in "series"; this script selects, scales and draws them.
"use strict";
(() => {
  const data = document.getElementById("series"), section = document.getElementById("explore");
  if (!data || !section) return;
  const { styles, baselines, sets, cells } = JSON.parse(data.textContent);
  if (!cells?.length) return;
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, ROW] = [600, 330, 100, 148, 14, 46, 20];
  const SHAPES = { // the markers of the figures, by their names in Matplotlib
    o: "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", s: "M-4.5-4.5H4.5V4.5H-4.5Z", "^": "M0-6L5.5 4.5H-5.5Z", D: "M0-6L6 0L0 6L-6 0Z",
    v: "M0 6L5.5-4.5H-5.5Z", P: "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "<": "M-6 0L4.5-5.5V5.5Z", ">": "M6 0L-4.5-5.5V5.5Z",
    X: "M-6-3L-3-6L0-3L3-6L6-3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0Z", h: "M0-6L5-3V3L0 6L-5 3V-3Z", p: "M0-6L5.7-1.9L3.5 4.9H-3.5L-5.7-1.9Z",
    "8": "M-2.3-5.5H2.3L5.5-2.3V2.3L2.3 5.5H-2.3L-5.5 2.3V-2.3Z", d: "M0-6.5L4 0L0 6.5L-4 0Z", x: "M-4-4L4 4M-4 4L4-4",
    "*": "M0-6L1.5-2H6L2.5 1L4 6L0 3L-4 6L-2.5 1L-6-2H-1.5Z",
  };

  // Numbers as in the tables: three significant digits, groups of three, the unit of the median.
  const unique = (values) => [...new Set(values)];
  const grouped = (digits) => digits.replace(/\B(?=(\d{3})+(?!\d))/g, "\u00a0");
  const count = (n) => grouped(String(n));
  const significant = (v) => {
    const rounded = +v.toPrecision(3), size = Math.abs(rounded);
    if (size < 1e-3 || size >= 1e7) return v.toExponential(2).replace(/e([-+])(\d)$/, "e$10$2");
    const [whole, part] = rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size)))).split(".");
    return part ? `${grouped(whole)}.${part}` : grouped(whole);
  };
  const short = (v) => (v >= 1e5 || v < 1e-3 ? v.toExponential(1) : count(+v.toPrecision(3)));
  const UNITS = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]];
  const unit = (s) => UNITS.find(([, scale]) => +(s / scale).toPrecision(3) >= 1) ?? UNITS[3];
  const brackets = (low, high, show) => (low && high ? ` [${show(low)}, ${show(high)}]` : "");
  const duration = ([median, low, high]) => {
    const [name, scale] = unit(median), show = (v) => significant(v / scale);
    return `${show(median)} ${name}${brackets(low, high, show)}`;
  };
  const ratio = ([median, low, high]) => (low && high && low < 1 && high > 1
    ? `tied: ${significant(median)}×${brackets(low, high, significant)}`
    : median >= 1 ? `${significant(median)}× faster${brackets(low, high, significant)}`
    : `${significant(1 / median)}× slower${brackets(high && 1 / high, low && 1 / low, significant)}`);
  const durationTick = (s) => { const [name, scale] = unit(s); return `${short(s / scale)} ${name}`; };
  const ratioTick = (r) => (Math.abs(r - 1) < 1e-9 ? "equal" : r > 1 ? `${short(r)}× faster` : `${short(1 / r)}× slower`);
  const brief = (name) => (name.length > 18 ? `${name.slice(0, 11)}…${name.slice(-6)}` : name);

  const make = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const marker = (backend, x, y, more = {}) => {
    const [color, shape] = styles[backend];
    return make("path", { d: SHAPES[shape] ?? SHAPES.o, fill: color, transform: `translate(${x} ${y})`, ...more });
  };

  // The choices. A choice of one is not shown.
  const field = (id) => document.getElementById(`explore-${id}`);
  const fill = (select, options) => {
    options.forEach((option) => select.append(new Option(option, option)));
    if (select.options.length < 2) select.parentElement.hidden = true;
  };
  const chosen = { what: field("what"), baseline: field("baseline"), group: field("group"), d: field("d"), log: field("log") };
  fill(chosen.baseline, baselines);
  if (baselines.includes("numpy_vectorized")) chosen.baseline.value = "numpy_vectorized";
  fill(chosen.group, unique(cells.map((c) => c.group)));
  fill(chosen.d, unique(cells.map((c) => c.d)).sort((a, b) => a - b));
  const boxes = unique(cells.map((c) => c.backend)).map((backend) => {
    const label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: true, value: backend });
    const swatch = make("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
    swatch.append(marker(backend, 0, 0));
    label.append(box, " ", swatch, ` ${backend}`);
    field("backends").append(label);
    return box;
  });
  for (const [name, members] of Object.entries(sets)) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = members.includes(box.value);
      draw();
    });
    field("sets").append(button);
  }

  // A point of the chart: { value: [median, low, high] }, or { kind } of the gap, with a reason where a ratio is missing.
  const point = ({ backend, n, time, speedup }) => {
    const series = typeof time !== "string" && chosen.what.value === "speedup" ? speedup[chosen.baseline.value] : time;
    if (typeof series !== "string") return { backend, n, value: series };
    return series === time ? { backend, n, kind: series } : { backend, n, kind: "no ratio", reason: series };
  };

  // A row for each backend and kind of gap. Backends that lack the same ratios share a row.
  const gapRows = (gaps) => {
    const rows = [], same = (a, b) => a.kind === b.kind && a.reason === b.reason;
    for (const gap of gaps) {
      const row = rows.find((r) => same(r, gap) && r.backends[0] === gap.backend);
      if (row) row.ns.push(gap.n); else rows.push({ kind: gap.kind, reason: gap.reason, backends: [gap.backend], ns: [gap.n] });
    }
    return rows.filter((row, index) => {
      const first = row.reason && rows.slice(0, index).find((r) => same(r, row) && String(r.ns) === String(row.ns));
      if (first) first.backends.push(...row.backends);
      return !first;
    });
  };

  const axis = (values, from, to, log) => {
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (log) [low, high] = [low / 1.5, high * 1.5]; else [low, high] = [0, high * 1.05];
    const at = log ? Math.log10 : (v) => v;
    const place = (v) => from + ((at(v) - at(low)) / (at(high) - at(low))) * (to - from);
    let ticks = [];
    if (log) {
      const decades = [];
      for (let p = Math.floor(Math.log10(low)); p <= Math.log10(high); p += 1) decades.push(10 ** p);
      const within = (v) => v >= low && v <= high;
      ticks = decades.filter(within);
      if (ticks.length < 3) ticks = decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]).filter(within);
    } else {
      const raw = high / 5, step = [1, 2, 5, 10].map((m) => m * 10 ** Math.floor(Math.log10(raw))).find((s) => s >= raw);
      for (let v = 0; v <= high; v += step) ticks.push(v);
    }
    return { place, ticks };
  };

  // The y of the names beside the line ends: moved up until they are apart, then down again from the upper edge.
  const spread = (heights) => {
    for (let i = 1; i < heights.length; i += 1) heights[i] = Math.min(heights[i], heights[i - 1] - 17);
    for (let i = heights.length - 1, upper = TOP; i >= 0 && heights[i] < upper; i -= 1, upper += 17) heights[i] = upper;
    return heights;
  };

  // What can be hovered, focused and heard: { node, x, y, backend, n, lines }.
  let marks = [];
  const mark = (node, x, y, backend, n, lines) => {
    node.setAttribute("role", "img");
    node.setAttribute("tabindex", marks.length ? "-1" : "0");
    node.setAttribute("aria-label", lines.join(": "));
    marks.push({ node, x, y, backend, n, lines });
    return node;
  };

  // The lines with their points, intervals and names. Returns the last value of each line in words, from the top down.
  const drawLines = (svg, all, x, times, edge, end) => {
    const points = all.filter((p) => p.value), summary = [], words = times ? duration : ratio;
    const y = axis(points.flatMap((p) => p.value.filter((v) => v !== null)), edge, TOP, chosen.log.checked);
    for (const tick of y.ticks) {
      svg.append(make("line", { x1: LEFT, x2: end, y1: y.place(tick), y2: y.place(tick), stroke: "#e3e3e3" }),
        make("text", { x: LEFT - 8, y: y.place(tick) + 4, "text-anchor": "end" }, tick ? (times ? durationTick : ratioTick)(tick) : "0"));
    }
    const top = (line) => y.place(line.at(-1).value[0]);
    const lines = unique(points.map((p) => p.backend)).map((backend) => points.filter((p) => p.backend === backend))
      .sort((a, b) => top(b) - top(a));
    const heights = spread(lines.map(top));
    lines.forEach((line, index) => {
      const { backend } = line[0], [color] = styles[backend], last = line.at(-1);
      let path = "", pen = "M"; // the line breaks at a gap
      for (const p of all.filter((q) => q.backend === backend)) {
        if (p.value) path += `${pen}${x.place(p.n)} ${y.place(p.value[0])}`;
        pen = p.value ? "L" : "M";
      }
      svg.append(make("path", { d: path, fill: "none", stroke: color, "stroke-width": 2 }));
      for (const { n, value } of line) {
        const [median, low, high] = value, [px, py] = [x.place(n), y.place(median)];
        if (low && high) svg.append(make("line", { x1: px, x2: px, y1: y.place(low), y2: y.place(high), stroke: color, "stroke-width": 1.5 }));
        svg.append(mark(marker(backend, px, py, { class: "point" }), px, py, backend, n, [`${backend}, n = ${count(n)}`, words(value)]));
      }
      svg.append(make("text", { x: end + 24, y: heights[index] + 4 }, brief(backend)), marker(backend, end + 14, heights[index]));
      summary.unshift(`${backend} ${words([last.value[0]])} at n = ${count(last.n)}`);
    });
    return summary;
  };

  // The gaps under the lines: the kind at the left, a cross at each n, the name at the right.
  const drawGap = ({ backends, kind, reason, ns }, y, x, end) => {
    const lane = make("g", {});
    lane.append(make("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end", "font-size": 12 }, kind),
      make("text", { x: end + 24, y: y + 4 }, backends.length > 1 ? `${backends.length} backends` : brief(backends[0])));
    for (const n of ns) {
      const cross = make("path", { class: "gap", d: SHAPES.x, fill: "none", stroke: "#222222", "stroke-width": 1.5, transform: `translate(${x.place(n)} ${y})` });
      lane.append(mark(cross, x.place(n), y, backends[0], n, [`${backends.join(", ")}, n = ${count(n)}`, `${kind}${reason ? ` (${reason})` : ""}`]));
    }
    if (backends.length === 1) lane.append(marker(backends[0], end + 14, y));
    return lane;
  };

  // The exact value at a mark.
  const tip = make("g", { id: "explore-tip", "pointer-events": "none" });
  const show = (at) => {
    tip.replaceChildren();
    if (!at) return;
    const box = make("rect", { rx: 4, fill: "#ffffff", stroke: "#666666" });
    const lines = at.lines.map((line, index) => make("text", { "font-weight": index ? 400 : 600 }, line));
    tip.append(make("circle", { cx: at.x, cy: at.y, r: 9, fill: "none", stroke: "#222222" }), box, ...lines);
    const width = Math.max(...lines.map((line) => line.getComputedTextLength())) + 16, height = 18 * lines.length + 8;
    const left = Math.max(2, at.x + 14 + width > WIDTH ? at.x - 14 - width : at.x + 14), upper = Math.max(2, at.y - height - 8);
    for (const [name, value] of Object.entries({ x: left, y: upper, width, height })) box.setAttribute(name, value);
    lines.forEach((line, index) => { line.setAttribute("x", left + 8); line.setAttribute("y", upper + 18 * (index + 1)); });
  };
  const svg = field("chart");
  svg.addEventListener("pointermove", (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const far = (m) => Math.hypot(m.x - x, m.y - y);
    show(marks.filter((m) => far(m) < 28).sort((a, b) => far(a) - far(b))[0]);
  });
  svg.addEventListener("pointerleave", () => show(marks.find((m) => m.node === document.activeElement)));
  svg.addEventListener("focusin", (event) => show(marks.find((m) => m.node === event.target)));
  svg.addEventListener("focusout", () => show());
  svg.addEventListener("keydown", (event) => { // left and right along a line, up and down between lines
    const at = marks.find((m) => m.node === document.activeElement);
    if (event.key === "Escape") show();
    if (!at || !/^Arrow/.test(event.key)) return;
    const along = event.key === "ArrowLeft" || event.key === "ArrowRight", forward = event.key === "ArrowRight" || event.key === "ArrowDown";
    const road = marks.filter((m) => (along ? m.backend === at.backend : m.n === at.n)).sort((a, b) => (along ? a.n - b.n : a.y - b.y));
    const next = road[road.indexOf(at) + (forward ? 1 : -1)];
    event.preventDefault();
    if (!next) return;
    at.node.setAttribute("tabindex", "-1");
    next.node.setAttribute("tabindex", "0");
    next.node.focus();
  });

  const draw = () => {
    const times = chosen.what.value === "time";
    chosen.baseline.parentElement.hidden = times;
    const checked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const all = cells
      .filter((c) => checked.has(c.backend) && c.group === chosen.group.value && String(c.d) === chosen.d.value).map(point);
    const rows = gapRows(all.filter((p) => !p.value));
    const edge = HEIGHT - BOTTOM, floor = edge + ROW * rows.length, end = WIDTH - RIGHT;
    marks = [];
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${floor + BOTTOM}`);
    let summary = [];
    if (rows.length) svg.append(make("rect", { x: LEFT, y: edge + 4, width: end - LEFT, height: floor - edge - 4, fill: "#f6f6f6" }));
    const none = (words) => svg.append(make("text", { x: (LEFT + end) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, words));
    if (all.length) {
      const x = axis(all.map((p) => p.n), LEFT, end, chosen.log.checked);
      for (const tick of x.ticks) {
        svg.append(make("line", { x1: x.place(tick), x2: x.place(tick), y1: TOP, y2: floor, stroke: "#e3e3e3" }),
          make("text", { x: x.place(tick), y: floor + 18, "text-anchor": "middle" }, count(tick)));
      }
      svg.append(make("text", { x: (LEFT + end) / 2, y: floor + 38, "text-anchor": "middle" }, "number of samples n"));
      if (all.some((p) => p.value)) summary = drawLines(svg, all, x, times, edge, end);
      else none("no figures: nothing here was measured");
      svg.append(...rows.map((row, index) => drawGap(row, edge + ROW * (index + 0.5) + 2, x, end)));
    } else none(checked.size ? "nothing was measured with this choice" : "no backend is chosen");
    svg.append(tip);
    show();
    const places = (ns) => `n = ${ns.map(count).join(", ")}`;
    const untimed = rows.filter((r) => !r.reason).map((r) => `${r.backends[0]} ${r.kind} at ${places(r.ns)}`).join("; ");
    const unpaired = rows.filter((r) => r.reason).map((r) => ` No ratio (${r.reason}): ${r.backends.join(", ")} at ${places(r.ns)}.`).join("");
    const what = times ? "time per iteration" : `speed-up over ${chosen.baseline.value}`;
    const words = `${what}, ${chosen.group.value}, d = ${chosen.d.value}: ${summary.join(", ") || (checked.size ? "nothing was measured" : "no backend is chosen")}.`
      + `${untimed && ` No time: ${untimed}.`}${unpaired}`;
    svg.setAttribute("aria-label", `Chart of the ${words}`);
    field("told").textContent = words[0].toUpperCase() + words.slice(1);
  };
  section.addEventListener("change", draw);
  section.hidden = false;
  field("still")?.setAttribute("hidden", "");
  draw();
})();
