// Runs once for each explorable. `start` finds the roots of this output that are not
// yet alive (the same output may stand on a page twice) and hands each to `build`.
function start(uid, build) {
  document
    .querySelectorAll('[data-explorable="' + uid + '"]:not([data-alive])')
    .forEach(function (figure) {
      figure.setAttribute("data-alive", "");
      // JupyterLab would take arrow keys and letters for its own commands
      figure.addEventListener("keydown", function (e) { e.stopPropagation(); });
      var body = figure.querySelector(".explorable-body");
      var data = JSON.parse(figure.querySelector("script").textContent);
      var excuse = body.querySelector("noscript");
      if (excuse) excuse.remove();
      build(body, data, makeTools());
    });
}

function makeTools() {
  var count = 0;
  var stamp = Math.random().toString(36).slice(2);

  // make("p", {class: "note"}, "text", otherElement)
  function make(tag, attributes) {
    var svg = ["svg", "g", "rect", "line", "path", "circle", "text", "title", "polygon",
      "polyline"].indexOf(tag) >= 0;
    var element = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      var value = attributes[name];
      if (name.slice(0, 2) === "on") element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false)
        element.setAttribute(name, value === true ? "" : value);
    });
    for (var i = 2; i < arguments.length; i++)
      if (arguments[i] !== null && arguments[i] !== undefined)
        element.append(arguments[i]);
    return element;
  }

  function id() {
    count += 1;
    return "x" + stamp + "-" + count;
  }

  // a slider with its value beside it; change(value) is called while it moves
  function slider(label, options, change) {
    var shown = options.format || String;
    var output = make("output", {}, shown(options.value));
    var input = make("input", {
      type: "range", min: options.min, max: options.max, step: options.step || 1,
      value: options.value, id: id(),
      oninput: function () { update(); },
    });
    function update() {
      var value = Number(input.value);
      output.textContent = shown(value);
      input.setAttribute("aria-valuetext", shown(value));
      change(value);
    }
    input.setAttribute("aria-valuetext", shown(options.value));
    var element = make("div", {class: "explorable-control"},
      make("label", {for: input.id}, label), input, output);
    return {
      element: element,
      get value() { return Number(input.value); },
      set value(v) { input.value = v; update(); },
    };
  }

  function choice(label, names, change) {
    var select = make("select", {id: id(), onchange: function () { change(Number(select.value)); }});
    names.forEach(function (name, i) { select.append(make("option", {value: i}, name)); });
    return {
      element: make("div", {class: "explorable-control"},
        make("label", {for: select.id}, label), select),
      get value() { return Number(select.value); },
      set value(v) { select.value = v; change(v); },
    };
  }

  function button(label, press, described) {
    return make("button", {type: "button", onclick: press, "aria-label": described || null}, label);
  }

  // {dtype, shape, base64} -> Float32Array or integers, with .shape
  function array(packed) {
    var text = atob(packed.base64);
    var bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    var kinds = {float32: Float32Array, uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array};
    var values;
    if (packed.dtype === "float16") {
      var halves = new Uint16Array(bytes.buffer);
      values = Float32Array.from(halves, fromHalf);
    } else values = new kinds[packed.dtype](bytes.buffer);
    values.shape = packed.shape;
    return values;
  }

  function fromHalf(h) {
    var sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent === 0) return sign * Math.pow(2, -24) * fraction;
    return sign * Math.pow(2, exponent - 25) * (1024 + fraction);
  }

  function colour(k) { return "var(--intention-" + ((k % 8) + 1) + ")"; }

  return {make: make, id: id, slider: slider, choice: choice, button: button,
    array: array, colour: colour};
}
