// Clicks stream through the intentions of a small trained model into one list.
// data: {settings, weights, kind (M + 1), nouns, start: item ids, room, top}
const make = tools.make, K = data.settings.n_intents, M = data.settings.n_items;
const D = data.settings.dim, TOP = data.top, LASTS = 450;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const weights = Object.fromEntries(Object.entries(data.weights).map(
  ([name, packed]) => [name, tools.array(packed)]));
const run = makeModel(data.settings, weights);
const number = data.kind.map((kind, j) => j - data.kind.indexOf(kind) + 1);
const named = (j) => data.nouns[data.kind[j]] + " " + number[j];

// -- what the model says ---------------------------------------------------------------

// phi^(k) = LN5( beta_k ): what an intention asks for when nothing was clicked
function unasked() {
  const gain = weights["intentions.norm_out.weight"], bias = weights["intentions.norm_out.bias"];
  const table = weights["encoder.item_embedding.weight"], beta = weights["intentions.beta_past"];
  const scores = Array.from({length: K}, (_, k) => {
    const b = Array.from(beta.subarray(k * D, (k + 1) * D));
    const mean = b.reduce((s, x) => s + x, 0) / D;
    const spread = Math.sqrt(b.reduce((s, x) => s + (x - mean) ** 2, 0) / D + 1e-8);
    const phi = b.map((x, d) => (x - mean) / spread * gain[d] + bias[d]);
    return Array.from({length: M + 1}, (_, j) =>
      phi.reduce((s, x, d) => s + x * table[j * D + d], 0) / Math.sqrt(D));
  });
  return {cluster: [], weight: [], scores: scores};
}
const SILENT = unasked();

// {part[i][k] = p_{k|i} p_i, share[k], lanes[k] = its best items that are new, list: the
// best of all lanes by score, score(k, j)}
function read(items) {
  const out = items.length ? run(items) : SILENT, fresh = [];
  for (let j = 1; j <= M; j++) if (!items.includes(j)) fresh.push(j);
  const best = (scores) => fresh.slice().sort((a, b) => scores[b] - scores[a]).slice(0, TOP);
  const part = out.weight.map((p, i) => Array.from(out.cluster[i], (q) => q * p));
  const lanes = out.scores.map(best), places = new Map();
  lanes.forEach((lane, k) => lane.forEach((j) => {
    const old = places.get(j);
    if (old === undefined || out.scores[k][j] > out.scores[old][j]) places.set(j, k);
  }));
  const list = [...places].map(([j, k]) => ({j: j, k: k, score: out.scores[k][j]}))
    .sort((a, b) => b.score - a.score).slice(0, TOP);
  const share = lanes.map((_, k) => part.reduce((sum, p) => sum + p[k], 0));
  return {part: part, share: share, lanes: lanes, list: list, scores: out.scores};
}

// -- what stands on the page -----------------------------------------------------------

const OUTLINES = {
  shirt: "M8 3L3 6L1 11L5 12L6 10V21H18V10L19 12L23 11L21 6L16 3Q12 7 8 3Z",
  trousers: "M6 2H18L20 22H14L12 9L10 22H4Z",
};
function drawing(kind) {
  const d = OUTLINES[data.nouns[kind]];
  return d ? make("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, make("path",
    {d: d, fill: kind % 2 ? "currentColor" : "none", stroke: "currentColor",
      "stroke-width": 2, "stroke-linejoin": "round"})) : data.nouns[kind][0];
}
const inside = (j) => [drawing(data.kind[j]), String(number[j])];
const percents = (shares) => { // whole, and together 100
  const whole = shares.map((s) => Math.round(100 * s));
  const rest = shares.some((s) => s > 0) ? 100 - whole.reduce((a, b) => a + b, 0) : 0;
  whole[shares.indexOf(Math.max(...shares))] += rest;
  return whole;
};

let born = 0, clicks = [], chosen = 0, place = 0, told = null, drag = null, wide = 0;
const again = () => { clicks = data.start.map((j) => ({id: born++, j: j})); chosen = clicks.length - 1; };
const picture = make("svg", {"aria-hidden": "true"});
const above = make("g"), bars = make("g"), dots = make("g");
picture.append(above, bars, dots);
const clickList = make("ol", {class: "streams-clicks", "aria-label": "Clicks, oldest first"});
const lanes = Array.from({length: K}, (_, k) => make("ol", {class: "streams-lane",
  style: "--its:" + tools.colour(k), "aria-label": "What intention " + (k + 1) + " would show"}));
