// What the reader sees and moves. The state is one list of clicks and one search text;
// after every change `render` computes the model anew, rebuilds what depends on it, and
// `flow.js` moves what has moved.
const make = tools.make, K = data.settings.n_intents, M = data.settings.n_items;
const LONGEST = data.settings.max_len, TOP = 10, GATHERED = 20, FOUND = 6;
const truth = data.truth, noun = data.noun, TOP_EACH = truth ? 3 : 4;
const run = makeModel(data.settings, Object.fromEntries(
  Object.entries(data.weights).map(([name, packed]) => [name, tools.array(packed)])));
const counts = data.counts ? tools.array(data.counts) : null;
const all = Array.from({length: M}, (_, i) => i + 1);
const nameOf = (j) => (data.names ? data.names[j] : noun + " " + j);
const known = all.filter((j) => nameOf(j) !== "unknown"); // a junk row of ML-100K
const offered = known.filter((j) => !data.least || counts[j] >= data.least);
let made = 0; // clicks so far: each has a number of its own, to be followed by
const click = (j) => ({j: j, id: (made += 1)});
let clicks = data.examples.length ? data.examples[0][1].map(click) : [];
let recommended = null; // the ten best before the last change
let focus = null; // data-key of the control that should have the focus after a change

// -- words and small pieces -----------------------------------------------------------

const learned = (k) => (truth ? "learned " : "intention ") + (k + 1);
const percent = (x) => Math.round(100 * x) + " %";
const fixed = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);
const count = (n, word) =>
  n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
// a learned intention has the colour of the true one it gathers, if that is known
const colour = (k) => !truth ? tools.colour(k)
  : truth.match[k] < 0 ? "#808080" : tools.colour(truth.match[k]);

// beside its true intention an item of a world needs its number only
const brief = (j) => (truth ? nameOf(j).replace(/^intention \d+, /, "") : nameOf(j));

// "the share $p_k|i$ of" -> text with p and its index set as symbols; ^ goes up
function rich(text) {
  const parts = text.split("$").map((part, n) => {
    const found = n % 2 && part.match(/^([^_^]+)([_^]?)(.*)$/);
    if (!found) return part;
    return make("span", {class: "symbol"}, make("i", {}, found[1]),
      found[3] ? make(found[2] === "^" ? "sup" : "sub", {}, found[3]) : null);
  });
  return make("span", {}, ...parts);
}

const chip = (k, words) => make("span", {class: "chip", style: "--c:" + colour(k)},
  words || String(k + 1));
// a world's items are named by category; without, its intentions have numbers
const trueName = (g) => data.categories
  ? data.categories[truth.intention.indexOf(g)][0] : "intention " + (g + 1);
const trueChip = (g, words) => make("span",
  {class: "chip true", style: "--c:" + tools.colour(g), title: trueName(g)},
  words || trueName(g));
// beside an item: the number of its true intention is enough
const trueOf = (j) => (truth ? make("span", {},
  make("span", {class: "hidden"}, "truly " + trueName(truth.intention[j])),
  make("span", {"aria-hidden": "true"},
    trueChip(truth.intention[j], String(truth.intention[j] + 1)))) : null);
const title = (text) => make("p", {class: "title", id: tools.id()}, rich(text));
const note = (text) => make("p", {class: "note"}, rich(text));
const labelled = (kind, heading, ...inside) => make("div",
  {class: kind, role: "group", "aria-labelledby": heading.id}, heading, ...inside);

// a button that adds item j to the clicks
function adder(j, key) {
  return make("button", {type: "button", class: "add", "data-key": key,
    title: "add " + nameOf(j),
    onclick: () => change(clicks.concat(click(j)), key)},
    make("span", {"aria-hidden": "true"}, "+ "),
    make("span", {class: "hidden"}, "add "), brief(j));
}

function meter(share, c, tick) {
  return make("span", {class: "meter", "aria-hidden": "true", style: "--c:" + c},
    make("span", {style: "width:" + 100 * share + "%"}),
    tick === undefined ? null : make("i", {style: "left:" + 100 * tick + "%"}));
}

