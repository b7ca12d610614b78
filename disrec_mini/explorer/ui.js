// What the reader sees and moves. The state is one list of clicks and one search text;
// after every change `render` computes the model anew and rebuilds what depends on it.
const make = tools.make, K = data.settings.n_intents, M = data.settings.n_items;
const LONGEST = data.settings.max_len, TOP = 10, TOP_EACH = 5, GATHERED = 20, FOUND = 8;
const truth = data.truth, noun = data.noun;
const run = makeModel(data.settings, Object.fromEntries(
  Object.entries(data.weights).map(([name, packed]) => [name, tools.array(packed)])));
const counts = data.counts ? tools.array(data.counts) : null;
const all = Array.from({length: M}, (_, i) => i + 1);
const offered = all.filter((j) => !data.least || counts[j] >= data.least);
let clicks = data.examples.length ? data.examples[0][1].slice() : [];
let recommended = null; // the ten best before the last change
let focus = null; // data-key of the control that should have the focus after a change

// -- words and small pieces -----------------------------------------------------------

const nameOf = (j) => (data.names ? data.names[j] : noun + " " + j);
const learned = (k) => (truth ? "learned " : "intention ") + (k + 1);
const percent = (x) => Math.round(100 * x) + " %";
const fixed = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);
const count = (n, word) =>
  n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
// a learned intention has the colour of the true one it gathers, if that is known
const colour = (k) => !truth ? tools.colour(k)
  : truth.match[k] < 0 ? "#808080" : tools.colour(truth.match[k]);

// "the share $p_k|i$ of" -> text with p and its index set as symbols; ^ goes up
function rich(text) {
  const parts = text.split("$").map((part, n) => {
    if (n % 2 === 0) return part;
    const [, base, mark, index] = part.match(/^([^_^]+)([_^]?)(.*)$/);
    return make("span", {class: "symbol"}, make("i", {}, base),
      index ? make(mark === "^" ? "sup" : "sub", {}, index) : null);
  });
  return make("span", {}, ...parts);
}

const chip = (k, words) => make("span", {class: "chip", style: "--c:" + colour(k)},
  words || String(k + 1));
// a world's items are named by category; without, its intentions have numbers
const trueName = (g) => data.categories
  ? data.categories[truth.intention.indexOf(g)][0] : "intention " + (g + 1);
const trueChip = (g) => make("span",
  {class: "chip true", style: "--c:" + tools.colour(g)}, trueName(g));
const trueOf = (j) => (truth ? trueChip(truth.intention[j]) : null);

function section(title, note) {
  const heading = make("p", {class: "title", id: tools.id()}, rich(title));
  const body = make("div", {});
  root.append(make("section", {"aria-labelledby": heading.id}, heading,
    note ? make("p", {class: "note"}, rich(note)) : null, body));
  return body;
}

// a button that adds item j to the clicks
function adder(j, key, extra) {
  return make("button", {type: "button", class: "add", "data-key": key,
    onclick: () => change(clicks.concat(j), key)},
    make("span", {"aria-hidden": "true"}, "+ "),
    make("span", {class: "hidden"}, "add "), nameOf(j), extra);
}

function meter(share, c, tick) {
  return make("span", {class: "meter", "aria-hidden": "true", style: "--c:" + c},
    make("span", {style: "width:" + 100 * share + "%"}),
    tick === undefined ? null : make("i", {style: "left:" + 100 * tick + "%"}));
}

// -- choosing items -------------------------------------------------------------------

function searchBox(into) {
  const fold = (text) =>
    text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const folded = all.map((j) => fold(nameOf(j)));
  const popular = all.slice().sort((a, b) =>
    (counts ? counts[b] - counts[a] : 0) || a - b);
  const input = make("input", {type: "search", id: tools.id(), autocomplete: "off",
    "data-key": "search", oninput: search,
    onkeydown: (e) => {
      if (e.key === "Enter" && input.value && hits().length)
        change(clicks.concat(hits()[0]), "search");
    }});
  const found = make("ul", {class: "found"});
  const status = make("p", {class: "note", role: "status"});
  function hits() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    return popular.filter((j) => words.every((word) => folded[j - 1].includes(word)));
  }
  function search() {
    const matches = hits();
    found.replaceChildren(...matches.slice(0, FOUND).map((j, n) =>
      make("li", {}, adder(j, "found-" + n))));
    const shown = Math.min(FOUND, matches.length);
    const some = matches.length > shown ? ", of which " + shown + " are shown" : "";
    status.textContent = !input.value
      ? (counts ? "The most clicked of " : "The first of ") + count(M, noun) + "."
      : "Found: " + count(matches.length, noun) + some + "." +
        (shown ? " Enter adds the first." : "");
  }
  into.append(make("div", {class: "explorable-control"},
    make("label", {for: input.id}, "Search " + noun + "s"), input), found, status);
  search();
}

