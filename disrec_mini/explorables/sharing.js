// Clicks that the encoder reads for all pairs of one user, three ways.
// data: {n, max_len, limit}
var make = tools.make;
var n = data.n, longest = data.max_len;
var chart = make("div", {});
var said = make("p", {role: "status", class: "note"});

function draw() {
  n = Math.min(n, longest + 1);
  var pairs = n - 1;
  var rows = [
    ["each pair alone, padded to " + longest, 2 * pairs * longest],
    ["each pair alone, no padding", pairs * n], // past t, future n - t
    ["shared by all pairs", 2 * (n - 1)],
  ];
  var most = rows[0][1];
  chart.textContent = "";
  rows.forEach(function (row, i) {
    var share = Math.max(0.3, (100 * row[1]) / most);
    var bar = make("div", {style: "height:1.1rem;border-radius:3px;width:" + share +
      "%;background:" + tools.colour(i)});
    chart.append(make("p", {style: "margin:.5rem 0 .15rem"},
      row[0] + ": " + row[1].toLocaleString("en") + " clicks read"), bar);
  });
  said.textContent = "A user with " + n + " clicks has " + pairs + " pairs. Sharing reads " +
    (rows[1][1] / rows[2][1]).toFixed(1) + " times fewer clicks than pairs alone, and " +
    (rows[0][1] / rows[2][1]).toFixed(1) + " times fewer than padded pairs.";
}

root.append(
  tools.slider("Clicks of the user", {min: 2, max: data.limit + 1, value: n},
    function (v) { n = v; draw(); }).element,
  tools.slider("Longest sequence the model reads", {min: 10, max: data.limit, step: 10,
    value: longest}, function (v) { longest = v; draw(); }).element,
  chart, said);
draw();
