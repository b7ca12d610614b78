// Clicks that the encoder reads for all pairs of one user, three ways.
// data: {n, max_len, limit}
var make = tools.make;
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

function draw() {
  var pairs = n - 1, sizes = windows();
  var rows = [
    ["each pair alone, padded to " + longest, 2 * pairs * longest],
    // in a window of m clicks: m - 1 pairs, past t and future m - t
    ["each pair alone, no padding",
      sizes.reduce(function (sum, m) { return sum + (m - 1) * m; }, 0)],
    ["shared by all pairs of a window", 2 * pairs],
  ];
  var most = rows[0][1];
  chart.textContent = "";
  rows.forEach(function (row, i) {
    var share = Math.max(0.3, (100 * row[1]) / most);
    var bar = make("div", {style: "height:1.1rem;border-radius:3px;width:" + share +
      "%;background:" + tools.colour(i)});
    chart.append(make("p", {style: "margin:.5rem 0 .15rem"},
      row[0] + ": " + counted(row[1], "click") + " read"), bar);
  });
  said.textContent = "A user with " + counted(n, "click") + " has " +
    counted(pairs, "pair") +
    (sizes.length > 1 ? ", in " + sizes.length + " windows" : "") +
    ". Sharing reads " + (rows[1][1] / rows[2][1]).toFixed(1) +
    " times fewer clicks than pairs alone, and " +
    (rows[0][1] / rows[2][1]).toFixed(1) + " times fewer than padded pairs.";
}

root.append(
  tools.slider("Clicks of the user", {min: 2, max: data.limit + 1, value: n},
    function (v) { n = v; draw(); }).element,
  tools.slider("Longest sequence the model reads", {min: 10, max: data.limit, step: 10,
    value: longest}, function (v) { longest = v; draw(); }).element,
  chart, said);
draw();