// Buttons that are one stop for Tab; arrow keys, Home and End move among them. What
// comes back is called whenever they were made anew.
function roving(box) {
  let stop = null; // data-key of the one that Tab reaches
  const buttons = () => [...box.querySelectorAll("button:not(:disabled)")];
  const settle = () => {
    const found = buttons(), own = found.find((b) => b.dataset.key === stop);
    found.forEach((b) => { b.tabIndex = b === (own || found[0]) ? 0 : -1; });
  };
  box.addEventListener("focusin", (e) => { stop = e.target.dataset.key; settle(); });
  box.addEventListener("keydown", (e) => {
    const found = buttons(), at = found.indexOf(e.target);
    const place = (b) => b.getBoundingClientRect();
    const beyond = (down) => found.filter((b) => down
      ? place(b).top > place(e.target).top + 4 : place(b).top < place(e.target).top - 4)
      .sort((a, b) => Math.abs(place(a).top - place(e.target).top)
        - Math.abs(place(b).top - place(e.target).top)
        || Math.abs(place(a).left - place(e.target).left)
        - Math.abs(place(b).left - place(e.target).left))[0];
    const next = {ArrowRight: () => found[at + 1], ArrowLeft: () => found[at - 1],
      ArrowDown: () => beyond(true), ArrowUp: () => beyond(false),
      Home: () => found[0], End: () => found[found.length - 1]}[e.key];
    if (!next || at < 0) return;
    e.preventDefault();
    if (next()) next().focus();
  });
  return settle;
}

// -- choosing items -------------------------------------------------------------------

function searchBox(into) {
  const fold = (text) =>
    text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const folded = [""].concat(all.map((j) => fold(nameOf(j))));
  const popular = known.slice().sort((a, b) =>
    (counts ? counts[b] - counts[a] : 0) || a - b);
  const input = make("input", {type: "search", id: tools.id(), autocomplete: "off",
    "data-key": "search", oninput: search,
    onkeydown: (e) => {
      if (e.key === "Enter" && input.value && hits().length)
        change(clicks.concat(click(hits()[0])), "search");
    }});
  const found = make("ul", {class: "found"}), settle = roving(found);
  const status = make("p", {class: "note", role: "status"});
  function hits() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    return popular.filter((j) => words.every((word) => folded[j].includes(word)));
  }
  function search() {
    const matches = hits();
    const shown = Math.min(input.value ? FOUND : 4, matches.length);
    found.replaceChildren(...matches.slice(0, shown).map((j, n) =>
      make("li", {}, adder(j, "found-" + n))));
    settle();
    const some = matches.length > shown ? ", of which " + shown + " are shown" : "";
    status.textContent = !input.value
      ? (counts ? "The most clicked of " : "The first of ") + count(M, noun) + "."
      : "Found: " + count(matches.length, noun) + some + "." +
        (shown ? " Enter adds the first." : "");
  }
  into.append(make("div", {class: "explorable-control"},
    make("label", {for: input.id}, "Search " + noun + "s"), input, status), found);
  search();
}

// a world's items, one row for each chain; arrow keys move
function grid(into) {
  const cells = {};
  const chains = [...new Set(truth.chain.slice(1))].sort((a, b) => a - b);
  const bars = chains.map((chain) => {
    const items = all.filter((j) => truth.chain[j] === chain);
    const g = truth.intention[items[0]];
    const number = chains.filter((c) =>
      truth.intention[truth.chain.indexOf(c)] === g).indexOf(chain) + 1;
    return make("div", {class: "chain", role: "group", style: "--c:" + tools.colour(g),
      "aria-label": trueName(g) + ", chain " + number},
      make("span", {class: "group"}, number === 1 ? trueName(g) : ""),
      ...items.map((j) => (cells[j] = make("button", {type: "button", "data-item": j,
        "data-key": "item-" + j,
        onclick: () => change(clicks.concat(click(j)), "item-" + j)},
        String(j - truth.intention.indexOf(g) + 1)))));
  });
  const box = make("div", {class: "chains", role: "toolbar", "aria-label":
    "All items, a row for each chain. Arrow keys move."}, ...bars);
  into.append(box, note("Users walk along a row, a step or two at a time. Filled: " +
    "clicked. Ringed: among the ten."));
  const settle = roving(box);
  return (ten) => {
    all.forEach((j) => {
      const clicked = clicks.some((c) => c.j === j), ringed = ten.includes(j);
      cells[j].classList.toggle("clicked", clicked);
      cells[j].classList.toggle("ringed", ringed);
      cells[j].setAttribute("aria-label", "add " + nameOf(j) +
        (clicked ? ", clicked" : "") + (ringed ? ", recommended" : ""));
    });
    settle();
  };
}

