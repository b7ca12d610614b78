// Clicks on the left, intentions in the middle, the ten shown on the right, and bands
// between them: p_{k|i} p_i of click i goes into intention k, and a thin band goes from
// an intention to each item of the ten that it wants most. What moves is moved from its
// old place to its new one, at once where the reader asked for less motion.
const CALM = matchMedia("(prefers-reduced-motion: reduce)"), LASTS = 450;

function makeFlow() {
  const clickList = make("ol", {class: "clicks", "aria-label": "Clicks, oldest first"});
  const nodes = make("div", {class: "nodes"});
  const tenList = make("ol", {class: "ten", "aria-label": "The ten shown"});
  const bands = make("svg", {class: "bands", "aria-hidden": "true"});
  const column = (name, words, inside) =>
    labelled("column " + name, title(words), inside);
  const element = make("div", {class: "flow"}, bands,
    column("left", "Clicks, with weight $p_i$", clickList),
    column("middle", "Intentions", nodes),
    column("right", "Shown: max over $k$", tenList));
  let shapes = new Map(); // what each band looks like at rest
  let drawn = new Map(), moving = 0; // ... and what is drawn, on the way there
  let last = null; // what the model said

  function node(out, k, best) {
    const wins = best.filter((j) => out.winner[j] === k).length;
    const box = make("div", {class: "node", style: "--c:" + colour(k)},
      chip(k, learned(k)),
      make("span", {}, percent(shares(out)[k]) + " of the weight"),
      make("strong", {}, wins + " of " + best.length + " shown"));
    box.addEventListener("pointerenter", () => light(k));
    box.addEventListener("pointerleave", () => light(null));
    return box;
  }

  function show(out, best) {
    last = out;
    clickList.replaceChildren(...clicks.map((_, n) => clickRow(out, n)));
    if (!clicks.length) clickList.append(make("li", {class: "note"}, "No clicks yet."));
    clickList.scrollTop = clickList.scrollHeight;
    nodes.replaceChildren(...(out ? out.phi.map((_, k) => node(out, k, best)) : []));
    tenList.replaceChildren(...best.map(tenRow(out || {})));
  }

  // where the bands lie now: key -> {k, x0, y0, w0, x1, y1, w1}, w being half a width
  function measure() {
    const found = new Map(), home = element.getBoundingClientRect();
    if (!last || !bands.getClientRects().length) return found;
    const boxes = [...nodes.children].map((e) => e.getBoundingClientRect());
    const view = clickList.getBoundingClientRect(), share = shares(last);
    const filled = boxes.map((b, k) =>
      (b.top + b.bottom) / 2 - home.top - share[k] * b.height * 0.45);
    [...clickList.children].slice(-last.weight.length).forEach((row, i) => {
      const r = row.getBoundingClientRect();
      const y = Math.min(Math.max((r.top + r.bottom) / 2, view.top), view.bottom);
      let above = y - home.top - 13 * last.weight[i];
      last.cluster[i].forEach((p, k) => {
        const part = p * last.weight[i], b = boxes[k];
        const w0 = 13 * part, w1 = 0.45 * b.height * part;
        found.set(row.dataset.flip + "-" + k, {k: k, x0: view.right - home.left, w0: w0,
          y0: above + w0, x1: b.left - home.left, w1: w1, y1: filled[k] + w1});
        above += 2 * w0;
        filled[k] += 2 * w1;
      });
    });
    const used = boxes.map(() => 0), rows = [...tenList.children];
    const wins = (k) => rows.filter((row) => Number(row.dataset.winner) === k).length;
    rows.forEach((row) => {
      const r = row.getBoundingClientRect(), k = Number(row.dataset.winner);
      const b = boxes[k], w = Math.min(4, b.height * 0.045);
      found.set(row.dataset.flip + "-" + k, {k: k, x0: b.right - home.left, w0: w,
        y0: (b.top + b.bottom) / 2 - home.top + (2 * used[k] + 1 - wins(k)) * w,
        x1: r.left - home.left, y1: (r.top + r.bottom) / 2 - home.top, w1: w});
      used[k] += 1;
    });
    return found;
  }

  // from the old bands to the new ones; t runs from 0 to 1
  function draw(from, t) {
    drawn = new Map([...shapes].map(([key, to]) => {
      const old = from.get(key) || {...to, w0: 0, w1: 0};
      const between = (name) => old[name] + t * (to[name] - old[name]);
      const [x0, y0, w0, x1, y1, w1] =
        ["x0", "y0", "w0", "x1", "y1", "w1"].map(between);
      return [key, {k: to.k, x0, y0, w0, x1, y1, w1}];
    }));
    bands.replaceChildren(...[...drawn.values()].filter((b) => b.w0 + b.w1 > 0.15)
      .map((b) => {
        const m = (b.x0 + b.x1) / 2, edge = (s) => [b.y0 + s * b.w0, b.y1 + s * b.w1];
        const [a, z] = edge(-1), [c, y] = edge(1);
        return make("path", {fill: colour(b.k), "data-k": b.k, d: "M" + [b.x0, a] +
          "C" + [m, a, m, z, b.x1, z] + "L" + [b.x1, y] + "C" + [m, y, m, c, b.x0, c]});
      }));
  }

  function settle(animated) {
    const from = drawn, began = performance.now(), turn = (moving += 1);
    shapes = measure();
    const step = (now) => {
      if (turn !== moving) return;
      const t = animated ? Math.min(Math.max((now - began) / LASTS, 0), 1) : 1;
      draw(from, 1 - (1 - t) ** 3);
      if (t < 1) requestAnimationFrame(step);
    };
    step(began);
  }

  // only the bands of intention k, or all
  function light(k) {
    bands.querySelectorAll("path").forEach((path) => {
      path.style.opacity = k === null || Number(path.dataset.k) === k ? "" : "0.06";
    });
  }

  // Where everything is now. What comes back is called after the change and lets rows
  // glide from there to their new places, new ones appear and bars grow.
  function remember() {
    const place = (e) => {
      const r = e.getBoundingClientRect(), home = root.getBoundingClientRect();
      return {x: r.left - home.left, y: r.top - home.top, width: r.width};
    };
    const all = () => root.querySelectorAll("[data-flip], [data-grow]");
    const keyOf = (e) => e.dataset.flip || "bar-" + e.dataset.grow;
    const before = new Map([...all()].map((e) => [keyOf(e), place(e)]));
    return () => {
      const animated = !CALM.matches && before.size > 0;
      settle(animated);
      if (!animated) return;
      const how = {duration: LASTS, easing: "cubic-bezier(.2,.7,.3,1)"};
      all().forEach((e) => {
        const old = before.get(keyOf(e)), now = place(e);
        if (e.dataset.grow) {
          if (old) e.animate({width: [old.width + "px", now.width + "px"]}, how);
        } else if (!old) e.animate({opacity: [0, 1]}, how);
        else if (old.x !== now.x || old.y !== now.y)
          e.animate({transform: ["translate(" + (old.x - now.x) + "px," +
            (old.y - now.y) + "px)", "none"]}, how);
      });
    };
  }

  clickList.addEventListener("scroll", () => settle(false));
  new ResizeObserver(() => settle(false)).observe(element);
  return {element, show, remember, light};
}

