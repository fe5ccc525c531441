// Plays the descents of the page: the line through the cloud, and the path over the contours of the loss.
// A still picture is beside it, for paper and for where no script runs.
"use strict";
document.querySelectorAll(".player").forEach((player, index) => {
  const data = JSON.parse(player.querySelector("script").textContent);
  const [SIZE, LEFT, BOTTOM, EDGE] = [420, 84, 54, 14];
  const make = (tag, attributes, text, kind = "http://www.w3.org/2000/svg") => {
    const made = document.createElementNS(kind, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const plain = (tag, attributes, text) => make(tag, attributes, text, "http://www.w3.org/1999/xhtml");
  const range = (values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)], room = (high - low || 1) * 0.06;
    return [low - room, high + room];
  };
  const short = (v) => (v === 0 ? "0" : Math.abs(v) >= 1e9 || Math.abs(v) < 1e-3 ? v.toExponential(2).replace("e+", "e")
    : (+v.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 9 }).replaceAll(",", "\u00a0")).replaceAll("-", "\u2212");
  const ticks = ([low, high]) => { // three to six round numbers
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const apart = [1, 2, 5, 10].find((m) => m * power >= rough) * power, first = Math.ceil(low / apart);
    return Array.from({ length: Math.floor(high / apart) - first + 1 }, (_, i) => (first + i) * apart);
  };

  // A panel with axes: x and y are ranges, and place turns a point of theirs into one of the picture.
  const panel = (name, x, y, labels) => {
    const svg = make("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": name, width: "100%" });
    const place = ([a, b]) => [
      LEFT + ((a - x[0]) / (x[1] - x[0])) * (SIZE - LEFT - EDGE),
      SIZE - BOTTOM - ((b - y[0]) / (y[1] - y[0])) * (SIZE - BOTTOM - EDGE),
    ];
    const clip = `clip-${index}-${name.length}`;
    const box = make("clipPath", { id: clip });
    box.append(make("rect", { x: LEFT, y: EDGE, width: SIZE - LEFT - EDGE, height: SIZE - BOTTOM - EDGE }));
    const inside = make("g", { "clip-path": `url(#${clip})` });
    svg.append(box, inside, make("path", { d: `M${LEFT} ${EDGE}V${SIZE - BOTTOM}H${SIZE - EDGE}`, fill: "none", stroke: "#888" }),
      make("text", { x: (LEFT + SIZE) / 2, y: SIZE - 8, "text-anchor": "middle", "font-size": 17, fill: "#222" }, labels[0]),
      make("text", { x: 16, y: SIZE / 2, "text-anchor": "middle", "font-size": 17, fill: "#222", transform: `rotate(-90 16 ${SIZE / 2})` }, labels[1]));
    const small = { "font-size": 14, fill: "#444" };
    for (const a of ticks(x)) {
      const [at] = place([a, 0]);
      svg.append(make("path", { d: `M${at} ${SIZE - BOTTOM}v5`, stroke: "#888" }),
        make("text", { x: at, y: SIZE - BOTTOM + 19, "text-anchor": "middle", ...small }, short(a)));
    }
    for (const b of ticks(y)) {
      const at = place([0, b])[1];
      svg.append(make("path", { d: `M${LEFT} ${at}h-5`, stroke: "#888" }),
        make("text", { x: LEFT - 8, y: at + 5, "text-anchor": "end", ...small }, short(b)));
    }
    return { svg, inside, place };
  };
  const line = (place, points, attributes) => make("polyline", { points: points.map((p) => place(p).join(",")).join(" "), fill: "none", ...attributes });

  const xs = range(data.points.map((p) => p[0])), ys = range([0, ...data.points.map((p) => p[1])]);
  const edge = data.rings.at(-1);
  const cloud = panel("The line through the cloud", xs, ys, data.labels);
  const map = panel("The path over the contours of the loss", range([0, ...edge.map((p) => p[0])]), range([0, ...edge.map((p) => p[1])]), ["intercept", "slope"]);
  for (const p of data.points) {
    const [cx, cy] = cloud.place(p);
    cloud.inside.append(make("circle", { cx, cy, r: 2, fill: "#9a9a9a" }));
  }
  for (const ring of data.rings) map.inside.append(line(map.place, ring, { stroke: "#c4c4c4" }));
  const [bx, by] = map.place(data.best);
  map.inside.append(make("path", { d: `M${bx - 7} ${by}H${bx + 7}M${bx} ${by - 7}V${by + 7}`, stroke: "#000", "stroke-width": 2 }));
  const moving = [make("g", {}), make("g", {})];
  cloud.inside.append(moving[0]);
  map.inside.append(moving[1]);

  const play = plain("button", { type: "button" }, "Play");
  const step = plain("input", { type: "range", min: 0, value: 0, "aria-label": "update k" });
  const rate = plain("input", { type: "range", min: 0, max: data.descents.length - 1, value: Math.min(1, data.descents.length - 1), "aria-label": "learning rate" });
  const told = plain("p", { role: "status" });
  const [stepWords, rateWords] = [plain("label", {}, "update k "), plain("label", {}, "learning rate η ")];
  stepWords.append(step);
  rateWords.append(rate);
  const [stepNow, rateNow] = [plain("span", {}), plain("span", {})];
  stepWords.append(" ", stepNow);
  rateWords.append(" ", rateNow);
  const controls = plain("p", { class: "controls" }), panels = plain("div", { class: "panels" });
  controls.append(play, " ", rateWords, " ", stepWords);
  Object.assign(panels.style, { display: "flex", flexWrap: "wrap", gap: "1rem", background: "#fff" });
  for (const { svg } of [cloud, map]) {
    const half = plain("div", {});
    Object.assign(half.style, { flex: "1 1 17rem", maxWidth: "28rem" });
    half.append(svg);
    panels.append(half);
  }
  player.append(controls, panels, told);

  const draw = () => {
    const descent = data.descents[+rate.value], last = descent.betas.length - 1;
    step.max = last;
    const k = Math.min(+step.value, last), beta = descent.betas[k];
    const end = (x) => [x, beta[0] + beta[1] * x];
    moving[0].replaceChildren(line(cloud.place, xs.map(end), { stroke: "#0072B2", "stroke-width": 3 }));
    moving[1].replaceChildren(line(map.place, descent.betas.slice(0, k + 1), { stroke: "#D55E00", "stroke-width": 2 }),
      ...descent.betas.slice(0, k + 1).map((b) => {
        const [cx, cy] = map.place(b);
        return make("circle", { cx, cy, r: b === beta ? 6 : 3, fill: "#D55E00" });
      }));
    const verdict = descent.multiple > 1 ? " η is above 2/L: it diverges." : descent.multiple === 1
      ? " η is 2/L, the border: one error neither shrinks nor grows." : " η is below 2/L: it converges.";
    rateNow.textContent = `${short(descent.multiple)} of 2/L`;
    stepNow.textContent = `${k} of ${last}`;
    rate.setAttribute("aria-valuetext", rateNow.textContent);
    step.setAttribute("aria-valuetext", stepNow.textContent);
    told.textContent = `η = ${short(descent.multiple)} × 2/L = ${short(descent.rate)}. After ${k} update${k === 1 ? "" : "s"} the intercept is ${short(beta[0])}, the slope `
      + `${short(beta[1])} and the loss ${short(descent.losses[k])}.${verdict}`;
  };
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    told.setAttribute("aria-live", "polite");
  };
  const start = () => {
    if (+step.value >= +step.max) step.value = 0;
    play.textContent = "Pause";
    told.setAttribute("aria-live", "off"); // who listens hears where it ends, not every update
    timer = setInterval(() => {
      step.value = +step.value + 1;
      if (+step.value >= +step.max) stop();
      draw();
    }, 250);
  };
  play.addEventListener("click", () => (timer === null ? start() : stop()));
  step.addEventListener("input", () => { stop(); draw(); });
  rate.addEventListener("input", () => { step.value = 0; draw(); });
  player.hidden = false;
  draw();
});
