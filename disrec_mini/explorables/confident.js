// Which triples are kept, for any lambda and epoch.
// data: {loss (E, B, K), shared (B, K), names: K names}; epoch 0 is before training
var make = tools.make, loss = tools.array(data.loss), shared = tools.array(data.shared);
var E = loss.shape[0], B = loss.shape[1], K = loss.shape[2], n = B * K;
var epoch = E - 1, percent = 30, left = 66, size = (420 - left) / B, gap = 6;

function draw() {
  var now = loss.subarray(epoch * n, (epoch + 1) * n);
  var sorted = Array.from(now).sort(function (a, b) { return a - b; });
  var m = Math.ceil((percent / 100) * n - 1e-9);
  var threshold = m ? sorted[m - 1] : -Infinity;
  var inside = 0, outside = 0, kept = 0, byIntention = [];
  chart.textContent = "";
  for (var k = 0; k < K; k++) {
    byIntention.push(0);
    chart.append(make("text", {x: 0, y: k * (size + gap) + size - 3}, data.names[k]));
    for (var b = 0; b < B; b++) {
      var isKept = now[b * K + k] <= threshold, common = shared[b * K + k];
      var x = left + b * size, y = k * (size + gap);
      kept += isKept ? 1 : 0;
      byIntention[k] += isKept ? 1 : 0;
      if (isKept) inside += common; else outside += common;
      chart.append(make("rect", {x: x + 1, y: y + 1, width: size - 2, height: size - 2,
        fill: isKept ? tools.colour(k) : "none", stroke: "currentColor", "stroke-opacity": 0.5}));
      if (common >= 0.25)
        chart.append(make("circle", {cx: x + size / 2, cy: y + size / 2, r: 3,
          fill: "currentColor"}));
    }
  }
  rows.textContent = "";
  byIntention.forEach(function (count, k) {
    rows.append(make("tr", {}, make("th", {scope: "row"}, data.names[k]),
      make("td", {}, count + " of " + B)));
  });
  function mean(sum, count) { return count ? (sum / count).toFixed(3) : "–"; }
  said.textContent = "Kept " + kept + " of " + n + (m ? ", losses up to " + threshold.toFixed(3) : "") +
    ". Mean share in common: kept " + mean(inside, kept) + ", left out " + mean(outside, n - kept) + ".";
}

var chart = make("svg", {viewBox: "0 0 420 " + (K * (size + gap)), role: "img",
  "aria-label": "One row for each intention, one column for each visitor; filled fields are kept."});
var rows = make("tbody", {}), said = make("p", {role: "status", class: "note"});
root.append(
  tools.slider("Epoch", {min: 0, max: E - 1, value: epoch}, function (v) { epoch = v; draw(); }).element,
  tools.slider("Lambda", {min: 0, max: 100, value: percent,
    format: function (v) { return (v / 100).toFixed(2); }},
    function (v) { percent = v; draw(); }).element,
  chart,
  make("p", {class: "note"}, "A column is a visitor. Filled: kept. Dot: past and future share a quarter or more."),
  said,
  make("table", {}, make("caption", {}, "Kept triples of each intention"), rows));
draw();