// -- all numbers, folded --------------------------------------------------------------

function makeNumbers() {
  const table = make("div", {}), kinds = make("div", {class: "lanes"});
  const gathers = data.categories && !truth;
  const usual = new Map(gathers ? gathered(offered) : []);
  const element = make("details", {class: "numbers"},
    make("summary", {}, "All numbers, and how to read this"),
    note("$p_k|i$ is how much click $i$ belongs to intention $k$: a row adds up to " +
      "1. $p_i$ is how much click $i$ matters for what comes next, seen from the " +
      "last click: the column adds up to 1. A band from a click is as wide as " +
      "$p_k|i$ $p_i$. Press an item to add it to the clicks." +
      (truth ? " The truth was hidden from the model." : "")),
    table,
    note("Every intention sums up the clicks as a vector $φ^(k)$, each click " +
      "counted $p_k|i$ $p_i$ times, plus a bias that is the same for everybody. An " +
      "item's score is how well its vector $h_j$ fits: $h_j$ · $φ^(k)$ / √$D$. It " +
      "keeps the best of its " + (K > 1 ? K + " scores" : "scores") +
      ", max over $k$: one intention that wants it is enough. " +
      "Items already clicked are left out."),
    gathers ? note("Categories of the first " + GATHERED + " that an intention would " +
      "show; the tick is the share among all:") : null, gathers ? kinds : null,
    ...(truth ? matching() : []));

  // share of items that belong to each category; most frequent first
  function gathered(items) {
    const part = new Map();
    items.forEach((j) => data.categories[j].forEach((name) =>
      part.set(name, (part.get(name) || 0) + 1 / items.length)));
    return [...part].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }

  function show(out) {
    table.replaceChildren(out ? numbers(out) : note("No clicks yet."));
    kinds.replaceChildren(...(out && gathers ? out.phi.map((_, k) => make("div",
      {class: "gathers", style: "--c:" + colour(k)}, chip(k, learned(k)),
      make("ul", {class: "gathered"},
        ...gathered(ranking(out.scores[k]).slice(0, GATHERED)).slice(0, 4).map(
          ([name, part]) => make("li", {}, make("span", {}, name),
            meter(part, colour(k), usual.get(name)), percent(part)))))) : []));
  }
  return {element, show};
}

// a table: one row for each click, with p_i and p_{k|i}
function numbers(out) {
  const ks = out.phi.map((_, k) => k);
  const cell = (p, k) => make("td", {class: "heat", style: "background:" +
    "color-mix(in srgb," + colour(k) + " " + (45 * p).toFixed(1) + "%,transparent)"},
    fixed(p));
  const line = (name, weight, parts) => make("tr", {}, make("th", {scope: "row"}, name),
    make("td", {class: "weight"}, weight), ...parts.map(cell));
  const read = clicks.slice(-LONGEST), unread = clicks.length - read.length;
  return make("div", {class: "scroll", tabindex: 0, role: "group",
    "aria-label": "Clicks with their weights and intentions"}, make("table", {},
    make("thead", {}, make("tr", {}, make("th", {scope: "col"}, rich("click $i$")),
      make("th", {scope: "col"}, rich("$p_i$")), ...ks.map((k) => make("th",
        {scope: "col"}, make("span", {class: "hidden"}, learned(k).replace(/\d+$/, "")),
        rich("$p_" + (k + 1) + "|i$"), " ", chip(k))))),
    make("tbody", {}, ...read.map((c, i) => line((unread + i + 1) + " " + nameOf(c.j),
      fixed(out.weight[i]), out.cluster[i]))),
    make("tfoot", {}, line(rich("all, weighted by $p_i$"), "1.00", shares(out)))));
}

// which true intention each learned one stands for
function matching() {
  return [note("Learned numbers are arbitrary. A learned intention claims the clicks " +
      "whose $p_k|i$ is largest at it, and takes the colour of the true intention " +
      "that most of its claims in this world are about:"),
    make("ul", {class: "found matches"}, ...truth.match.map((g, k) => make("li", {},
      chip(k, learned(k)), " ", g < 0 ? "no majority, at most" : trueChip(g),
      " " + percent(truth.share[k]))))];
}

