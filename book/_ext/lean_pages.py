"""Pages that load only what they use, and never hold up the text for a script.

The theme brings an icon library (1.5 MB of script, 270 KB of fonts), code that runs
cells on a remote server, and the search index, all on every page. Here the icons become
two small fonts, the rest goes, and the scripts that stay run after the text is shown.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.config import Config

# The icons on our pages: those of the theme's buttons, boxes and links.
ICONS = {
    "fa-solid-900": (
        "angle-down angle-left angle-right arrow-up bars bell check-circle "
        "chevron-down chevron-right chevron-up circle-half-stroke code download "
        "exclamation-circle exclamation-triangle expand external-link file file-pdf "
        "info-circle lightbulb list magnifying-glass moon pencil pencil-alt rocket "
        "search-minus share sun times-circle xmark"
    ),
    "fa-brands-400": "github",
}
ICON_RULE = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\(\w+) ?"\}')
FONT_FACE = re.compile(r"@font-face\{[^}]*webfonts/([\w-]+)\.woff2[^}]*\}")
UNUSED = (
    "locales",
    "scripts/fontawesome.js",
    "scripts/fontawesome.js.LICENSE.txt",
    "sphinx-thebe.css",
    "sphinx-thebe.js",
    "togglebutton.css",
    "togglebutton.js",
    "vendor",
    "sbt-webpack-macros.html",
    "webpack-macros.html",
)
# running cells elsewhere; boxes that fold by a script (ours: folded.py)
DROPPED = re.compile("thebe|toggle(button|Hint|OpenOnPrint)", re.IGNORECASE)
THEBE = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName.*?</script>',
    re.DOTALL,
)
# Without a server a page may not read others for the lines shown below a hit.
NO_SUMMARIES = (
    'if(location.protocol==="file:")DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY=false;'
)


def use_templates(app: Sphinx, config: Config) -> None:
    """Let the templates beside this file replace the theme's."""
    config.templates_path.append(str(Path(__file__).with_name("templates")))


def trim_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drop what the page does not use; put off what it need not wait for."""
    styles, scripts = context["css_files"], context["script_files"]
    styles[:] = [style for style in styles if not DROPPED.search(style.filename)]
    scripts[:] = [script for script in scripts if _is_used(script)]
    searching = pagename == "search"  # its own scripts run at once and call these
    if searching:
        app.add_js_file(None, body=NO_SUMMARIES, priority=999)
    for script in scripts:  # the same objects for every page
        if searching:
            script.attributes.pop("defer", None)
        elif script.filename and "async" not in script.attributes:
            script.attributes["defer"] = "defer"
    if pagename == app.config.root_doc:
        context["docstitle"] = ""  # the title of this page is the title of the book
    if "body" in context:
        # In a list of references there are list items, says the standard.
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = THEBE.sub("", body)


def _is_used(script: Any) -> bool:
    body = script.attributes.get("body") or ""
    # DOCUMENTATION_OPTIONS: for a version switcher and search-as-you-type
    return not (
        DROPPED.search(f"{script.filename} {body}")
        or body.startswith("DOCUMENTATION_OPTIONS")
    )


def trim_files(app: Sphinx, exception: Exception | None) -> None:
    """Cut the theme's icons down to ours and remove what no page asks for."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    styles = static / "styles/pydata-sphinx-theme.css"
    css = styles.read_text(encoding="utf-8")
    if FONT_FACE.search(css):  # freshly copied by this build
        css = cut_icons(css, static / "vendor/fontawesome/webfonts", static)
        styles.write_text(css, encoding="utf-8")
    for path in [*(static / name for name in UNUSED), *static.rglob("*.map")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def cut_icons(css: str, fonts: Path, static: Path) -> str:
    """The theme's style sheet with our icons only; their fonts go into `static`."""
    codes = {}
    for selectors, code in ICON_RULE.findall(css):
        codes |= {name: code for name in re.findall(r"fa-([\w-]+)", selectors)}
    for font, names in ICONS.items():
        subset.main(
            [
                str(fonts / f"{font}.ttf"),
                "--unicodes=" + ",".join(codes[name] for name in names.split()),
                "--flavor=woff",
                f"--output-file={static / font}.woff",
            ]
        )
    wanted = {codes[name] for names in ICONS.values() for name in names.split()}
    css = ICON_RULE.sub(lambda rule: rule[0] if rule[2] in wanted else "", css)
    return FONT_FACE.sub(
        lambda face: (
            re.sub(r"src:[^}]*", f"src:url(../{face[1]}.woff)", face[0])
            if face[1] in ICONS
            else ""
        ),
        css,
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", use_templates)
    app.connect("html-page-context", trim_page, priority=900)  # after the theme's own
    app.connect("build-finished", trim_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
