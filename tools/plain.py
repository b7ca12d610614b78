"""MyST Markdown of a page as plain Markdown, with links that lead from anywhere.

Admonitions become quotes, folded ones `<details>`, citations names and year with the
work's address, links addresses of the hosted notebooks or of the repository.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pybtex.database import Entry, parse_file

sys.path.insert(0, str(Path(__file__).parent))
import notebooks as tool

ROOT = tool.ROOT
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from chapters import MENTION, ONE  # noqa: E402

BRANCH = "colab"
HOST = "https://colab.research.google.com/github"
PAGES = ("book/*.ipynb", "book/reference/*.ipynb", "book/assignments/release/*/*.ipynb")
FOLDED = ("dropdown", "toggle")

Part = tuple[bool, str]  # does it stand apart (folded), text


def plain(text: str, page: Path) -> str:
    """MyST Markdown of a page as Markdown that Colab shows."""
    return "\n\n".join(part for _, part in _parts(text.splitlines(), page)).strip()


def _parts(lines: list[str], page: Path) -> Iterator[Part]:
    """Directives one by one, and the text between them."""
    between: list[str] = []
    while lines:
        fence = re.match(r"\s*(:{3,}|`{3,}|~{3,})(\{[\w:-]+\})?(.*)$", lines[0])
        code = fence and (fence[2] or fence[1][0] != ":")
        n = _length(lines, fence[1]) if code else 1
        if fence and fence[2]:
            if any(between):
                yield False, _inline("\n".join(between).strip("\n"), page)
            between = []
            yield from _directive(fence[2][1:-1], fence[3].strip(), lines[1:n], page)
        else:
            # code stays as it is: hidden from `_inline` by its own fence
            between += lines[:n]
        lines = lines[n:]
    if any(between):
        yield False, _inline("\n".join(between).strip("\n"), page)


def _length(lines: list[str], fence: str) -> int:
    """How many lines a fenced block takes."""
    for n, line in enumerate(lines[1:], 2):
        closing = line.strip()
        if closing.startswith(fence) and not closing.strip(fence[0]):
            return n
    return len(lines)


def _directive(kind: str, title: str, body: list[str], page: Path) -> Iterator[Part]:
    if body and re.fullmatch(r"\s*(:{3,}|`{3,}|~{3,})", body[-1]):
        body = body[:-1]
    options = {}
    while body and (option := re.fullmatch(r":([\w-]+): *(.*)", body[0].strip())):
        options[option[1]] = option[2]
        body = body[1:]
    if kind in ("code", "code-block", "code-cell", "ipython3"):
        yield False, "\n".join([f"```{title}", *body, "```"])
        return
    if kind == "math":
        yield False, "\n".join(["$$", *body, "$$"])
        return
    if kind in ("figure", "image"):
        picture = f"![{options.get('alt', '')}]({_whole(title, page)})"
        yield False, "\n\n".join([picture, plain("\n".join(body), page)]).strip()
        return
    if kind != "admonition":  # note, tip, ...: what follows is text
        body = [title, *body] if title else body
        title = kind.capitalize()
    title = _inline(title, page)
    parts = list(_parts(body, page))
    if any(word in options.get("class", "") for word in FOLDED):
        inside = "\n\n".join(part for _, part in parts)
        summary = f"<summary><b>{title}</b></summary>"
        yield True, f"<details>\n{summary}\n\n{inside}\n\n</details>"
        return
    inside = "\n\n".join(part for apart, part in parts if not apart)
    quote = _one_line_formulas(f"**{title}**\n\n{inside}").strip()
    yield False, "\n".join(f"> {line}".rstrip() for line in quote.splitlines())
    yield from (part for part in parts if part[0])


def _one_line_formulas(text: str) -> str:
    """In a quote, a formula over several lines would hold the quote's marks."""

    def joined(found: re.Match[str]) -> str:
        return "$$" + " ".join(found[1].split()) + "$$"

    return re.sub(r"\$\$(.*?)\$\$", joined, text, flags=re.DOTALL)


# what is left alone: fenced code, formulas; roles and code spans are told apart
KEPT = re.compile(
    r"(?P<fence>^ *(`{3,}|~{3,}).*?^ *\2 *$)"
    r"|(?P<formula>\$\$.*?\$\$|(?<![\\$])\$(?!\s)[^$]+?(?<![\\\s])\$)"
    r"|(?:\{(?P<role>[\w:-]+)\})?(?P<ticks>`+)(?P<code>.*?[^`])(?P=ticks)(?!`)",
    re.MULTILINE | re.DOTALL,
)


def _inline(text: str, page: Path) -> str:
    made, end = [], 0
    for found in KEPT.finditer(text):
        made.append(_words(text[end : found.start()], page))
        made.append(_role(found, page) if found["role"] else found[0])
        end = found.end()
    return "".join([*made, _words(text[end:], page)])


