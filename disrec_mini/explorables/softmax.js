// The in-batch softmax of one past: a share for every summary and every next click.
// data: {phi (B, K, D), h (B, D), people: B names, clicks: B names}
var make = tools.make, phi = tools.array(data.phi), h = tools.array(data.h);
var n = phi.shape[0], nSummaries = phi.shape[1], dim = phi.shape[2];
var who = 0, temperature = 1, without = -1;
var numbers = data.people.map(function (_, j) { return String(j + 1); });

// [k][j]: h_j . phi^(k) / temperature; -Infinity for the summary left out
function scores() {
  var table = [];
  for (var k = 0; k < nSummaries; k++) {
    table.push([]);
    for (var j = 0; j < n; j++) {
      for (var s = 0, d = 0; d < dim; d++)
        s += h[j * dim + d] * phi[(who * nSummaries + k) * dim + d];
      table[k].push(k === without ? -Infinity : s / temperature);
    }
  }
  return table;
}

var grid = make("table", {class: "softmax-grid"});
var list = make("ol", {class: "softmax-clicks"});
var said = make("p", {role: "status", class: "note"});

function draw() {
  var table = scores(), winner = without === 0 ? 1 : 0;
  table.forEach(function (row, k) { if (row[who] > table[winner][who]) winner = k; });
  var most = Math.max.apply(null, table.flat()), total = 0;
  table.flat().forEach(function (s) { total += Math.exp(s - most); });
  function share(s) { return Math.exp(s - most) / total; }
  var head = make("tr", {}, make("td", {}));
  numbers.forEach(function (number, j) {
    head.append(make("th", {scope: "col", class: j === who ? "softmax-own" : null}, number));
  });
  head.append(make("th", {scope: "col"}, "pull to " + numbers[who]));
  grid.replaceChildren(make("caption", {}, "Shares in percent, summary by next click of " +
    data.people[0] + " to " + numbers[n - 1] + "; the own click is underlined"), head);
  table.forEach(function (row, k) {
    var line = make("tr", {}, make("th", {scope: "row"}, "summary " + (k + 1)));
    row.forEach(function (s, j) {
      var p = share(s);
      line.append(make("td", {class: k === winner && j === who ? "softmax-win" : null},
        make("span", {class: "softmax-fill", "aria-hidden": true,
          style: "background:" + tools.colour(k) + ";opacity:" + (0.6 * p).toFixed(3)}),
        make("span", {class: "softmax-number"}, (100 * p).toFixed(p < 0.0995 ? 1 : 0))));
    });
    var pull = (k === winner ? 1 : 0) - share(row[who]);
    var force = (Math.round(100 * pull) / 100 || 0).toFixed(2); // || 0: never "-0.00"
    line.append(make("td", {}, k === without ? "–" : (pull < 0.005 ? "" : "+") + force));
    grid.append(line);
  });
  var loss = Math.log(total) + most - table[winner][who];
  said.textContent = "Summary " + (winner + 1) + " wins. Loss " + loss.toFixed(3) + "; all equal: " +
    Math.log(n * (nSummaries - (without < 0 ? 0 : 1))).toFixed(3) + ".";
}

data.clicks.forEach(function (name, j) { list.append(make("li", {}, name)); });
var names = ["nothing"];
for (var k = 0; k < nSummaries; k++) names.push("summary " + (k + 1));
root.append(
  tools.choice("Visitor", data.people,
    function (v) { who = v; draw(); }).element,
  tools.slider("Temperature", {min: -8, max: 12, value: 0,
    format: function (v) { return Math.pow(2, v / 2).toFixed(2); }},
    function (v) { temperature = Math.pow(2, v / 2); draw(); }).element,
  tools.choice("Leave out", names, function (v) { without = v - 1; draw(); }).element,
  make("div", {class: "softmax-scroll", tabindex: 0, role: "group", "aria-label": "Shares"}, grid),
  said, make("p", {class: "note"}, "The next clicks of the group:"), list,
  make("p", {class: "note"}, "Pull: 1 for the winner, 0 for others, minus the share in the own " +
    "column. It multiplies the vector of the own click."));
draw();
