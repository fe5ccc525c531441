// The interactive chart. The page is complete without it: the section is hidden until this script runs, and the
// figures and tables contain every value. All statistics come with the page, in "series"; this script draws them.
"use strict";
(() => {
  const data = document.getElementById("series"), section = document.getElementById("explore");
  if (!data || !section) return;
  const { styles, baselines, cells } = JSON.parse(data.textContent);
  if (!cells?.length) return;
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, ROW] = [720, 420, 105, 170, 20, 50, 20];
  const SHAPES = { // the markers of the figures, by their names in Matplotlib
    o: "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", s: "M-4.5-4.5H4.5V4.5H-4.5Z", "^": "M0-6L5.5 4.5H-5.5Z", D: "M0-6L6 0L0 6L-6 0Z",
    v: "M0 6L5.5-4.5H-5.5Z", P: "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "<": "M-6 0L4.5-5.5V5.5Z", ">": "M6 0L-4.5-5.5V5.5Z",
    X: "M-6-3L-3-6L0-3L3-6L6-3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0Z", h: "M0-6L5-3V3L0 6L-5 3V-3Z",
    x: "M-4-4L4 4M-4 4L4-4", "*": "M0-6L1.5-2H6L2.5 1L4 6L0 3L-4 6L-2.5 1L-6-2H-1.5Z",
  };

  const unique = (values) => [...new Set(values)];
  const count = (n) => n.toLocaleString("en").replaceAll(",", "\u00a0");
  const digits = (v) => (v >= 1e5 || v < 1e-3 ? v.toExponential(1) : count(+v.toPrecision(3)));
  const UNITS = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]];
  const duration = (s) => {
    const [unit, scale] = UNITS.find(([, size]) => s >= size) ?? UNITS[3];
    return `${digits(s / scale)} ${unit}`;
  };
  const brief = (name) => (name.length > 18 ? `${name.slice(0, 11)}…${name.slice(-6)}` : name);
  const make = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const marker = (backend, x, y) => {
    const [colour, shape] = styles[backend];
    return make("path", { d: SHAPES[shape] ?? SHAPES.o, fill: colour, transform: `translate(${x} ${y})` });
  };

  const field = (id) => document.getElementById(`explore-${id}`);
  const fill = (select, options) => options.forEach((option) => select.append(new Option(option, option)));
  const chosen = { what: field("what"), baseline: field("baseline"), group: field("group"), d: field("d"), log: field("log") };
  fill(chosen.baseline, baselines);
  if (baselines.includes("numpy_vectorized")) chosen.baseline.value = "numpy_vectorized";
  fill(chosen.group, unique(cells.map((c) => c.group)));
  fill(chosen.d, unique(cells.map((c) => c.d)).sort((a, b) => a - b));
  const boxes = unique(cells.map((c) => c.backend)).map((backend) => {
    const label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: true, value: backend });
    label.append(box, ` ${backend}`);
    field("backends").append(label);
    return box;
  });

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

  // The lines with their points, intervals and names. Returns the last value of each line in words, from the top down.
  const drawLines = (svg, all, x, label, edge, end) => {
    const points = all.filter((p) => p.value), summary = [];
    const y = axis(points.flatMap((p) => p.value.filter((v) => v !== null)), edge, TOP, chosen.log.checked);
    for (const tick of y.ticks) {
      svg.append(make("line", { x1: LEFT, x2: end, y1: y.place(tick), y2: y.place(tick), stroke: "#e3e3e3" }),
        make("text", { x: LEFT - 8, y: y.place(tick) + 4, "text-anchor": "end" }, tick ? label(tick) : "0"));
    }
    const top = (line) => y.place(line.at(-1).value[0]);
    const lines = unique(points.map((p) => p.backend)).map((backend) => points.filter((p) => p.backend === backend))
      .sort((a, b) => top(b) - top(a));
    const heights = spread(lines.map(top));
    lines.forEach((line, index) => {
      const { backend } = line[0], [colour] = styles[backend], last = line.at(-1);
      let path = "", pen = "M"; // the line breaks at a gap
      for (const p of all.filter((q) => q.backend === backend)) {
        if (p.value) path += `${pen}${x.place(p.n)} ${y.place(p.value[0])}`;
        pen = p.value ? "L" : "M";
      }
      svg.append(make("path", { d: path, fill: "none", stroke: colour, "stroke-width": 2 }));
      for (const { n, value: [median, low, high] } of line) {
        if (low && high) svg.append(make("line", { x1: x.place(n), x2: x.place(n), y1: y.place(low), y2: y.place(high), stroke: colour, "stroke-width": 1.5 }));
        const mark = marker(backend, x.place(n), y.place(median));
        mark.append(make("title", {}, `${backend}, n = ${count(n)}: ${label(median)}${low ? ` [${label(low)}, ${label(high)}]` : ""}`));
        svg.append(mark);
      }
      svg.append(make("text", { x: end + 24, y: heights[index] + 4 }, brief(backend)), marker(backend, end + 14, heights[index]));
      summary.unshift(`${backend} ${label(last.value[0])} at n = ${count(last.n)}`);
    });
    return summary;
  };

  // The gaps under the lines: the kind at the left, a cross at each n, the name at the right.
  const drawGap = ({ backends, kind, reason, ns }, y, x, end) => {
    const lane = make("g", {});
    lane.append(make("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end", "font-size": 12 }, kind),
      make("text", { x: end + 24, y: y + 4 }, backends.length > 1 ? `${backends.length} backends` : brief(backends[0])));
    for (const n of ns) {
      const mark = make("path", { d: SHAPES.x, fill: "none", stroke: "#222222", "stroke-width": 1.5, transform: `translate(${x.place(n)} ${y})` });
      mark.append(make("title", {}, `${backends.join(", ")}, n = ${count(n)}: ${kind}${reason ? ` (${reason})` : ""}`));
      lane.append(mark);
    }
    if (backends.length === 1) lane.append(marker(backends[0], end + 14, y));
    return lane;
  };

  const draw = () => {
    const svg = field("chart"), times = chosen.what.value === "time";
    chosen.baseline.disabled = times;
    const checked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const all = cells
      .filter((c) => checked.has(c.backend) && c.group === chosen.group.value && String(c.d) === chosen.d.value).map(point);
    const rows = gapRows(all.filter((p) => !p.value));
    const edge = HEIGHT - BOTTOM, floor = edge + ROW * rows.length, end = WIDTH - RIGHT;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${floor + BOTTOM}`);
    let summary = [];
    if (rows.length) svg.append(make("rect", { x: LEFT, y: edge + 4, width: end - LEFT, height: floor - edge - 4, fill: "#f6f6f6" }));
    if (all.length) {
      const x = axis(all.map((p) => p.n), LEFT, end, chosen.log.checked);
      for (const tick of x.ticks) {
        svg.append(make("line", { x1: x.place(tick), x2: x.place(tick), y1: TOP, y2: floor, stroke: "#e3e3e3" }),
          make("text", { x: x.place(tick), y: floor + 18, "text-anchor": "middle" }, count(tick)));
      }
      svg.append(make("text", { x: (LEFT + end) / 2, y: floor + 42, "text-anchor": "middle" }, "number of samples n"));
      if (all.some((p) => p.value)) summary = drawLines(svg, all, x, times ? duration : (v) => `${digits(v)}×`, edge, end);
      else svg.append(make("text", { x: (LEFT + end) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no figures: nothing here was measured"));
      svg.append(...rows.map((row, index) => drawGap(row, edge + ROW * (index + 0.5) + 2, x, end)));
    }
    const places = (ns) => `n = ${ns.map(count).join(", ")}`;
    const untimed = rows.filter((r) => !r.reason).map((r) => `${r.backends[0]} ${r.kind} at ${places(r.ns)}`).join("; ");
    const unpaired = rows.filter((r) => r.reason).map((r) => ` No ratio (${r.reason}): ${r.backends.join(", ")} at ${places(r.ns)}.`).join("");
    const what = times ? "time per iteration" : `speed-up over ${chosen.baseline.value}`;
    const words = `${what}, ${chosen.group.value}, d = ${chosen.d.value}: ${summary.join(", ") || "nothing was measured"}.`
      + `${untimed && ` No time: ${untimed}.`}${unpaired}`;
    svg.setAttribute("aria-label", `Chart of the ${words}`);
    field("told").textContent = words[0].toUpperCase() + words.slice(1);
  };
  section.addEventListener("change", draw);
  section.hidden = false;
  draw();
})();
