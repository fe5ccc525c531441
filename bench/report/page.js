// A chart to choose for oneself, drawn from the run inside the page. The page needs none of it: without a script the
// section stays hidden, and every figure stands in the pictures and tables below.
"use strict";
(() => {
  const data = document.getElementById("run"), section = document.getElementById("explore");
  if (!data || !section) return;
  const looks = JSON.parse(document.getElementById("looks").textContent);
  const timed = (c) => ["ok", "interrupted"].includes(c.status) && c.per_iteration_s > 0 && c.n_iter > 0;
  const cells = JSON.parse(data.textContent).cells
    .filter((c) => !c.control && c.algorithm === null && c.problem.name === "synthetic");
  if (!cells.length) return;
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, ROW] = [720, 420, 105, 170, 20, 50, 20];
  const SHAPES = {
    o: "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", s: "M-4.5-4.5H4.5V4.5H-4.5Z", "^": "M0-6L5.5 4.5H-5.5Z", D: "M0-6L6 0L0 6L-6 0Z",
    v: "M0 6L5.5-4.5H-5.5Z", P: "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "<": "M-6 0L4.5-5.5V5.5Z", ">": "M6 0L-4.5-5.5V5.5Z",
    X: "M-6-3L-3-6L0-3L3-6L6-3L3 0L6 3L3 6L0 3L-3 6L-6 3L-3 0Z", h: "M0-6L5-3V3L0 6L-5 3V-3Z",
    x: "M-4-4L4 4M-4 4L4-4", "*": "M0-6L1.5-2H6L2.5 1L4 6L0 3L-4 6L-2.5 1L-6-2H-1.5Z",
  };

  const unique = (values) => [...new Set(values)];
  const words = (n) => n.toLocaleString("en").replaceAll(",", "\u00a0");
  const short = (v) => (v >= 1e5 || v < 1e-3 ? v.toExponential(1) : words(+v.toPrecision(3)));
  const UNITS = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]];
  const duration = (s) => {
    const [unit, scale] = UNITS.find(([, size]) => s >= size) ?? UNITS[3];
    return `${short(s / scale)} ${unit}`;
  };
  const brief = (name) => (name.length > 18 ? `${name.slice(0, 11)}…${name.slice(-6)}` : name);
  const group = (c) => `${c.dtype}, ${c.threads} thread${c.threads === 1 ? "" : "s"}`;
  const make = (tag, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // The median of the samples with its exact order-statistic interval at 95 %, as the tables have it.
  const interval = (samples) => {
    const sorted = [...samples].sort((a, b) => a - b), count = sorted.length, half = count >> 1;
    const middle = count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    let rank = 0, below = 0, ways = 1;
    while (2 * (below + ways) <= 0.05 * 2 ** count) { below += ways; ways = (ways * (count - rank)) / (rank + 1); rank += 1; }
    return rank ? [middle, sorted[rank - 1], sorted[count - rank]] : [middle, null, null];
  };
  const gap = (c) => (c.status === "ok" ? "no time" : c.status.replaceAll("_", " "));
  // {found: [median, low, high]}, or {kind: of gap} with the reason where it is the baseline that has no time.
  const speedup = (cell, baseline) => {
    const other = cells.find((c) => c.backend === baseline && group(c) === group(cell)
      && c.n_samples === cell.n_samples && c.n_features === cell.n_features && c.problem.digest === cell.problem.digest);
    const without = (why) => ({ kind: "no ratio", why: `${baseline} ${why}` });
    if (!other) return without("not run");
    if (!timed(other)) return without(gap(other));
    const paired = other.samples_s.length === cell.samples_s.length ? cell.samples_s : [];
    const logs = paired.flatMap((s, block) => (s && other.samples_s[block] ? [Math.log(other.samples_s[block] / s)] : []));
    return logs.length ? { found: interval(logs).map((v) => (v === null ? null : Math.exp(v))) } : without("in no common block");
  };
  const value = (cell) => {
    if (!timed(cell)) return { kind: gap(cell) };
    if (chosen.what.value === "speedup") return speedup(cell, chosen.baseline.value);
    return { found: [cell.per_iteration_s, cell.ci_low_s && cell.ci_low_s / cell.n_iter, cell.ci_high_s && cell.ci_high_s / cell.n_iter] };
  };
  // A row for each backend and kind of gap, with its n; backends that miss the same ratios share one.
  const gapRows = (gaps) => {
    const rows = [], same = (a, b) => a.kind === b.kind && a.why === b.why;
    for (const p of gaps) {
      const row = rows.find((r) => same(r, p) && r.backend === p.backend);
      if (row) row.ns.push(p.n); else rows.push({ ...p, backends: [p.backend], ns: [p.n] });
    }
    return rows.filter((row, index) => {
      const first = row.why && rows.slice(0, index).find((r) => same(r, row) && String(r.ns) === String(row.ns));
      if (first) first.backends.push(row.backend);
      return !first;
    });
  };

  const field = (id) => document.getElementById(`explore-${id}`);
  const fill = (select, options) => options.forEach((option) => select.append(new Option(option, option)));
  const chosen = { what: field("what"), baseline: field("baseline"), group: field("group"), d: field("d"), log: field("log") };
  const backends = unique(cells.map((c) => c.backend));
  fill(chosen.baseline, backends);
  if (backends.includes("numpy_vectorized")) chosen.baseline.value = "numpy_vectorized";
  const order = (c) => [c.dtype === "float64" ? "" : c.dtype, String(c.threads).padStart(9)].join();
  fill(chosen.group, unique([...cells].sort((a, b) => (order(a) < order(b) ? -1 : 1)).map(group)));
  fill(chosen.d, unique(cells.map((c) => c.n_features)).sort((a, b) => a - b));
  const boxes = backends.map((backend) => {
    const label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: true, value: backend });
    label.append(box, ` ${backend}`);
    field("backends").append(label);
    return box;
  });

  const axis = (values, from, to, log) => {
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (log) [low, high] = [low / 1.5, high * 1.5]; else [low, high] = [0, high * 1.05];
    const at = log ? Math.log10 : (v) => v;
    const place = (v) => from + ((at(v) - at(low)) / (at(high) - at(low))) * (to - from);
    let ticks = [];
    if (log) {
      for (let p = Math.ceil(Math.log10(low)); p <= Math.log10(high); p += 1) ticks.push(10 ** p);
      if (ticks.length < 3) ticks = [1, 2, 5].flatMap((m) => [-12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        .map((p) => m * 10 ** p)).filter((v) => v >= low && v <= high);
    } else {
      const raw = high / 5, step = [1, 2, 5, 10].map((m) => m * 10 ** Math.floor(Math.log10(raw))).find((s) => s >= raw);
      for (let v = 0; v <= high; v += step) ticks.push(v);
    }
    return { place, ticks };
  };

  const draw = () => {
    const svg = field("chart"), summary = [];
    chosen.baseline.disabled = chosen.what.value === "time";
    const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const all = cells
      .filter((c) => shown.has(c.backend) && group(c) === chosen.group.value && String(c.n_features) === chosen.d.value)
      .map((c) => ({ backend: c.backend, n: c.n_samples, ...value(c) })).sort((a, b) => a.n - b.n);
    const points = all.filter((p) => p.found);
    const rows = gapRows(backends.flatMap((backend) => all.filter((p) => p.backend === backend && !p.found)));
    const edge = HEIGHT - BOTTOM, floor = edge + ROW * rows.length, end = WIDTH - RIGHT;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${floor + BOTTOM}`);
    const what = chosen.what.value === "time" ? "time per iteration" : `speed-up over ${chosen.baseline.value}`;
    const places = (ns) => `n = ${ns.map(words).join(", ")}`;
    const log = chosen.log.checked, x = all.length ? axis(all.map((p) => p.n), LEFT, end, log) : null;
    if (rows.length) svg.append(make("rect", { x: LEFT, y: edge + 4, width: end - LEFT, height: floor - edge - 4, fill: "#f6f6f6" }));
    if (x) {
      for (const tick of x.ticks) {
        svg.append(make("line", { x1: x.place(tick), x2: x.place(tick), y1: TOP, y2: floor, stroke: "#e3e3e3" }),
          make("text", { x: x.place(tick), y: floor + 18, "text-anchor": "middle" }, words(tick)));
      }
      svg.append(make("text", { x: (LEFT + end) / 2, y: floor + 42, "text-anchor": "middle" }, "number of samples n"));
    }
    if (points.length) {
      const label = chosen.what.value === "time" ? duration : (v) => `${short(v)}×`;
      const y = axis(points.flatMap((p) => p.found.filter((v) => v !== null)), edge, TOP, log);
      for (const tick of y.ticks) {
        svg.append(make("line", { x1: LEFT, x2: end, y1: y.place(tick), y2: y.place(tick), stroke: "#e3e3e3" }),
          make("text", { x: LEFT - 8, y: y.place(tick) + 4, "text-anchor": "end" }, tick ? label(tick) : "0"));
      }
      const ends = unique(points.map((p) => p.backend)).map((backend) => points.filter((p) => p.backend === backend))
        .sort((a, b) => y.place(b.at(-1).found[0]) - y.place(a.at(-1).found[0]));
      // Names beside the ends of their lines, pushed up until they are apart, and down again from the upper edge.
      const heights = ends.map((line) => y.place(line.at(-1).found[0]));
      for (let i = 1; i < heights.length; i += 1) heights[i] = Math.min(heights[i], heights[i - 1] - 17);
      for (let i = heights.length - 1, upper = TOP; i >= 0 && heights[i] < upper; i -= 1, upper += 17) heights[i] = upper;
      ends.forEach((line, index) => {
        const { backend } = line[0], [colour, marker] = looks[backend], last = line.at(-1);
        let way = "", pen = "M"; // lifted over each gap, as if nothing were known there
        for (const p of all.filter((q) => q.backend === backend)) {
          if (p.found) way += `${pen}${x.place(p.n)} ${y.place(p.found[0])}`;
          pen = p.found ? "L" : "M";
        }
        svg.append(make("path", { d: way, fill: "none", stroke: colour, "stroke-width": 2 }));
        for (const { n, found: [median, low, high] } of line) {
          if (low && high) svg.append(make("line", { x1: x.place(n), x2: x.place(n), y1: y.place(low), y2: y.place(high), stroke: colour, "stroke-width": 1.5 }));
          const mark = make("path", { d: SHAPES[marker] ?? SHAPES.o, fill: colour, transform: `translate(${x.place(n)} ${y.place(median)})` });
          mark.append(make("title", {}, `${backend}, n = ${words(n)}: ${label(median)}${low ? ` [${label(low)}, ${label(high)}]` : ""}`));
          svg.append(mark);
        }
        svg.append(make("text", { x: end + 24, y: heights[index] + 4 }, brief(backend)),
          make("path", { d: SHAPES[marker] ?? SHAPES.o, fill: colour, transform: `translate(${end + 14} ${heights[index]})` }));
        summary.push(`${backend} ${label(last.found[0])} at n = ${words(last.n)}`);
      });
    }
    if (x && !points.length) svg.append(make("text", { x: (LEFT + end) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no figures: nothing here was measured"));
    // What has no figure, under the lines: its kind at the left, a cross at each n, its name at the right.
    rows.forEach(({ backends: names, kind, why, ns }, index) => {
      const lane = make("g", {}), at = edge + ROW * (index + 0.5) + 2;
      lane.append(make("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end", "font-size": 12 }, kind),
        make("text", { x: end + 24, y: at + 4 }, names.length > 1 ? `${names.length} backends` : brief(names[0])));
      for (const n of ns) {
        const mark = make("path", { d: SHAPES.x, fill: "none", stroke: "#222222", "stroke-width": 1.5, transform: `translate(${x.place(n)} ${at})` });
        mark.append(make("title", {}, `${names.join(", ")}, n = ${words(n)}: ${kind}${why ? ` (${why})` : ""}`));
        lane.append(mark);
      }
      if (names.length === 1) {
        const [colour, marker] = looks[names[0]];
        lane.append(make("path", { d: SHAPES[marker] ?? SHAPES.o, fill: colour, transform: `translate(${end + 14} ${at})` }));
      }
      svg.append(lane);
    });
    const untimed = rows.filter((r) => !r.why).map((r) => `${r.backends[0]} ${r.kind} at ${places(r.ns)}`).join("; ");
    const unpaired = rows.filter((r) => r.why).map((r) => ` No ratio (${r.why}): ${r.backends.join(", ")} at ${places(r.ns)}.`).join("");
    const told = `${what}, ${chosen.group.value}, d = ${chosen.d.value}: ${summary.reverse().join(", ") || "nothing was measured"}.`
      + `${untimed && ` No time: ${untimed}.`}${unpaired}`;
    svg.setAttribute("aria-label", `Chart of the ${told}`);
    field("told").textContent = told[0].toUpperCase() + told.slice(1);
  };
  section.addEventListener("change", draw);
  section.hidden = false;
  draw();
})();