const list = make("ol", {class: "streams-list", "aria-label": "Recommended: the best of all"});
const stage = make("div", {class: "streams-stage"}, picture, clickList, ...lanes, list);
const said = make("p", {class: "streams-said", role: "status"});

const elements = new Map(); // key -> element; shapes: key -> numbers, and who paints them
let shapes = new Map(), drawn = new Map(), moving = 0;
function element(key, fresh) {
  if (!elements.has(key)) elements.set(key, fresh());
  return elements.get(key);
}
function fill(parent, wanted) { // as few moves as can be: a moved button loses the focus
  wanted.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] || null);
  });
  while (parent.children.length > wanted.length) parent.lastChild.remove();
}

const paintTile = (item) => ([x, y, w, h, seen]) => {
  item.style.transform = "translate(" + x.toFixed(1) + "px," + y.toFixed(1) + "px)";
  item.style.width = w.toFixed(1) + "px";
  item.style.height = h.toFixed(1) + "px";
  item.style.opacity = seen;
};
const paintBand = (path, dot) => ([x0, y0, w0, x1, y1, w1]) => {
  const y = (y0 + y1) / 2, f = (x) => x.toFixed(1);
  const side = (a, ya, b, yb) => f(a) + " " + f(ya) + "C" + f(a) + " " + f(y) + " " + f(b) +
    " " + f(y) + " " + f(b) + " " + f(yb);
  path.setAttribute("d", "M" + side(x0 - w0 / 2, y0, x1 - w1 / 2, y1) + "L" +
    side(x1 + w1 / 2, y1, x0 + w0 / 2, y0) + "Z");
  dot.setAttribute("d", "M" + side(x0, y0, x1, y1));
};
const paintBar = (rect) => ([x, y, w, h]) => Object.entries({x: x, y: y, width: w, height: h})
  .forEach(([name, value]) => rect.setAttribute(name, Math.max(value, 0).toFixed(1)));

// -- where everything lies -------------------------------------------------------------

function lay() {
  const W = stage.clientWidth || 320, small = W < 480, n = clicks.length;
  const tile = small ? 44 : 50, pitch = Math.min(tile + (small ? 3 : 10), (small ? W : W - 250) / data.room);
  const high = small ? 30 : 34, lane = W / K, step = Math.min(lane / TOP - 1, 52);
  const y = {clicks: small ? 20 : 4};
  y.node = y.clicks + tile + (small ? 48 : 56);
  y.words = y.node + 22;
  y.base = y.words + 8 + (small ? 30 : 40);
  y.lists = y.base + 2 + high + (small ? 44 : 52);
  return {W: W, small: small, tile: tile, pitch: pitch, high: high, lane: lane, step: step,
    y: y, height: y.lists + tile + (small ? 18 : 3), chart: y.base - y.words - 8,
    click: (i) => W / 2 + (i - (n - 1) / 2) * pitch,
    middle: (k) => (k + 0.5) * lane,
    inLane: (k, r) => (k + 0.5) * lane + (r - (TOP - 1) / 2) * step,
    final: (r) => W / 2 + (r - (TOP - 1) / 2) * Math.min(W / TOP, 76)};
}

function band(key, k, to, from) {
  const path = element(key, () => make("path", {fill: tools.colour(k), "fill-opacity": 0.5}));
  const dot = element(key + ".", () => make("path", {class: "streams-dots", fill: "none",
    stroke: tools.colour(k), "stroke-linecap": "round", "stroke-dasharray": "0.1 15", opacity: 0}));
  dot.setAttribute("stroke-width", Math.min(6, Math.max(0, 1.5 * Math.min(to[2], to[5]))));
  shapes.set(key, {to: to, from: from, paint: paintBand(path, dot)});
  return [path, dot];
}
function tile(key, item, to) {
  shapes.set(key, {to: [...to, 1], from: [...to, 0], paint: paintTile(item)});
  return item;
}
function words(x, y, text, anchor, strong) {
  return make("text", {x: x, y: y, "text-anchor": anchor || "start",
    style: strong ? "font-weight:600" : null}, text);
}