// a world's items, one row for each chain; arrow keys move inside a row
function grid(into) {
  const cells = {};
  const chains = [...new Set(truth.chain.slice(1))].sort((a, b) => a - b);
  chains.forEach((chain) => {
    const items = all.filter((j) => truth.chain[j] === chain);
    const g = truth.intention[items[0]];
    const number = chains.filter((c) =>
      truth.intention[truth.chain.indexOf(c)] === g).indexOf(chain) + 1;
    const bar = make("div", {class: "chain", role: "toolbar",
      style: "--c:" + tools.colour(g),
      "aria-label": trueName(g) + ", chain " + number + ". Arrow keys move.",
      onkeydown: (e) => {
        const step = {ArrowRight: 1, ArrowLeft: -1}[e.key];
        const next = items[items.indexOf(Number(e.target.dataset.item)) + step];
        if (next) { cells[next].focus(); e.preventDefault(); }
      }});
    items.forEach((j, n) => {
      cells[j] = make("button", {type: "button", tabindex: n ? -1 : 0,
        "data-item": j, "data-key": "item-" + j,
        onfocus: () => items.forEach((i) => { cells[i].tabIndex = i === j ? 0 : -1; }),
        onclick: () => change(clicks.concat(j), "item-" + j)},
        String(j - truth.intention.indexOf(g) + 1));
      bar.append(cells[j]);
    });
    into.append(number === 1 ? make("div", {class: "group"}, trueChip(g)) : "", bar);
  });
  into.append(make("p", {class: "note"},
    "Filled: clicked. Ringed: recommended, see below."));
  return (ten) => all.forEach((j) => {
    const clicked = clicks.includes(j), ringed = ten.includes(j);
    cells[j].classList.toggle("clicked", clicked);
    cells[j].classList.toggle("ringed", ringed);
    cells[j].setAttribute("aria-label", "add " + nameOf(j) +
      (clicked ? ", clicked" : "") + (ringed ? ", recommended" : ""));
  });
}

function examples() {
  const box = make("div", {class: "explorable-control examples"});
  if (data.examples.length) box.append(make("span", {}, "Start from"));
  data.examples.forEach(([name, items], n) => box.append(make("button", {type: "button",
    "data-key": "example-" + n, onclick: () => change(items.slice(), "example-" + n)},
    name)));
  box.append(make("button", {type: "button", "data-key": "clear",
    onclick: () => change([], "clear")}, "clear all clicks"));
  return box;
}

// -- what the model makes of the clicks -----------------------------------------------

