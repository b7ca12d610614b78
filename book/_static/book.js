// What is wider than its place scrolls by itself. Here it gets a cue where there is more
// to see (book.css draws it) and can have the focus, so that keys scroll it, too.
(function () {
  const WIDE = "pre, table, mjx-container[display], .book-figure, [class*=scroll]";

  function mark(box) {
    const more = box.scrollWidth - box.clientWidth;
    const scrolls = more > 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
    box.classList.toggle("more-left", scrolls && box.scrollLeft > 1);
    box.classList.toggle("more-right", scrolls && box.scrollLeft < more - 1);
    if (!scrolls) return;
    box.tabIndex = 0;
    if (box.matches("mjx-container")) {
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "Formula");
    }
  }

  const sizes = new ResizeObserver((boxes) => boxes.forEach((it) => mark(it.target)));
  const watch = () =>
    document
      .querySelectorAll("article :is(" + WIDE + "):not(mjx-container *, svg, svg *)")
      .forEach((box) => sizes.observe(box));
  watch();
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(watch));
  const options = {capture: true, passive: true};
  document.addEventListener(
    "scroll", (event) => event.target.closest?.("article") && mark(event.target), options);
})();
