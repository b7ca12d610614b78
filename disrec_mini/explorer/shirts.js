// Two trained models side by side: what each recommends for the same clicks.
// data: {models: [{name, settings, weights}], names (M + 1), group (M + 1), groups: names,
// start: item ids, top}
const make = tools.make, LONGEST = data.models[0].settings.max_len;
const runs = data.models.map((model) => makeModel(model.settings, Object.fromEntries(
  Object.entries(model.weights).map(([name, packed]) => [name, tools.array(packed)]))));
let clicks = data.start.slice();

const chosen = make("ol", {class: "shirts-clicks", "aria-label": "Clicks, oldest first"});
const lists = make("div", {class: "shirts-lists"});
const said = make("p", {role: "status", class: "note"});

const chip = (j) => make("span", {class: "shirts-item",
  style: "border-color:" + tools.colour(data.group[j])}, data.names[j]);

// the best items of a model, the clicked ones allowed: a walk may come round again
function best(run) {
  const scores = run(clicks.slice(-LONGEST)).best;
  return data.names.map((_, j) => j).slice(1)
    .sort((a, b) => scores[b] - scores[a]).slice(0, data.top);
}

// the button goes with its click: the focus stays at its place in the row
function remove(i) {
  clicks.splice(i, 1);
  draw();
  const left = chosen.querySelectorAll("button");
  (left[Math.min(i, left.length - 1)] || root.querySelector("select")).focus();
}

function draw() {
  const read = clicks.length - LONGEST; // the first click that a model reads
  chosen.replaceChildren(...clicks.map((j, i) => make("li", {}, chip(j),
    i < read ? make("em", {}, "too long ago") : null,
    tools.button("remove", () => remove(i),
      "remove click " + (i + 1) + ", " + data.names[j]))));
  lists.replaceChildren();
  if (!clicks.length) { said.textContent = "Add a click."; return; }
  const words = data.models.map((model, m) => {
    const items = best(runs[m]), id = tools.id();
    lists.append(make("section", {"aria-labelledby": id},
      make("p", {class: "shirts-name", id: id}, model.name),
      make("ol", {}, ...items.map((j) => make("li", {}, chip(j))))));
    const counts = data.groups.map((name, g) =>
      name + " " + items.filter((j) => data.group[j] === g).length);
    return model.name + ": " + counts.join(", ");
  });
  if (read > 0) words.push("Only the last " + LONGEST + " clicks are read");
  said.textContent = words.join(". ") + ".";
}

const adders = data.groups.map((name, g) => {
  const items = data.names.map((_, j) => j).filter((j) => j && data.group[j] === g);
  const pick = tools.choice("Add from " + name, items.map((j) => data.names[j]), () => {});
  pick.element.append(tools.button("add", () => { clicks.push(items[pick.value]); draw(); },
    "add the chosen item of " + name));
  return pick.element;
});
root.append(...adders, make("div", {class: "explorable-control"},
  tools.button("start again", () => { clicks = data.start.slice(); draw(); }),
  tools.button("remove all", () => { clicks = []; draw(); })),
  chosen, said, lists);
draw();