// a table: one row for each click, with p_{k|i} and p_i
function table(out) {
  const skipped = clicks.length - (out ? out.weight.length : 0);
  const heaviest = out ? Math.max(...out.weight) : 1;
  const ks = Array.from({length: K}, (_, k) => k);
  const cell = (p, k, tag) => make(tag, {class: "heat", style: "background:" +
    "color-mix(in srgb," + colour(k) + " " + (45 * p).toFixed(1) + "%,transparent)"},
    fixed(p));
  const head = make("thead", {},
    make("tr", {}, make("th", {scope: "col", rowspan: 2}, rich("click $i$")),
      truth ? make("th", {scope: "col", rowspan: 2}, "truth") : null,
      make("th", {scope: "colgroup", colspan: K},
        rich("$p_k|i$ for " + (truth ? "learned" : "") + " intention $k$")),
      make("th", {scope: "col", rowspan: 2}, rich("$p_i$"))),
    make("tr", {}, ...ks.map((k) => make("th", {scope: "col"},
      make("span", {class: "hidden"}, learned(k).replace(/\d+$/, "")), chip(k)))));
  const body = make("tbody", {}, ...clicks.map((j, n) => {
    const i = n - skipped;
    const title = make("th", {scope: "row", "aria-label": (n + 1) + " " + nameOf(j)},
      make("span", {class: "click"}, make("span", {class: "number"}, String(n + 1)),
        make("span", {class: "name"}, nameOf(j)),
        make("span", {class: "moves"}, mover(n, -1), mover(n, 1), remover(n))));
    const numbers = i < 0
      ? [make("td", {colspan: K + 1, class: "note"}, "too long ago: the model reads " +
        "the last " + LONGEST)]
      : [...out.cluster[i].map((p, k) => cell(p, k, "td")),
        make("td", {class: "weight"}, meter(out.weight[i] / heaviest, "currentColor"),
          fixed(out.weight[i]))];
    return make("tr", {}, title, truth ? make("td", {}, trueOf(j)) : null, ...numbers);
  }));
  const foot = make("tfoot", {}, make("tr", {},
    make("th", {scope: "row", colspan: truth ? 2 : 1}, rich("all, weighted by $p_i$")),
    ...shares(out).map((p, k) => cell(p, k, "td")),
    make("td", {class: "weight"}, "1.00")));
  return make("div", {class: "scroll", tabindex: 0, role: "region", "data-key": "table",
    "aria-label": "Clicks with their intentions and weights"},
    make("table", {}, head, body, foot));
}

// sum over i of p_{k|i} p_i
function shares(out) {
  return out.phi.map((_, k) =>
    out.weight.reduce((sum, p_i, i) => sum + p_i * out.cluster[i][k], 0));
}

function mover(n, step) {
  const swapped = clicks.slice();
  const word = step < 0 ? "earlier" : "later";
  [swapped[n], swapped[n + step]] = [swapped[n + step], swapped[n]];
  return make("button", {type: "button", "data-key": word + "-" + n,
    "aria-label": "move " + nameOf(clicks[n]) + " " + word,
    disabled: !(n + step in clicks),
    onclick: () => change(swapped, word + "-" + (n + step))}, step < 0 ? "↑" : "↓");
}

function remover(n) {
  const rest = clicks.filter((_, m) => m !== n);
  return make("button", {type: "button", "data-key": "remove-" + n,
    "aria-label": "remove " + nameOf(clicks[n]),
    onclick: () => change(rest, "remove-" + Math.min(n, rest.length - 1))}, "×");
}

// unseen items by falling score, equal ones by number; too rarely clicked ones left out
function ranking(scores) {
  const seen = new Set(clicks);
  return offered.filter((j) => !seen.has(j))
    .sort((a, b) => scores[b] - scores[a] || a - b);
}

function itemList(items, key, extra) {
  return make("ol", {}, ...items.map((j, n) =>
    make("li", {}, adder(j, key + n), ...extra(j))));
}

