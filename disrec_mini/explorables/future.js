// What the target vector of a future is made of.
// data: {key, query (U, T, D), cluster (U, T, K) of U whole sequences read backwards,
// people: U names, clicks: U lists of T names oldest first, lengths: {data: {T: users}}}
var make = tools.make, key = tools.array(data.key), query = tools.array(data.query);
var cluster = tools.array(data.cluster), T = key.shape[1], dim = key.shape[2];
var K = cluster.shape[2], who = 0, t = Math.floor(T / 2), k = 0, where = 0;
var names = Object.keys(data.lengths);

// p_i of the n clicks of a reversed future, in reading order
function weights(n) {
  var scores = [], most = -Infinity, total = 0;
  for (var i = 0; i < n; i++) {
    for (var s = 0, d = 0; d < dim; d++)
      s += key[(who * T + i) * dim + d] * query[(who * T + n - 1) * dim + d];
    scores.push(s);
    most = Math.max(most, s);
  }
  scores = scores.map(function (x) { return Math.exp(x - most); });
  scores.forEach(function (x) { total += x; });
  return scores.map(function (x) { return x / total; });
}

// share of the pairs whose future has at most n clicks
function share(lengths, n) {
  var pairs = 0, short = 0;
  Object.keys(lengths).forEach(function (length) {
    var cuts = Math.max(Number(length) - 1, 0);
    pairs += lengths[length] * cuts;
    short += lengths[length] * Math.min(cuts, n);
  });
  return short / pairs;
}

var rows = make("tbody", {}), said = make("p", {role: "status", class: "note"});

function draw() {
  var n = T - t, weight = weights(n), whole = 0;
  var parts = weight.map(function (p, i) {
    var part = p * (k === 0 ? 1 : cluster[(who * T + i) * K + k - 1]);
    whole += part;
    return part;
  });
  rows.textContent = "";
  for (var place = 1; place <= n; place++) {
    var i = n - place, part = parts[i] / whole;
    rows.append(make("tr", {},
      make("th", {scope: "row"}, place + ". " + data.clicks[who][t + place - 1]),
      make("td", {class: "future-bar"}, make("span", {"aria-hidden": true, style: "width:" +
        (100 * part).toFixed(1) + "%;background:" + tools.colour(k === 0 ? 7 : k - 1)})),
      make("td", {}, part.toFixed(3))));
  }
  var held = k === 0 ? "" : " Intention " + k + " holds " + whole.toFixed(3) + " of this future.";
  said.textContent = (n === 1 ? "One click: this future is the next click."
    : "The next click has " + (parts[n - 1] / whole).toFixed(3) + " of the target.") + held +
    " On " + names[where] + ", " + (100 * share(data.lengths[names[where]], n)).toFixed(1) +
    " % of the pairs have a future this short or shorter.";
}

var kinds = ["no intention: weights alone"];
for (var j = 1; j <= K; j++) kinds.push("intention " + j);
root.append(
  tools.choice("Visitor", data.people, function (v) { who = v; draw(); }).element,
  tools.slider("Cut after click", {min: 1, max: T - 1, value: t},
    function (v) { t = v; draw(); }).element,
  tools.choice("Target of", kinds, function (v) { k = v; draw(); }).element,
  tools.choice("Compare with", names, function (v) { where = v; draw(); }).element,
  make("table", {class: "future-parts"}, make("caption", {}, "Shares of the target, nearest click first"),
    rows), said);
draw();
