// Plays the descents of the page in the panels that the data have: the line through the cloud, the path over the
// contours of the loss, the predictions beside the measured values, and the loss.
// A still picture is beside it, for paper and for where no script runs.
"use strict";
document.querySelectorAll(".player").forEach((player, index) => {
  const data = JSON.parse(player.querySelector("script").textContent);
  const [SIZE, LEFT, BOTTOM, EDGE] = [420, 84, 54, 14], [BLUE, RED, GRAY] = ["#0072B2", "#D55E00", "#9a9a9a"];
  const make = (tag, attributes, text, kind = "http://www.w3.org/2000/svg") => {
    const made = document.createElementNS(kind, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const plain = (tag, attributes, text) => make(tag, attributes, text, "http://www.w3.org/1999/xhtml");
  const short = (v) => (v === 0 ? "0" : Math.abs(v) >= 1e9 || Math.abs(v) < 1e-3 ? v.toExponential(2).replace("e+", "e")
    : (+v.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 9 }).replaceAll(",", "\u00a0")).replaceAll("-", "\u2212");
  const tick = (v) => (v !== 0 && (Math.abs(v) >= 1e6 || Math.abs(v) < 1e-3)
    ? (+v.toPrecision(4)).toExponential().replace("e+", "e").replaceAll("-", "\u2212") : short(v));
  const steps = (first, last, apart) => Array.from({ length: Math.floor(last / apart) - Math.ceil(first / apart) + 1 },
    (_, i) => (Math.ceil(first / apart) + i) * apart);

  // An axis turns a value into a share of its length. ticks: three to six round numbers.
  const linear = ([low, high], whole = false) => {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const apart = Math.max(whole ? 1 : 0, [1, 2, 5, 10].find((m) => m * power >= rough) * power);
    return { share: (v) => (v - low) / (high - low), ticks: steps(low, high, apart) };
  };
  const logarithmic = (low, high, shift = 0) => { // shift 1: an axis that begins at 0
    const of = (v) => Math.log10(v + shift), [a, b] = [of(low), of(high)];
    const decades = steps(a, b, 1).map((p) => 10 ** p), every = Math.ceil(decades.length / 6);
    const ticks = decades.length > 2 ? decades.filter((_, i) => i % every === 0)
      : steps(Math.floor(a), b, 1).flatMap((p) => [1, 2, 5].map((m) => m * 10 ** p)).filter((v) => of(v) >= a && of(v) <= b);
    return { share: (v) => (of(v) - a) / (b - a), ticks: shift ? [0, ...ticks.filter((v) => v <= high)] : ticks };
  };

  // A panel with axes; place turns a point of theirs into one of the picture.
  const panels = [];
  const panel = (name, x, y, labels) => {
    const svg = make("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": name, width: "100%" });
    const place = ([a, b]) => [
      LEFT + x.share(a) * (SIZE - LEFT - EDGE),
      SIZE - BOTTOM - y.share(b) * (SIZE - BOTTOM - EDGE),
    ];
    const clip = `clip-${index}-${panels.length}`;
    const box = make("clipPath", { id: clip });
    box.append(make("rect", { x: LEFT, y: EDGE, width: SIZE - LEFT - EDGE, height: SIZE - BOTTOM - EDGE }));
    const inside = make("g", { "clip-path": `url(#${clip})` }), moving = make("g", {});
    const label = (text, attributes) => make("text", { "text-anchor": "middle", "font-size": text.length > 36 ? 13 : 17, fill: "#222", ...attributes }, text);
    svg.append(box, inside, make("path", { d: `M${LEFT} ${EDGE}V${SIZE - BOTTOM}H${SIZE - EDGE}`, fill: "none", stroke: "#888" }),
      label(labels[0], { x: (LEFT + SIZE) / 2, y: SIZE - 8 }),
      label(labels[1], { x: 16, y: SIZE / 2, transform: `rotate(-90 16 ${SIZE / 2})` }));
    const small = { "font-size": 14, fill: "#444" };
    for (const a of x.ticks) {
      const at = LEFT + x.share(a) * (SIZE - LEFT - EDGE);
      svg.append(make("path", { d: `M${at} ${SIZE - BOTTOM}v5`, stroke: "#888" }),
        make("text", { x: Math.min(at, SIZE - 4 * tick(a).length), y: SIZE - BOTTOM + 19, "text-anchor": "middle", ...small }, tick(a)));
    }
    for (const b of y.ticks) {
      const at = SIZE - BOTTOM - y.share(b) * (SIZE - BOTTOM - EDGE);
      svg.append(make("path", { d: `M${LEFT} ${at}h-5`, stroke: "#888" }),
        make("text", { x: LEFT - 8, y: at + 5, "text-anchor": "end", ...small }, tick(b)));
    }
    panels.push({ svg, inside, moving });
    return { inside, moving, place };
  };
  const line = (place, points, attributes) => make("polyline", { points: points.map((p) => place(p).join(",")).join(" "), fill: "none", ...attributes });
  const dots = (place, points, attributes) => make("path", { d: points.map((p) => `M${place(p).join(" ")}h0`).join(""), "stroke-linecap": "round", fill: "none", ...attributes });
  const path = ({ place, moving }, points) => moving.replaceChildren(line(place, points, { stroke: RED, "stroke-width": 2 }),
    dots(place, points, { stroke: RED, "stroke-width": 6 }), dots(place, points.slice(-1), { stroke: RED, "stroke-width": 12 }));

  // Each panel is drawn once and returns what draws descent d after its frame number f.
  const draws = [];
  if (data.cloud) {
    const { points, labels, x, y, standard: [mean, scale] } = data.cloud;
    const at = panel("The line through the cloud", linear(x), linear(y), labels);
    at.inside.append(dots(at.place, points, { stroke: GRAY, "stroke-width": 4 }), at.moving);
    draws.push((d, f) => {
      const [intercept, slope] = d.betas[f];
      at.moving.replaceChildren(line(at.place, x.map((v) => [v, intercept + slope * (v - mean) / scale]), { stroke: BLUE, "stroke-width": 3 }));
    });
  }
  if (data.map) {
    const { rings, best, axes: [i, j], labels, x, y } = data.map;
    const at = panel("The path over the contours of the loss", linear(x), linear(y), labels);
    const [bx, by] = at.place(best);
    at.inside.append(...rings.map((ring) => line(at.place, ring, { stroke: "#c4c4c4" })),
      make("path", { d: `M${bx - 7} ${by}H${bx + 7}M${bx} ${by - 7}V${by + 7}`, stroke: "#000", "stroke-width": 2 }), at.moving);
    draws.push((d, f) => path(at, d.betas.slice(0, f + 1).map((b) => [b[i], b[j]])));
  }
  if (data.predictions) {
    const { rows, measured, labels, x, y } = data.predictions;
    const at = panel("Predictions beside measured values", linear(x), linear(y), labels);
    at.inside.append(line(at.place, [[x[0], x[0]], [x[1], x[1]]], { stroke: GRAY, "stroke-dasharray": 5 }), at.moving);
    draws.push((d, f) => at.moving.replaceChildren(dots(at.place, rows.map((row, r) =>
      [measured[r], row.reduce((sum, value, c) => sum + value * d.betas[f][c + 1], d.betas[f][0])]), { stroke: BLUE, "stroke-width": 4 })));
  }
  if (data.loss) {
    const { least, floor, labels } = data.loss, shown = (loss) => Math.max(loss, floor);
    const losses = (calm) => data.descents.filter((d) => d.multiple <= 1 || !calm).flatMap((d) => d.losses.map(shown));
    const last = data.ks.at(-1), low = Math.min(shown(least), ...losses(true)); // what diverges may leave the panel
    const high = Math.min(Math.max(...losses(false)), 30 * Math.max(low, ...losses(true)));
    const at = panel("The loss after each update", data.loss.linear ? linear([0, last], true) : logarithmic(0, last, 1),
      logarithmic(low / 1.3, Math.max(high, 4 * low) * 1.3), labels);
    const across = [0, last].map((k) => [k, shown(least)]);
    const ahead = make("g", {}); // the rest of the curve
    at.inside.append(line(at.place, across, { stroke: "#555", "stroke-dasharray": 5 }), ahead, at.moving);
    draws.push((d, f) => {
      const points = d.losses.map((loss, i) => [data.ks[i], shown(loss)]);
      ahead.replaceChildren(line(at.place, points, { stroke: "#c4c4c4", "stroke-width": 2 }));
      path(at, points.slice(0, f + 1));
    });
  }

  const play = plain("button", { type: "button" }, "Play");
  const step = plain("input", { type: "range", min: 0, value: 0, "aria-label": "update k" });
  const rate = plain("input", { type: "range", min: 0, max: data.descents.length - 1, value: data.shown, "aria-label": "learning rate" });
  const status = plain("p", { role: "status" });
  const [stepWords, rateWords] = [plain("label", {}, "update k "), plain("label", {}, "learning rate η ")];
  stepWords.append(step);
  rateWords.append(rate);
  const [stepNow, rateNow] = [plain("span", {}), plain("span", {})];
  stepWords.append(" ", stepNow);
  rateWords.append(" ", rateNow);
  const controls = plain("p", { class: "controls" }), row = plain("div", { class: "panels" });
  controls.append(play, " ", rateWords, " ", stepWords);
  Object.assign(row.style, { display: "flex", flexWrap: "wrap", gap: "1rem", background: "#fff" });
  for (const { svg } of panels) {
    const part = plain("div", {});
    Object.assign(part.style, { flex: "1 1 17rem", maxWidth: "28rem" });
    part.append(svg);
    row.append(part);
  }
  player.append(controls, row, status);

  const draw = () => {
    const descent = data.descents[+rate.value], last = descent.losses.length - 1;
    step.max = last;
    const f = Math.min(+step.value, last), k = data.ks[f];
    draws.forEach((draws) => draws(descent, f));
    const verdict = descent.multiple > 1 ? " η is above 2/L: it diverges." : descent.multiple === 1
      ? " η is 2/L, the border: one error neither shrinks nor grows." : " η is below 2/L: it converges.";
    const values = [...data.names.map((name, i) => [name, descent.betas[f][i]]), ["loss", descent.losses[f]]]
      .map(([name, value], i) => `the ${name} ${i ? "" : "is "}${short(value)}`);
    rateNow.textContent = `${short(descent.multiple)} of 2/L${descent.own ? ", as in this fit" : ""}`;
    stepNow.textContent = `${k} of ${data.ks[last]}`;
    rate.setAttribute("aria-valuetext", rateNow.textContent);
    step.setAttribute("aria-valuetext", stepNow.textContent);
    status.textContent = `η = ${short(descent.multiple)} × 2/L = ${short(descent.rate)}. After ${k} update${k === 1 ? "" : "s"} `
      + `${[values.slice(0, -1).join(", "), values.at(-1)].filter(Boolean).join(" and ")}.${verdict}`;
  };
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    status.setAttribute("aria-live", "polite");
  };
  const start = () => {
    if (+step.value >= +step.max) step.value = 0;
    play.textContent = "Pause";
    status.setAttribute("aria-live", "off"); // who listens hears where it ends, not every update
    timer = setInterval(() => {
      step.value = +step.value + 1;
      if (+step.value >= +step.max) stop();
      draw();
    }, matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 250);
  };
  play.addEventListener("click", () => (timer === null ? start() : stop()));
  step.addEventListener("input", () => { stop(); draw(); });
  rate.addEventListener("input", () => { step.value = 0; draw(); });
  player.hidden = false;
  draw();
});
