// Where one click of a sequence looks: arcs as wide as the attention weights.
// data: {scores (S, V, T, T), q_i . key_j / sqrt(D) before the mask, of S models and V
// sequences; models: S names, people: V names, kinds: V lists of T numbers 0, 1, ...,
// kind: what a number stands for, query: the place shown first, from 1}
var make = tools.make, scores = tools.array(data.scores), T = scores.shape[3];
var V = scores.shape[1], model = 0, who = 0, query = (data.query || T) - 1, masked = true;
var calm = matchMedia("(prefers-reduced-motion: reduce)"), HEIGHT = 260, BASE = 165;
var WIDEST = 60, EQUAL = 22, TALLEST = 75; // pixels: an arc that has all, bars
var drawn = null, target = null, turn = 0; // {at, weights}: on the page, and where to

// A_ij for all j: a softmax over the clicks that click i may look at
function weights() {
  var row = ((model * V + who) * T + query) * T, powers = [], most = -Infinity, total = 0;
  for (var j = 0; j < T; j++)
    if (!masked || j <= query) most = Math.max(most, scores[row + j]);
  for (j = 0; j < T; j++)
    powers.push(masked && j > query ? 0 : Math.exp(scores[row + j] - most));
  powers.forEach(function (p) { total += p; });
  return powers.map(function (p) { return p / total; });
}

var picture = make("svg", {class: "attention-picture", height: HEIGHT, role: "img"});
var said = make("p", {role: "status", class: "note"});
var rows = make("tbody", {});
var colour = function (j) { return tools.colour(data.kinds[who][j]); };
var wide = function () { return Math.max(picture.clientWidth || 640, 240); };
var x = function (j) { return (j + 0.5) * wide() / T; };

function paint(now) {
  var n = masked ? query + 1 : T, here = x(now.at), parts = [];
  now.weights.forEach(function (a, j) {
    var there = x(j), far = Math.abs(here - there), hidden = masked && j > query;
    var height = Math.min(BASE - 25, 14 + far * 0.55);
    if (a > 0.002) parts.push(make("path", {class: "attention-arc", fill: "none", "data-j": j,
      "stroke-width": Math.max(0.5, WIDEST * a).toFixed(2), style: "stroke:" + colour(j),
      d: far < 1
        ? "M" + (here - 7) + " " + (BASE - 12) + "C" + (here - 16) + " " + (BASE - 48) +
          " " + (here + 16) + " " + (BASE - 48) + " " + (here + 7) + " " + (BASE - 12)
        : "M" + here + " " + (BASE - 12) + "C" + here + " " + (BASE - 12 - height * 1.3) +
          " " + there + " " + (BASE - 12 - height * 1.3) + " " + there + " " + (BASE - 12)}));
    parts.push(make("circle", {cx: there, cy: BASE, r: 9, "fill-opacity": hidden ? 0.1 : 0.25,
      "stroke-width": j === query ? 3.5 : 1.5, "stroke-opacity": hidden ? 0.4 : 1,
      style: "fill:" + colour(j) + ";stroke:" + colour(j)}));
    parts.push(make("text", {x: there, y: BASE + 4, "text-anchor": "middle",
      opacity: hidden ? 0.6 : 1}, String(data.kinds[who][j] + 1)));
    parts.push(make("rect", {class: "attention-bar", x: there - 5, y: BASE + 16, width: 10,
      height: Math.min(a * n * EQUAL, TALLEST), style: "fill:" + colour(j)}));
  });
  var equal = BASE + 16 + EQUAL; // a bar is as long as its weight is to an equal one
  parts.push(make("line", {x1: 0, x2: x(n - 1) + 8, y1: equal, y2: equal,
    stroke: "currentColor", "stroke-dasharray": "4 3"}));
  picture.setAttribute("viewBox", "0 0 " + wide() + " " + HEIGHT);
  picture.replaceChildren.apply(picture, parts);
}

// from what is drawn to where it should be, at once for readers who want less motion
function go(animated) {
  var from = drawn, began = performance.now(), mine = (turn += 1);
  target = {at: query, weights: weights()};
  function step(now) {
    if (mine !== turn) return;
    var t = !animated || !from || calm.matches ? 1 : Math.min((now - began) / 300, 1);
    t = 1 - Math.pow(1 - Math.max(t, 0), 3);
    drawn = t === 1 ? target : {at: from.at + t * (target.at - from.at),
      weights: target.weights.map(function (a, j) {
        return from.weights[j] + t * (a - from.weights[j]);
      })};
    paint(drawn);
    if (t < 1) requestAnimationFrame(step);
  }
  step(began);
}

function draw() {
  go(true);
  var kinds = data.kinds[who], a = target.weights, most = a.indexOf(Math.max.apply(null, a));
  var own = [0, 0], other = [0, 0], later = 0; // weight, clicks
  a.forEach(function (p, j) {
    if (j > query) later += p;
    if (j === query || (masked && j > query)) return;
    var sum = kinds[j] === kinds[query] ? own : other;
    sum[0] += p;
    sum[1] += 1;
  });
  var each = function (sum, words) {
    return sum[1] + words + (sum[1] === 1 ? "" : "s") + (sum[1]
      ? ", " + (sum[0] / sum[1]).toFixed(3) + " each" : "");
  };
  var n = masked ? query + 1 : T;
  said.textContent = "Click " + (query + 1) + " (" + data.kind + " " + (kinds[query] + 1) +
    ") gives most, " + a[most].toFixed(3) + ", to " + (most === query ? "itself"
      : "click " + (most + 1) + " (" + data.kind + " " + (kinds[most] + 1) + ")") +
    ". Other clicks of its " + data.kind + ": " + each(own, " click") + "; the rest: " +
    each(other, " click") + ". Equal weights, dashed: " + (1 / n).toFixed(3) + "." +
    (masked || query === T - 1 ? "" : " Later clicks get " + later.toFixed(3) +
      " of the weight: the answer would be known.");
  picture.setAttribute("aria-label", "Arcs from click " + (query + 1) + " to the clicks " +
    "that it looks at. " + said.textContent);
  rows.replaceChildren.apply(rows, a.map(function (p, j) {
    return make("tr", {}, make("th", {scope: "row"}, "click " + (j + 1)),
      make("td", {}, data.kind + " " + (kinds[j] + 1)), make("td", {}, p.toFixed(3)));
  }));
}

var slider = tools.slider("Query: click", {min: 1, max: T, value: query + 1},
  function (v) { query = v - 1; draw(); });
var mask = make("input", {type: "checkbox", id: tools.id(), checked: true,
  onchange: function () { masked = mask.checked; draw(); }});
function point(e) {
  var box = picture.getBoundingClientRect();
  var j = Math.floor((e.clientX - box.left) / box.width * T);
  if (j >= 0 && j < T && j !== query) slider.value = j + 1;
}
picture.addEventListener("pointerdown", point);
picture.addEventListener("pointermove", function (e) {
  if (e.pointerType === "mouse") point(e);
});
root.classList.add("attention");
root.append(make("div", {class: "attention-controls"},
  tools.choice("Visitor", data.people, function (v) { who = v; draw(); }).element,
  tools.choice("Weights", data.models, function (v) { model = v; draw(); }).element,
  make("div", {class: "explorable-control"}, mask,
    make("label", {for: mask.id}, "causal mask"))),
  slider.element, picture, said,
  make("details", {}, make("summary", {}, "All weights of this query"),
    make("table", {}, rows)));
draw();
new ResizeObserver(function () { go(false); }).observe(picture);