def _words(text: str, page: Path) -> str:
    text = re.sub(r"^\(([\w-]+)\)=$", r'<a name="\1"></a>', text, flags=re.MULTILINE)
    text = re.sub(r"^%.*\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\[\]]+)\]\{[^}]*\}", r"\1", text)
    text = re.sub(
        r"\]\(([^()\s]+)\)", lambda found: f"]({_whole(found[1], page)})", text
    )
    linked = re.split(r"(\[[^\]]*\]\([^)]*\)|^#.*$|<[^>]+>)", text, flags=re.MULTILINE)
    return "".join(
        part if n % 2 else MENTION.sub(lambda it: _chapters(it[0], page), part)
        for n, part in enumerate(linked)
    )


def _chapters(mention: str, page: Path) -> str:
    """The numbers in "chapters 02, 05 to 07" as links, as on the site."""

    def one(found: re.Match[str]) -> str:
        path = next(ROOT.glob(f"book/{found[1]}_*.ipynb"), page)
        return found[0] if path == page else f"[{found[0]}]({opened(path)})"

    return ONE.sub(one, mention)


def _role(found: re.Match[str], page: Path) -> str:
    role, text = found["role"], found["code"]
    if role.startswith("cite"):
        cited = "; ".join(_cited(key.strip(), role) for key in text.split(","))
        return cited if role in ("cite:t", "cite:ct") else f"({cited})"
    if role == "math":
        return f"${text}$"
    shown, target = re.fullmatch(r"(?:(.*?)\s*<)?([^<>]*)>?", text, re.DOTALL).groups()
    if role in ("doc", "download"):
        return f"[{shown or _title(target, page)}]({_whole(target, page)})"
    if role in ("ref", "numref") and target in _labels():
        return f"[{shown or target}]({_whole(target, page)})"
    return shown or target


def _title(target: str, page: Path) -> str:
    for path in _candidates(target, page):
        text = path.read_text("utf-8")
        if found := re.search(r'^[\s"]*# (.+?)(?:\\n)?"?,?$', text, re.MULTILINE):
            return found[1]
    return Path(target).name


@cache
def _library() -> dict[str, Entry]:
    return dict(parse_file(str(ROOT / "book" / "references.bib")).entries.items())


def _cited(key: str, role: str) -> str:
    """Names and year, with the work's own address."""
    entry = _library()[key]
    names = [
        re.sub(r"[{}]", "", " ".join([*person.prelast_names, *person.last_names]))
        for person in entry.persons.get("author", [])
    ]
    who = names[0] if names else re.sub(r"[{}]", "", entry.fields.get("key", key))
    who = f"{names[0]} and {names[1]}" if len(names) == 2 else who
    who += " et al." if len(names) > 2 else ""
    year = entry.fields["year"]
    said = f"{who} ({year})" if role in ("cite:t", "cite:ct") else f"{who}, {year}"
    fields = entry.fields
    if "doi" in fields:
        return f"[{said}](https://doi.org/{fields['doi']})"
    if arxiv := re.search(r"arXiv\W*:(\d{4}\.\d+)", fields.get("journal", "")):
        return f"[{said}](https://arxiv.org/abs/{arxiv[1]})"
    where = fields.get("url") or _whole("/book/reference/bibliography.md", ROOT)
    return f"[{said}]({where})"


def version() -> str:
    """The package's version."""
    text = (ROOT / "disrec_mini" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert found, "disrec_mini has no __version__"
    return found.group(1)


def sources() -> list[Path]:
    """The notebooks that readers open, below the root."""
    return sorted(path for page in PAGES for path in ROOT.glob(page))


def opened(path: Path) -> str:
    """Where Colab opens a notebook of the branch."""
    owner_and_name = tool.address().partition("//")[2].partition("/")[2]
    place = path.relative_to(ROOT).as_posix()
    return f"{HOST}/{owner_and_name}/blob/{BRANCH}/{place}"


@cache
def _labels() -> dict[str, Path]:
    """Where each `(label)=` stands."""
    found = {}
    for path in [*sources(), *ROOT.glob("book/**/*.md")]:
        for label in re.findall(r'^[\s"]*\(([\w-]+)\)=', path.read_text("utf-8"), re.M):
            found[label] = path
    return found


def _candidates(target: str, page: Path) -> list[Path]:
    base = ROOT / target[1:] if target.startswith("/") else page.parent / target
    paths = [Path(f"{base}{suffix}").resolve() for suffix in ("", ".ipynb", ".md")]
    return [path for path in paths if path.is_file()]


def _whole(target: str, page: Path) -> str:
    """A link of a page as an address that works anywhere."""
    if re.match(r"[a-z]+:", target) or (target[:1] == "#"):
        label = target[1:]
        if target[:1] != "#" or _labels().get(label, page) == page:
            return target
        target = label
    name, _, anchor = target.partition("#")
    paths = _candidates(name, page)
    if not paths and target in _labels():
        paths, anchor = [_labels()[target]], target
        if paths[0] == page:
            return f"#{anchor}"
    if not paths:
        sys.exit(f"{page}: the link {target} leads nowhere.")
    path = paths[0]
    if path in sources():
        return opened(path)
    place = path.relative_to(ROOT.resolve()).as_posix()
    kind = "raw" if path.suffix in (".svg", ".png", ".jpg", ".gif") else "blob"
    whole = f"{tool.address()}/{kind}/v{version()}/{place}"
    return f"{whole}#{anchor}" if anchor else whole