function clickTile(g, click, i) {
  const item = element("c" + click.id, () => make("li", {}, make("button", {type: "button",
    class: "streams-item", onclick: () => { chosen = clicks.indexOf(click); draw(); },
    onkeydown: (e) => keys(e, click)}, ...inside(click.j))));
  const button = item.firstChild, now = told.part[i].reduce((a, b) => a + b, 0);
  button.setAttribute("aria-pressed", String(i === chosen));
  button.tabIndex = i === chosen ? 0 : -1;
  button.setAttribute("aria-label", "click " + (i + 1) + " of " + clicks.length + ", " +
    named(click.j) + ", " + Math.round(100 * now) + " % of the weight");
  item.className = drag && drag.click === click ? "streams-dragged" : "";
  const x = drag && drag.click === click ? drag.x : g.click(i);
  return tile("c" + click.id, item, [x - g.tile / 2, g.y.clicks, g.tile, g.tile]);
}

function laneOf(g, k, most) {
  const lane = told.lanes[k].map((j, r) => {
    const item = element("l" + k + "-" + j, () =>
      make("li", {}, make("span", {class: "streams-item"}, ...inside(j))));
    const at = told.list.findIndex((place) => place.j === j && place.k === k);
    item.firstChild.classList.toggle("streams-chosen", at >= 0);
    item.setAttribute("aria-label", named(j) + (at >= 0 ? ", recommended" : ""));
    const x = g.inLane(k, r), tall = Math.max(0, told.scores[k][j]) / most * g.chart;
    const bar = element("b" + k + "-" + j, () => make("rect", {fill: tools.colour(k)}));
    bar.setAttribute("fill-opacity", at >= 0 ? 1 : 0.3);
    shapes.set("b" + k + "-" + j, {to: [x - g.step * 0.32, g.y.base - tall, g.step * 0.64, tall],
      from: [x - g.step * 0.32, g.y.base, g.step * 0.64, 0], paint: paintBar(bar)});
    const wide = g.step - 2;
    return {item: tile("l" + k + "-" + j, item, [x - wide / 2, g.y.base + 2, wide, g.high]),
      bar: bar, at: at, x: x, j: j};
  });
  fill(lanes[k], lane.map((one) => one.item));
  return lane;
}

function finalTile(g, found, r) {
  const item = element("f" + found.j, () => make("li", {}, make("button", {type: "button",
    class: "streams-item", onclick: () => add(found.j), onkeydown: listKeys}, ...inside(found.j))));
  item.style.setProperty("--its", tools.colour(found.k));
  item.firstChild.tabIndex = r === place ? 0 : -1;
  item.firstChild.setAttribute("aria-label", "place " + (r + 1) + ": " + named(found.j) +
    ", from intention " + (found.k + 1) + ". Click it");
  const wide = Math.min(g.W / TOP - 4, 64);
  return tile("f" + found.j, item, [g.final(r) - wide / 2, g.y.lists, wide, g.tile]);
}

