// Clicks that the encoder reads for all pairs of one user, three ways, drawn to scale:
// one row for each sequence or pair, pasts, futures and padding as lengths.
// data: {n, max_len, limit}
var make = tools.make, WIDE = 400, HIGH = 150;
var n = data.n, longest = data.max_len;
var chart = make("div", {});
var said = make("p", {role: "status", class: "note"});

// A user longer than longest + 1 clicks is cut into windows that share one click; every
// pair lies inside one window.
function windows() {
  var sizes = [];
  for (var left = n - 1; left > 0; left -= longest)
    sizes.push(Math.min(left, longest) + 1);
  return sizes;
}

function counted(number, noun) {
  return number.toLocaleString("en") + " " + noun + (number === 1 ? "" : "s");
}

// rows: [past, future, places of each or 0 without padding]; one scale for all pictures
function picture(rows, scale) {
  var thick = Math.max(scale, 2), gap = Math.min(1, thick / 5);
  var svg = make("svg", {viewBox: "0 0 " + WIDE + " " + (rows.length * thick).toFixed(1),
    "aria-hidden": "true", style: "width:100%;max-width:" + WIDE + "px;height:auto"});
  rows.forEach(function (row, i) {
    function bar(from, size, fill, faint) {
      if (size > 0)
        svg.append(make("rect", {x: (from * scale).toFixed(2), y: (i * thick).toFixed(2),
          width: (size * scale).toFixed(2), height: (thick - gap).toFixed(2), fill: fill,
          "fill-opacity": faint ? 0.18 : 1}));
    }
    var places = row[2] || row[0];
    bar(0, row[0], tools.colour(0));
    bar(row[0], places - row[0], "currentColor", true);
    bar(places, row[1], tools.colour(1));
    bar(places + row[1], (row[2] || row[1]) - row[1], "currentColor", true);
  });
  return svg;
}

function draw() {
  var pairs = n - 1, sizes = windows(), each = [];
  sizes.forEach(function (m) {
    for (var t = 1; t < m; t++) each.push([t, m - t, 0]);
  });
  var methods = [
    ["each pair alone, padded to " + longest, 2 * pairs * longest,
      each.map(function (row) { return [row[0], row[1], longest]; })],
    // in a window of m clicks: m - 1 pairs, past t and future m - t
    ["each pair alone, no padding",
      sizes.reduce(function (sum, m) { return sum + (m - 1) * m; }, 0), each],
    ["shared by all pairs of a window", 2 * pairs,
      sizes.map(function (m) { return [m - 1, m - 1, 0]; })],
  ];
  var scale = Math.min(WIDE / (2 * longest), HIGH / pairs, 12);
  chart.textContent = "";
  methods.forEach(function (method) {
    chart.append(make("p", {style: "margin:.6rem 0 .2rem"},
      method[0] + ": " + counted(method[1], "click") + " read"),
      picture(method[2], scale));
  });
  said.textContent = "A user with " + counted(n, "click") + " has " +
    counted(pairs, "pair") +
    (sizes.length > 1 ? ", in " + sizes.length + " windows" : "") +
    ". Sharing reads " + (methods[1][1] / methods[2][1]).toFixed(1) +
    " times fewer clicks than pairs alone, and " +
    (methods[0][1] / methods[2][1]).toFixed(1) + " times fewer than padded pairs.";
}

root.append(
  tools.slider("Clicks of the user", {min: 2, max: data.limit + 1, value: n},
    function (v) { n = v; draw(); }).element,
  tools.slider("Longest sequence the model reads", {min: 10, max: data.limit, step: 10,
    value: longest}, function (v) { longest = v; draw(); }).element,
  make("span", {class: "note"}, "One row for each pair; blue: its past, orange: its " +
    "future, grey: padding. All pictures have one scale."),
  chart, said);
draw();
