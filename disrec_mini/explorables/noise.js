// Stored values over the noise rate: both arms above, below what the second has more
// than the first, with its 95 % interval. Only measured rates can be read.
// data: {rates, unmeasured: [rates to mark], arms, panels: [{name, values: [arm][rate][seed],
//   gaps: [relative, as it is], each [rate] {mean, low, high, verdict} or null}]}
var make = tools.make, W = 420, left = 46, right = 96, names = ["blue", "orange"];
var rates = data.rates, most = rates[rates.length - 1], dashes = ["", "6 4"];
var at = 2 < rates.length ? 2 : 1, which = 0, isRelative = 1;

function mean(list) { return list.reduce(function (a, b) { return a + b; }, 0) / list.length; }
function x(r) { return left + (r / most) * (W - left - right); }

// [arm][rate][seed], divided by the same seed's value without noise
function shown() {
  return data.panels[which].values.map(function (arm) {
    return arm.map(function (seeds) {
      return seeds.map(function (v, s) { return isRelative ? v / arm[0][s] : v; });
    });
  });
}

// as many digits as half an interval allows: one of its own, two if the first is 1
function digits(gap) {
  var half = gap ? (gap.high - gap.low) / 2 : 0;
  if (!(half > 0)) return 3;
  var place = Math.ceil(-Math.log10(half));
  return Math.min(5, Math.max(2, place + (Math.floor(half * Math.pow(10, place)) === 1 ? 1 : 0)));
}
function signed(v, d) {
  var text = Math.abs(v).toFixed(d);
  return (Number(text) === 0 ? "" : v < 0 ? "\u2212" : "+") + text;
}

var upper = make("svg", {viewBox: "0 0 " + W + " 150", role: "img",
  "aria-label": "Curves of both arms over noise; the table below holds the values."});
var lower = make("svg", {viewBox: "0 0 " + W + " 172", role: "img",
  "aria-label": "Their difference over noise with its interval; the table holds the values."});
var rows = make("tbody", {});
var said = make("p", {role: "status", class: "note"});

function line(svg, x1, y1, x2, y2, opacity) {
  svg.append(make("line", {x1: x1, y1: y1, x2: x2, y2: y2, stroke: "currentColor",
    "stroke-opacity": opacity}));
}
function label(svg, px, py, text, anchor, fill) {
  svg.append(make("text", {x: px, y: py, "text-anchor": anchor || "start",
    style: fill ? "fill:" + fill : null}, text));
}

function drawCurves(curves) {
  var highest = Math.max.apply(null, curves.flat(2));
  function y(v) { return 8 + (1 - v / (1.05 * highest)) * 134; }
  upper.textContent = "";
  [0, highest / 2, highest].forEach(function (v) {
    label(upper, left - 5, y(v) + 4, v.toFixed(2), "end");
    line(upper, left, y(v), W - right, y(v), 0.15);
  });
  line(upper, x(rates[at]), 8, x(rates[at]), 142, 0.8);
  var ends = curves.map(function (arm) { return y(mean(arm[arm.length - 1])); });
  curves.forEach(function (arm, a) {
    var points = arm.map(function (s, i) { return x(rates[i]) + "," + y(mean(s)); });
    upper.append(make("polyline", {points: points.join(" "), fill: "none",
      stroke: tools.colour(a), "stroke-width": 2.5, "stroke-dasharray": dashes[a]}));
    var apart = ends[a] <= ends[1 - a] ? -3 : 11;
    label(upper, W - right + 6, ends[a] + apart, data.arms[a], "start", tools.colour(a));
  });
}

function drawGaps(gaps) {
  var known = gaps.map(function (g) { return g || {mean: 0, low: 0, high: 0}; });
  var reach = 0;
  known.forEach(function (g) { reach = Math.max(reach, Math.abs(g.low), Math.abs(g.high)); });
  function y(v) { return 68 - (v / (1.1 * reach)) * 60; }
  lower.textContent = "";
  [reach, 0, -reach].forEach(function (v) {
    label(lower, left - 5, y(v) + 4, signed(v, reach < 0.02 ? 3 : 2), "end");
    line(lower, left, y(v), W - right, y(v), v ? 0.15 : 0.7);
  });
  label(lower, W - right + 6, y(reach) + 12, data.arms[1] + " ahead");
  label(lower, W - right + 6, y(-reach) - 4, data.arms[0] + " ahead");
  var high = known.map(function (g, i) { return x(rates[i]) + "," + y(g.high); });
  var low = known.map(function (g, i) { return x(rates[i]) + "," + y(g.low); });
  lower.append(
    make("polygon", {points: high.concat(low.reverse()).join(" "), fill: tools.colour(2),
      "fill-opacity": 0.25}),
    make("polyline", {points: known.map(function (g, i) {
      return x(rates[i]) + "," + y(g.mean); }).join(" "), fill: "none",
      stroke: tools.colour(2), "stroke-width": 2}));
  known.forEach(function (g, i) {
    lower.append(make("circle", {cx: x(rates[i]), cy: y(g.mean), r: i === at ? 5 : 3,
      fill: tools.colour(2)}));
  });
  line(lower, x(rates[at]), 8, x(rates[at]), 128, 0.8);
  rates.forEach(function (r) { label(lower, x(r), 146, r, "middle"); });
  (data.unmeasured || []).forEach(function (r) {
    label(lower, x(r), 146, "(" + r + ")", "middle");
  });
  label(lower, (left + W - right) / 2, 166, "noise (%)", "middle");
}

function draw() {
  var curves = shown(), gaps = data.panels[which].gaps[1 - isRelative], gap = gaps[at];
  var d = digits(gap);
  drawCurves(curves);
  drawGaps(gaps);
  rows.textContent = "";
  curves.forEach(function (arm, a) {
    var seeds = arm[at];
    rows.append(make("tr", {},
      make("th", {scope: "row", style: "border-left:6px solid " + tools.colour(a)},
        data.arms[a] + " (" + names[a] + (dashes[a] ? ", dashed)" : ")")),
      make("td", {}, mean(seeds).toFixed(d)),
      make("td", {}, Math.min.apply(null, seeds).toFixed(d) + " to " +
        Math.max.apply(null, seeds).toFixed(d))));
  });
  var what = data.arms[1] + " minus " + data.arms[0];
  said.textContent = "With " + rates[at] + " % noise " + what + " is " + (gap
    ? signed(gap.mean, d) + " (95 %: " + signed(gap.low, d) + " to " +
      signed(gap.high, d) + "): " + (gap.verdict || "not judged rate by rate") + "."
    : "0 by definition: each is divided by itself.");
}

root.append(
  tools.slider("Noise", {min: 0, max: rates.length - 1, value: at,
    format: function (v) { return rates[v] + " %"; }},
    function (v) { at = v; draw(); }).element,
  tools.choice("Measure", data.panels.map(function (p) { return p.name; }),
    function (v) { which = v; draw(); }).element,
  tools.choice("Show", ["relative to no noise", "as it is"],
    function (v) { isRelative = 1 - v; draw(); }).element,
  upper,
  make("span", {class: "note"}, "Below, in green: " + data.arms[1] + " minus " +
    data.arms[0] + ", band: 95 %, people and seeds"),
  lower,
  make("table", {}, make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "arm"),
    make("th", {scope: "col"}, "mean"), make("th", {scope: "col"}, "seeds"))), rows),
  said);
draw();