function draw(atOnce) {
  const focus = stage.contains(document.activeElement) ? document.activeElement : null;
  told = read(clicks.map((click) => click.j));
  chosen = Math.max(0, Math.min(chosen, clicks.length - 1));
  place = Math.min(place, told.list.length - 1);
  shapes = new Map();
  const g = lay(), room = 0.88 * g.lane, share = percents(told.share);
  root.classList.toggle("streams-narrow", g.small);
  stage.style.height = g.height + "px";
  const bands = [], most = Math.max(...told.lanes.map((lane, k) => told.scores[k][lane[0]]));
  fill(clickList, clicks.map((click, i) => clickTile(g, click, i)));
  const filled = told.share.map((s, k) => g.middle(k) - s * room / 2);
  clicks.forEach((click, i) => {
    let x = (drag && drag.click === click ? drag.x : g.click(i)) -
      told.part[i].reduce((a, b) => a + b, 0) * (g.tile - 8) / 2;
    told.part[i].forEach((p, k) => {
      const w0 = p * (g.tile - 8), w1 = p * room;
      const to = [x + w0 / 2, g.y.clicks + g.tile, w0, filled[k] + w1 / 2, g.y.node, w1];
      bands.push(band("s" + click.id + "-" + k, k, to, [to[0], to[1], 0, to[3], to[4], 0]));
      x += w0;
      filled[k] += w1;
    });
  });
  const hint = clicks.length > 1 ? ": drag one" : "", end = told.list.length + " highest";
  const texts = g.small
    ? [words(g.W / 2, 13, "clicks, oldest first" + hint, "middle"),
      words(g.W / 2, g.height - 4, "recommended: the " + end + " of both", "middle")]
    : [words(2, g.y.clicks + 22, "clicks, oldest first"), words(2, g.y.clicks + 38, hint.slice(2)),
      words(2, g.y.lists + 22, "recommended:"), words(2, g.y.lists + 38, "the " + end)];
  const boxes = [];
  told.lanes.forEach((_, k) => {
    const node = element("n" + k, () => make("rect", {class: "streams-node", rx: 2,
      fill: tools.colour(k)})), wide = Math.max(2, told.share[k] * room);
    const to = [g.middle(k) - wide / 2, g.y.node, wide, 7];
    shapes.set("n" + k, {to: to, from: to, paint: paintBar(node)});
    boxes.push(node);
    texts.push(words(g.middle(k), g.y.words, "intention " + (k + 1) + (g.small ? ": " : " has ") +
      share[k] + " %" + (g.small ? "" : " of the weight"), "middle", true));
    laneOf(g, k, most).forEach((one) => {
      boxes.push(one.bar);
      if (one.at < 0) return;
      const w = g.small ? 6 : 9, low = g.y.base + 2 + g.high;
      const to2 = [one.x, low, w, g.final(one.at), g.y.lists, w];
      bands.push(band("t" + k + "-" + one.j, k, to2, [one.x, low, 0, one.x, low, 0]));
    });
  });
  const line = g.y.base - Math.max(0, told.list[told.list.length - 1].score) / most * g.chart;
  boxes.push(make("line", {x1: 0, x2: g.W, y1: line, y2: line, stroke: "currentColor",
    "stroke-dasharray": "4 3", "stroke-opacity": 0.8}));
  fill(above, bands.map((both) => both[0]));
  fill(dots, bands.map((both) => both[1]));
  fill(bars, [...boxes, ...texts]);
  fill(list, told.list.map((found, r) => finalTile(g, found, r)));
  for (const key of elements.keys()) // what is gone is born anew when it comes back
    if (!shapes.has(key.replace(/\.$/, ""))) { elements.delete(key); drawn.delete(key); }
  say(share);
  if (focus && document.activeElement !== focus) {
    const next = clickList.children[chosen];
    (focus.isConnected ? focus : next ? next.firstChild : controls.children[3]).focus();
  }
  go(atOnce || calm.matches || Boolean(drag));
}

// -- from where it is drawn to where it belongs ----------------------------------------

function go(atOnce) {
  const mine = ++moving, began = performance.now();
  const start = new Map([...shapes].map(([key, shape]) => [key, drawn.get(key) || shape.from]));
  const paint = (t) => shapes.forEach((shape, key) => {
    const now = shape.to.map((x, i) => start.get(key)[i] + t * (x - start.get(key)[i]));
    drawn.set(key, now);
    shape.paint(now);
  });
  const frame = (at) => {
    if (mine !== moving) return;
    const t = Math.min(1, Math.max(0, (at - began) / LASTS));
    paint(t * t * (3 - 2 * t));
    if (t < 1) requestAnimationFrame(frame);
  };
  if (atOnce) paint(1); else { paint(0); requestAnimationFrame(frame); }
  if (!calm.matches) for (const dot of dots.children) { // for a while, and then it rests
    dot.getAnimations().forEach((old) => old.cancel());
    dot.animate([{strokeDashoffset: 60.4, opacity: 1}, {strokeDashoffset: 0, opacity: 1}],
      {duration: 2400, iterations: 2});
  }
}

function say(share) {
  if (!clicks.length) {
    said.textContent = "Without a click each intention shows what it shows to everybody, by its bias.";
    return;
  }
  const count = (k) => told.list.filter((found) => found.k === k).length;
  let text = share.map((s, k) => (k ? "intention " : "Intention ") + (k + 1) + " has " + s +
    " % of the weight and " + count(k) + " of " + told.list.length + " places").join(", ") + ".";
  told.share.forEach((s, k) => {
    if (s >= 0.02) return;
    const usual = new Set(SILENT.scores[k].map((_, j) => j).slice(1)
      .filter((j) => !clicks.some((click) => click.j === j))
      .sort((a, b) => SILENT.scores[k][b] - SILENT.scores[k][a]).slice(0, TOP));
    const same = told.lanes[k].filter((j) => usual.has(j)).length;
    text += " Intention " + (k + 1) + " has hardly a click to go by: " + same + " of its " +
      TOP + " stand there without any click, too.";
  });
  said.textContent = text;
}