// share of items that belong to each category; most frequent first
function gathered(items) {
  const shares = new Map();
  items.forEach((j) => data.categories[j].forEach((name) =>
    shares.set(name, (shares.get(name) || 0) + 1 / items.length)));
  return [...shares].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
const usual = new Map(data.categories ? gathered(offered) : []);

function card(out, k, share) {
  const ranked = ranking(out.scores[k]);
  const matched = truth && (truth.match[k] < 0 ? ": no majority"
    : " mostly claims " + trueName(truth.match[k]));
  const box = make("div", {class: "lane", style: "--c:" + colour(k), role: "group",
    "aria-label": learned(k)},
    make("p", {}, make("strong", {}, chip(k, learned(k))), matched || ""),
    make("p", {class: "note"}, percent(share) + " of the weight"),
    itemList(ranked.slice(0, TOP_EACH), "card-" + k + "-", (j) =>
      [trueOf(j), make("span", {class: "score"}, fixed(out.scores[k][j]))]));
  if (data.categories) {
    const first = ranked.slice(0, GATHERED);
    const rows = gathered(first).slice(0, 4).map(([name, share]) => make("li", {},
      make("span", {}, name), meter(share, colour(k), usual.get(name)),
      percent(share)));
    box.append(make("p", {class: "note"}, "Its first " + first.length + " are"),
      make("ul", {class: "gathered"}, ...rows));
  }
  return box;
}

// which true intention each learned one stands for
function matching() {
  return [make("p", {class: "note"}, rich("Learned numbers are arbitrary. A learned " +
      "intention claims the clicks whose $p_k|i$ is largest at it, and takes the " +
      "colour of the true intention that most of its claims in this world are " +
      "about:")),
    make("ul", {class: "found matches"}, ...truth.match.map((g, k) => make("li", {},
      chip(k, learned(k)), " ", g < 0 ? "no majority, at most" : trueChip(g),
      " " + percent(truth.share[k]))))];
}

// -- the page -------------------------------------------------------------------------

const choose = section("Choose " + noun + "s", truth
  ? "A world whose true intentions are known. Each row is a chain: inside an " +
    "intention users walk along one, a step or two at a time."
  : "Whatever you choose is the next click of a sequence $x_1$, $x_2$, … that a " +
    "trained model reads in this page.");
const mark = truth ? grid(choose) : (searchBox(choose), () => {});
choose.append(examples());
const sequence = section("What each click is about",
  "$p_k|i$ is how much click $i$ belongs to intention $k$: a row adds up to 1. $p_i$ " +
  "is how much click $i$ matters for what comes next, seen from the last click: the " +
  "column adds up to 1." + (truth ? " The truth was hidden from the model." : ""));
const each = section("What each intention would recommend",
  "Every intention sums up the clicks as a vector $φ^(k)$, each click counted " +
  "$p_k|i$ $p_i$ times. An item's score is how well its vector $h_j$ fits: " +
  "$h_j$ · $φ^(k)$ / √$D$." + (data.categories ? " Bars: categories of the first " +
  GATHERED + " that an intention recommends; the tick is the share among all." : "") +
  (data.least ? " Not listed, here and below: " + count(M - offered.length, noun) +
  " with fewer than " + data.least + " clicks in the data." : ""));
const final = section("What is recommended",
  "An item keeps the best of its " + (K > 1 ? K + " scores, max over $k$" : "scores") +
  ": one intention that wants it is enough. " + (truth ? "Round: the learned " +
  "intention that wants the item. Square: its true one." :
  "The mark names that intention."));
const ten = make("div", {class: "ten"});
const status = make("p", {role: "status", class: "status"});
final.append(ten);
choose.append(status);
if (truth) sequence.before(...matching());

function change(next, key) {
  clicks = next;
  focus = key;
  render();
}

function render() {
  const hint = make("p", {class: "note"}, "No clicks yet: choose one above.");
  const out = clicks.length ? run(clicks.slice(-LONGEST)) : null;
  const best = out ? ranking(out.best).slice(0, TOP) : [];
  mark(best);
  sequence.replaceChildren(out ? table(out) : hint);
  const share = out ? shares(out) : [];
  each.replaceChildren(make("div", {class: "lanes"},
    ...share.map((p, k) => card(out, k, p))));
  ten.replaceChildren(itemList(best, "ten-", (j) => [
    make("span", {class: "marks"},
      recommended && !recommended.includes(j) ? make("strong", {}, "new ") : null,
      trueOf(j), chip(out.winner[j], learned(out.winner[j]))),
    make("span", {class: "score"}, fixed(out.best[j])),
  ]));
  status.textContent = summary(out, best);
  recommended = best;
  const wanted = focus && root.querySelector('[data-key="' + focus + '"]');
  const other = focus && root.querySelector('[data-key="' +
    focus.replace("earlier", "later").replace(/remove-.*/, "clear") + '"]');
  if (wanted && !wanted.disabled) wanted.focus();
  else if (other) other.focus();
  focus = null;
}

// what the live region says
function summary(out, best) {
  if (!best.length) return "Nothing to recommend yet.";
  const wins = (k) => best.filter((j) => out.winner[j] === k).length;
  const from = out.phi.map((_, k) => k).filter(wins)
    .map((k) => wins(k) + " from " + learned(k)).join(", ");
  const fresh = best.filter((j) => recommended && !recommended.includes(j));
  const news = fresh.length ? " New: " + fresh.map(nameOf).join("; ") + "."
    : " None is new.";
  return "Recommended first: " + nameOf(best[0]) + ", from " +
    learned(out.winner[best[0]]) + ". Of the first " + best.length + ", " + from + "." +
    (recommended ? news : "");
}

render();
