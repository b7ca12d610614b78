// Stored curves over the noise rate, with bands over seeds, and a slider to read them.
// data: {rates, arms, panels: [{name, values: [arm][rate][seed]}]}
var make = tools.make, W = 420, H = 220, left = 40, right = 10, top = 10, low = 34;
var rates = data.rates, most = rates[rates.length - 1];
var at = rates[1], which = 0, isRelative = 1, dashes = ["", "6 4"];

function mean(list) { return list.reduce(function (a, b) { return a + b; }, 0) / list.length; }

// [arm][rate][seed], divided by the same seed's value without noise
function shown() {
  return data.panels[which].values.map(function (arm) {
    return arm.map(function (seeds) {
      return seeds.map(function (v, s) { return isRelative ? v / arm[0][s] : v; });
    });
  });
}
function between(list, x) {
  var i = 1;
  while (i < rates.length - 1 && rates[i] < x) i++;
  var share = (x - rates[i - 1]) / (rates[i] - rates[i - 1]);
  return list[i - 1] + share * (list[i] - list[i - 1]);
}

var chart = make("svg", {viewBox: "0 0 " + W + " " + H, role: "img",
  "aria-label": "Curves of quality over noise; the table below holds the values."});
var rows = make("tbody", {});
var said = make("p", {role: "status", class: "note"});

function draw() {
  var curves = shown(), highest = 0;
  curves.flat(2).forEach(function (v) { highest = Math.max(highest, v); });
  function x(r) { return left + (r / most) * (W - left - right); }
  function y(v) { return top + (1 - v / (1.05 * highest)) * (H - top - low); }
  chart.textContent = "";
  [0, 0.5, 1].forEach(function (share) {
    var v = share * highest;
    chart.append(make("text", {x: left - 5, y: y(v) + 4, "text-anchor": "end"}, v.toFixed(2)),
      make("line", {x1: left, x2: W - right, y1: y(v), y2: y(v), stroke: "currentColor",
        "stroke-opacity": 0.2}));
  });
  rates.forEach(function (r) {
    chart.append(make("text", {x: x(r), y: H - 18, "text-anchor": "middle"}, r));
  });
  chart.append(make("text", {x: (left + W) / 2, y: H - 3, "text-anchor": "middle"},
    "noise (%)"));
  chart.append(make("line", {x1: x(at), x2: x(at), y1: top, y2: H - low,
    stroke: "currentColor", "stroke-width": 1}));
  rows.textContent = "";
  var read = curves.map(function (arm, a) {
    var points = function (f) { return arm.map(function (s, i) { return x(rates[i]) + "," + y(f(s)); }); };
    var high = points(function (s) { return Math.max.apply(null, s); });
    var lowest = points(function (s) { return Math.min.apply(null, s); });
    chart.append(
      make("polygon", {points: high.concat(lowest.reverse()).join(" "), fill: tools.colour(a),
        "fill-opacity": 0.25}),
      make("polyline", {points: points(mean).join(" "), fill: "none", stroke: tools.colour(a),
        "stroke-width": 2.5, "stroke-dasharray": dashes[a]}));
    var value = between(arm.map(mean), at);
    rows.append(make("tr", {}, make("th", {scope: "row"},
      data.arms[a] + (dashes[a] ? " (dashed)" : "")), make("td", {}, value.toFixed(3))));
    return value;
  });
  said.textContent = "With " + at + " % noise: " + data.arms[1] + " minus " + data.arms[0] +
    " is " + (read[1] - read[0]).toFixed(3) + ".";
}

root.append(
  tools.slider("Noise", {min: 0, max: most, value: at, format: function (v) { return v + " %"; }},
    function (v) { at = v; draw(); }).element,
  tools.choice("Measure", data.panels.map(function (p) { return p.name; }),
    function (v) { which = v; draw(); }).element,
  tools.choice("Show", ["relative to no noise", "as it is"],
    function (v) { isRelative = 1 - v; draw(); }).element,
  chart, make("table", {}, make("caption", {}, "Mean over seeds"), rows), said);
draw();