// sequences to start from, and what can be done to all clicks
function examples() {
  const tool = (words, key, next) => make("button", {type: "button", "data-key": key,
    onclick: () => change(next(), key)}, words);
  const box = make("div", {class: "explorable-control examples", role: "toolbar",
    "aria-label": "Sequences to start from"},
    data.examples.length ? make("span", {}, "Start from") : null,
    ...data.examples.map(([name, items], n) =>
      tool(name, "example-" + n, () => items.map(click))),
    tool("swap the last two", "swap", () => clicks.length < 2 ? clicks
      : clicks.slice(0, -2).concat(clicks.slice(-2).reverse())),
    tool("clear all", "clear", () => []));
  roving(box)();
  return box;
}

// -- what the model makes of the clicks -----------------------------------------------

// sum over i of p_{k|i} p_i
function shares(out) {
  return out.phi.map((_, k) =>
    out.weight.reduce((sum, p_i, i) => sum + p_i * out.cluster[i][k], 0));
}

// a click: its name, what can be done to it, p_i as a bar and p_{k|i} as its parts
function clickRow(out, n) {
  const {j, id} = clicks[n], i = n - Math.max(0, clicks.length - LONGEST);
  const most = Math.max(...out.weight);
  return make("li", {class: "click", "data-flip": "click-" + id},
    make("span", {class: "number"}, String(n + 1)),
    make("span", {class: "name", title: nameOf(j)}, brief(j)), trueOf(j),
    make("span", {class: "moves"}, mover(n, -1), mover(n, 1), remover(n)),
    i < 0 ? make("span", {class: "note read"}, "too long ago: the model reads the last "
        + LONGEST)
      : make("span", {class: "read"},
        make("span", {class: "parts", "aria-hidden": "true", "data-grow": id,
          style: "width:" + (76 * out.weight[i] / most).toFixed(2) + "%"},
          ...out.cluster[i].map((p, k) => make("span",
            {style: "flex-grow:" + p.toFixed(4) + ";background:" + colour(k)}))),
        make("span", {class: "hidden"}, "weight "), fixed(out.weight[i])));
}

function mover(n, step) {
  const swapped = clicks.slice();
  const word = step < 0 ? "earlier" : "later";
  [swapped[n], swapped[n + step]] = [swapped[n + step], swapped[n]];
  return make("button", {type: "button", "data-key": word + "-" + n,
    "aria-label": "move " + nameOf(clicks[n].j) + " " + word,
    disabled: !(n + step in clicks),
    onclick: () => change(swapped, word + "-" + (n + step))}, step < 0 ? "↑" : "↓");
}

function remover(n) {
  const rest = clicks.filter((_, m) => m !== n);
  return make("button", {type: "button", "data-key": "remove-" + n,
    "aria-label": "remove " + nameOf(clicks[n].j),
    onclick: () => change(rest, "remove-" + Math.min(n, rest.length - 1))}, "×");
}

// unseen items by falling score, equal ones by number; too rarely clicked ones left out
function ranking(scores) {
  const seen = new Set(clicks.map((c) => c.j));
  return offered.filter((j) => !seen.has(j))
    .sort((a, b) => scores[b] - scores[a] || a - b);
}