// -- what a reader does ----------------------------------------------------------------

function move(by) {
  const to = chosen + by;
  if (to < 0 || to >= clicks.length) return;
  clicks.splice(to, 0, clicks.splice(chosen, 1)[0]);
  chosen = to;
  draw();
}
function remove() {
  clicks.splice(chosen, 1);
  draw();
}
function add(j) {
  clicks.push({id: born++, j: j});
  if (clicks.length > data.room) clicks.shift();
  chosen = clicks.length - 1;
  draw();
}
function addKind(kind) { // the one after the latest of its kind, round and round
  const all = data.kind.map((k, j) => (k === kind ? j : 0)).filter(Boolean);
  const latest = clicks.map((click) => click.j).reverse().find((j) => data.kind[j] === kind);
  add(all[(latest ? all.indexOf(latest) + 1 : 0) % all.length]);
}
function focusOn(parent, i) {
  const item = parent.children[i];
  if (item) item.firstChild.focus();
}
function keys(e, click) {
  const by = {ArrowLeft: -1, ArrowRight: 1}[e.key], at = clicks.indexOf(click);
  if (e.key === "Delete" || e.key === "Backspace") { chosen = at; remove(); focusOn(clickList, chosen); }
  else if (by && e.shiftKey) { chosen = at; move(by); focusOn(clickList, chosen); }
  else if (by && clicks[at + by]) { chosen = at + by; draw(); focusOn(clickList, chosen); }
  else return;
  e.preventDefault();
}
function listKeys(e) {
  const by = {ArrowLeft: -1, ArrowRight: 1}[e.key];
  if (!by || !told.list[place + by]) return;
  place += by;
  draw();
  focusOn(list, place);
  e.preventDefault();
}
stage.addEventListener("pointerdown", (e) => {
  const item = e.target.closest && e.target.closest(".streams-clicks li");
  if (!item || e.button > 0) return;
  drag = null;
  const click = clicks[[...clickList.children].indexOf(item)], from = e.clientX;
  const left = stage.getBoundingClientRect().left;
  function moved(to) {
    if (!drag && Math.abs(to.clientX - from) < 6) return;
    if (!drag) stage.setPointerCapture(e.pointerId);
    const g = lay(), n = clicks.length, x = Math.min(Math.max(to.clientX - left, 0), g.W);
    drag = {click: click, x: x};
    const at = Math.round((x - g.W / 2) / g.pitch + (n - 1) / 2);
    chosen = clicks.indexOf(click);
    clicks.splice(Math.min(Math.max(at, 0), n - 1), 0, clicks.splice(chosen, 1)[0]);
    chosen = clicks.indexOf(click);
    draw();
  }
  function end() {
    stage.removeEventListener("pointermove", moved);
    stage.removeEventListener("pointerup", end);
    stage.removeEventListener("pointercancel", end);
    if (drag) { drag = null; draw(); focusOn(clickList, chosen); }
  }
  stage.addEventListener("pointermove", moved);
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
});

const word = (text) => make("span", {class: "streams-word"}, text);
function tool(label, press, ...shown) {
  return make("button", {type: "button", "aria-label": label, onclick: press}, ...shown);
}
const controls = make("div", {class: "streams-tools"},
  tool("move the chosen click to the left", () => move(-1), "\u2190", word(" earlier")),
  tool("move the chosen click to the right", () => move(1), word("later "), "\u2192"),
  tool("remove the chosen click", remove, "\u00d7", word(" remove")),
  ...data.nouns.map((noun, kind) =>
    tool("add " + noun, () => addKind(kind), "+ ", drawing(kind), word(" " + noun))),
  tool("start again", () => { again(); draw(); }, "\u21ba", word(" start again")));
root.append(stage, controls, said);
again();
draw(true);
new ResizeObserver(() => { // the width decides, the height follows from it
  if (stage.clientWidth === wide) return;
  wide = stage.clientWidth;
  draw(true);
}).observe(stage);
