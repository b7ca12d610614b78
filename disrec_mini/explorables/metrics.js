// A ranked list with a true item that can be moved, and the metrics of its rank.
// data: {rows: [[name, drawn as a negative], ...] best first, truth, place (from 1),
// sizes: {full, sampled}}
var make = tools.make, last = data.rows.length + 1;
var place = data.place, tied = false, sampled = false;
var names = ["Recall@1", "Recall@5", "Recall@10", "NDCG@5", "NDCG@10", "1 / rank"];

var others = data.rows.map(function (row) {
  var number = make("span", {class: "metrics-number"}), note = make("span", {});
  return {drawn: row[1], number: number, note: note,
    element: make("li", {}, number, make("span", {class: "metrics-name"}, row[0]), note)};
});
var number = make("span", {class: "metrics-number"});
var grip = make("button", {
  type: "button", "aria-describedby": tools.id(), style: "touch-action:none",
  onkeydown: function (e) {
    var step = {ArrowUp: -1, ArrowDown: 1, Home: -last, End: last}[e.key];
    if (step) { e.preventDefault(); slider.value = clamp(place + step); }
  },
  onpointerdown: function (e) { grip.setPointerCapture(e.pointerId); },
  onpointermove: function (e) {
    if (!grip.hasPointerCapture(e.pointerId)) return;
    var above = others.filter(function (o) {
      var box = o.element.getBoundingClientRect();
      return box.top + box.height / 2 < e.clientY;
    }).length;
    if (above + 1 !== place) slider.value = clamp(above + 1);
  },
}, "↕ " + data.truth);
var truth = make("li", {class: "metrics-truth"}, number, grip);
var list = make("ol", {class: "metrics-list", "aria-label": "The model's order"});
var values = names.map(function () { return make("td", {}); });
var said = make("p", {role: "status", class: "note"});
var help = make("p", {class: "note", id: grip.getAttribute("aria-describedby")},
  "Drag the true item, or focus it and press the arrow keys, or use the slider.");

function clamp(p) { return Math.max(1, Math.min(last, p)); }
function isCandidate(other) { return !sampled || other.drawn; }

function metrics(rank) {
  var recall = [1, 5, 10].map(function (k) { return rank <= k ? 1 : 0; });
  var ndcg = [5, 10].map(function (k) { return rank <= k ? 1 / Math.log2(1 + rank) : 0; });
  return recall.concat(ndcg, 1 / rank);
}

function draw() {
  // the others move past the true item, which so keeps focus and pointer
  others.forEach(function (other, i) {
    if (i < place - 1) list.insertBefore(other.element, truth);
    else list.append(other.element);
  });
  // with a tie the item below counts as if it were above
  var ahead = place - 1 + (tied ? 1 : 0), found = 0, rank = 1;
  others.forEach(function (other, i) {
    var counts = isCandidate(other), here = tied && i === place - 1;
    found += counts ? 1 : 0;
    rank += counts && i < ahead ? 1 : 0;
    other.element.className = counts ? "" : "metrics-out";
    other.number.textContent = counts ? found + (i < ahead ? 0 : 1) : "–";
    other.note.textContent = !counts ? "not drawn" : here ? "same score" : "";
  });
  var below = others[place - 1];
  number.textContent = rank;
  metrics(rank).forEach(function (value, i) {
    values[i].textContent = value.toFixed(3);
  });
  said.textContent = "Rank " + rank + " of " + data.sizes[sampled ? "sampled" : "full"] +
    " in the " + (sampled ? "sampled" : "full") + " list." +
    (tied && below && isCandidate(below) ? " The tie counts against the model." : "");
}

var slider = tools.slider("Place of the true item", {min: 1, max: last, value: place},
  function (v) { place = v; draw(); });
var protocol = tools.choice("It is ranked among", ["all items (full)",
  "100 drawn items (sampled)"], function (v) { sampled = v === 1; draw(); });
var tie = make("input", {type: "checkbox", id: tools.id(),
  onchange: function () { tied = tie.checked; draw(); }});

list.append(truth);
root.append(slider.element, protocol.element,
  make("div", {class: "explorable-control metrics-tie"}, tie,
    make("label", {for: tie.id}, "The item below has the same score")),
  help,
  make("div", {class: "metrics-sides"}, make("div", {}, list),
    make("div", {}, make("table", {}, make("caption", {}, "This user's values"),
      make("tbody", {}, ...names.map(function (name, i) {
        return make("tr", {}, make("th", {scope: "row"}, name), values[i]);
      }))), said)));
draw();