// an intention's own list; what the ten took from it is marked
function card(out, k, best) {
  const box = make("div", {class: "lane", style: "--c:" + colour(k), role: "group",
    "aria-label": learned(k)}, make("p", {}, chip(k, String(k + 1))),
    note(percent(shares(out)[k]) + " of the weight"),
    make("ol", {}, ...ranking(out.scores[k]).slice(0, TOP_EACH).map((j, n) => {
      const taken = best.includes(j) && out.winner[j] === k;
      return make("li",
        {class: taken ? "taken" : null, "data-flip": "lane-" + k + "-" + j},
        adder(j, "card-" + k + "-" + n), trueOf(j),
        make("span", {class: "score"}, fixed(out.scores[k][j]),
          taken ? make("span", {class: "hidden"}, ", among the ten") : null));
    })));
  box.addEventListener("pointerenter", () => flow.light(k));
  box.addEventListener("pointerleave", () => flow.light(null));
  return box;
}

// an item of the ten, with the intention that wants it most
const tenRow = (out) => (j, n) => make("li", {"data-flip": "ten-" + j, "data-winner":
  out.winner[j], "data-item": j, class: recommended && !recommended.includes(j) ? "new"
  : null}, adder(j, "ten-" + n), trueOf(j), make("span", {class: "hidden"}, "from " +
  learned(out.winner[j])), make("span", {"aria-hidden": "true"}, chip(out.winner[j])));

// -- the page -------------------------------------------------------------------------

root.classList.add("explorer");
const start = make("div", {class: "start"});
const mark = truth ? grid(start) : (searchBox(start), () => {});
start.append(examples());
const flow = makeFlow();
const lanes = make("div", {class: "lanes"});
const each = title("What each " + (truth ? "learned " : "") +
  "intention alone would show");
const rare = data.least ? note("without " + count(M - offered.length, noun) +
  " with fewer than " + data.least + " clicks in the data") : null;
const status = make("p", {role: "status", class: "status"});
const strip = make("span", {class: "strip", "aria-hidden": "true"});
const told = makeNumbers();
root.append(start, flow.element, make("div", {class: "said"}, strip, status),
  labelled("each", each, rare, lanes), told.element);
const rovers = [flow.element.querySelector(".clicks"),
  flow.element.querySelector(".ten"), lanes].map(roving);

function change(next, key) {
  clicks = next;
  focus = key;
  render();
}

function render() {
  const out = clicks.length ? run(clicks.map((c) => c.j).slice(-LONGEST)) : null;
  const best = out ? ranking(out.best).slice(0, TOP) : [];
  const move = flow.remember();
  mark(best);
  flow.show(out, best);
  lanes.replaceChildren(...(out ? out.phi.map((_, k) => card(out, k, best)) : []));
  told.show(out);
  strip.replaceChildren(...best.map((j) =>
    make("i", {style: "background:" + colour(out.winner[j])})));
  status.textContent = summary(out, best);
  recommended = out ? best : recommended;
  rovers.forEach((settle) => settle());
  const wanted = focus && root.querySelector('[data-key="' + focus + '"]');
  const other = focus && root.querySelector('[data-key="' +
    focus.replace("earlier", "later").replace(/remove-.*/, "clear") + '"]');
  if (wanted && !wanted.disabled) wanted.focus({preventScroll: true});
  else if (other) other.focus({preventScroll: true});
  focus = null;
  move();
}

// what the live region says
function summary(out, best) {
  if (!best.length) return "Nothing to recommend yet: choose a first click.";
  const wins = (k) => best.filter((j) => out.winner[j] === k).length;
  const from = out.phi.map((_, k) => k).filter(wins).sort((a, b) => wins(b) - wins(a));
  const told = from.length > 1 || K === 1 || best.length < 2
    ? "Of the " + best.length + " shown, " +
      from.map((k) => wins(k) + " from " + learned(k)).join(", ") + "."
    : "All " + best.length + " shown are from " + learned(from[0]) +
      ": no other scores as high.";
  const fresh = best.filter((j) => recommended && !recommended.includes(j));
  const first = fresh.slice(0, 2).map(nameOf).join("; ");
  const news = !fresh.length ? " None is new." : " New: " + first +
    (fresh.length > 2 ? " and " + (fresh.length - 2) + " more." : ".");
  return told + (recommended ? news : "");
}

render();
