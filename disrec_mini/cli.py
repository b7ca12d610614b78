"""`python -m disrec_mini`: train, evaluate, recommend, data.

torch is imported only once there is work to do, so that help and mistakes answer at
once.
"""

import argparse
import contextlib
import json
import math
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from disrec_mini import locks, signals
from disrec_mini.errors import DisrecError
from disrec_mini.reading import FORMATS
from disrec_mini.settings import (
    BASES,
    MODELS,
    Setting,
    are_long,
    as_text,
    config_class,
    declared,
    flag_of,
)

if TYPE_CHECKING:
    from disrec_mini.interactions import Interactions
    from disrec_mini.recommender import Recommender
    from disrec_mini.splitting import Split

PAPER_EPOCHS = 60
MOST_THREADS = 1024  # far more end the process
ENOUGH_PAIRS = 4_500_000  # visited in training by default, in 15 to 60 epochs


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # closed by `>&-`
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    with contextlib.suppress(AttributeError, ValueError):  # a stream of one's own
        # names that a terminal has no signs for; a file or a pipe gets all of them
        how = {"errors": "backslashreplace"}
        if not sys.stdout.isatty():
            how = {"encoding": "utf-8"}
        sys.stdout.reconfigure(**how)  # type: ignore[union-attr]
    with warnings.catch_warnings(), signals.heard(to_the_end=argv is None):
        warnings.showwarning = lambda message, *where, **more: _note(str(message))
        return _command(words)


def _command(words: list[str]) -> int:
    try:
        options = _parser(words).parse_args(words)
        if _several() and options.run is not _train:
            raise DisrecError("torchrun is for `train`: start this without it.")
        code = int(options.run(options, words) or 0)
        sys.stdout.flush()
        return code
    except DisrecError as error:
        sentence, code = str(error), 2
    except KeyboardInterrupt:
        sentence, code = "interrupted.", signals.code()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        sentence, code = f"{error}.", 2
    except (MemoryError, RuntimeError) as error:  # torch's kind for a full memory
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        sentence, code = "the memory is full: choose a smaller --dim or --groups.", 2
    _say(sentence)
    return code


def _several() -> bool:
    """Whether torchrun started other processes beside this one."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _say(sentence: str) -> None:
    """One line; of several processes only the first that has one to say."""
    if _several():
        from disrec_mini import processes

        if not processes.speaks():
            return
    print(f"disrec_mini: {sentence}", file=sys.stderr, flush=True)


def _note(sentence: str) -> None:
    """One line on the way; of several processes from the first, which may still have
    to say why it ends."""
    if os.environ.get("RANK", "0") == "0":
        print(f"disrec_mini: {sentence}", file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    """Mistakes are answered in one line, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        _say(f"{message}; see {self.prog} --help.")
        self.exit(2)


def _parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """All commands; `train` has the flags of the model that `words` name."""
    parser = _Parser(
        prog="python -m disrec_mini",
        description="Disentangled self-supervision in sequential recommenders.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model and evaluate it")
    _add_train(train, _kind(words))
    _add_evaluate(commands.add_parser("evaluate", help="evaluate a trained model"))
    _add_recommend(commands.add_parser("recommend", help="recommend items"))
    _add_data(commands.add_parser("data", help="list, describe or fetch data sets"))
    _add_experiment(commands.add_parser("experiment", help="run an experiment's jobs"))
    _add_report(commands.add_parser("report", help="result files to tables"))
    return parser


# -- train -----------------------------------------------------------------------------


def _kind(words: Sequence[str]) -> str:
    """The model that `train` is asked for; its own flags depend on it."""
    early = argparse.ArgumentParser(add_help=False)
    early.add_argument("--model", nargs="?")
    early.add_argument("--resume", nargs="?", type=Path)
    known = early.parse_known_args(words)[0]
    kind = known.model
    if kind is None and known.resume is not None:
        with contextlib.suppress(DisrecError):
            kind = _read_run(known.resume)["model"]
    return kind if kind in MODELS else "disrec"


def _add_train(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.set_defaults(run=_train)
    parser.add_argument(
        "data",
        metavar="NAME_OR_FILE",
        nargs="?",
        help="data set, text file or table; with --resume the run's",
    )
    parser.add_argument(
        "--model",
        choices=MODELS,
        default=kind,
        metavar="NAME",
        help=f"what learns: {', '.join(MODELS)} (disrec)",
    )
    parser.add_argument("--format", choices=["auto", *FORMATS], default="auto")
    _add_reading(parser)
    _add_base(parser)
    parser.add_argument("--epochs", type=int, help="passes over all pairs")
    parser.add_argument("--validate-every", type=int, help="epochs, 1 by default")
    parser.add_argument("--patience", type=int, help="validations without a gain")
    parser.add_argument("--minutes", type=float, help="stop after this much training")
    parser.add_argument("--seed", type=int, help="0 by default")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--threads", type=int, help="CPU threads torch may use")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    _add_seen(parser, "--exclude-seen")
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument("--out", type=Path, help="folder of a new run")
    folder.add_argument("--resume", type=Path, metavar="DIR", help="go on with a run")
    own = parser.add_argument_group(
        f"settings of {kind}",
        "in brackets: the default, / with long histories; and with --paper, where they "
        "differ",
    )
    for field, about in declared(config_class(kind)):
        if field.default is not MISSING:
            _add_setting(own, field, about)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    table = parser.add_argument_group(
        "tables of events", "a file with columns: CSV, TSV, .inter, JSON lines, Parquet"
    )
    for kind in ("user", "item", "time", "rating"):
        table.add_argument(
            f"--{kind}", metavar="COL", help=f"column of the {kind}, by name or number"
        )
    table.add_argument(
        "--sep",
        type=lambda text: {"tab": "\t", "\\t": "\t"}.get(text, text),
        metavar="SIGN",
        help="what stands between cells, if the first line does not tell; tab",
    )
    table.add_argument(
        "--min-rating", type=float, metavar="X", help="drop rows rated lower"
    )
    table.add_argument(
        "--k-core", type=int, metavar="K", help="drop users and items with fewer clicks"
    )
    table.add_argument(
        "--no-repeats",
        dest="keep_repeats",
        action="store_const",
        const=False,
        help="a user's first click on an item only",
    )


def _table_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options of `read_events` that flags name."""
    names = ["user", "item", "time", "rating", "sep", "min_rating", "k_core"]
    names.append("keep_repeats")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _reading(options: argparse.Namespace) -> dict[str, Any] | None:
    """How to read a table of events; None for other data."""
    from disrec_mini.tables import is_table

    given = _table_options(options)
    if _is_file(options.data) and options.format == "auto":
        return given if given or is_table(options.data) else None
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        flags = flags.replace("--keep-repeats", "--no-repeats")
        what = "a data set" if not _is_file(options.data) else "lines of whole numbers"
        raise DisrecError(
            f"{flags} is for tables of events, and {options.data} is read as {what}."
        )
    return None


def _add_seen(parser: argparse.ArgumentParser, default: str) -> None:
    seen = parser.add_mutually_exclusive_group()
    for flag, text in (
        ("--include-seen", "clicked items are candidates too: people buy again"),
        ("--exclude-seen", f"clicked items are left out (default: {default})"),
    ):
        seen.add_argument(
            flag,
            dest="exclude_seen",
            action="store_const",
            const=flag == "--exclude-seen",
            help=text,
        )


def _excludes_seen(options: argparse.Namespace, model: "Recommender") -> bool:
    """As the flag says, or as the model was trained."""
    if options.exclude_seen is not None:
        return bool(options.exclude_seen)
    return bool((model.made_from or {}).get("exclude_seen", True))


def _add_base(parser: argparse.ArgumentParser) -> None:
    base = parser.add_mutually_exclusive_group()
    base.add_argument(
        "--base",
        choices=BASES,
        help="where settings start: recommended (default), which follow from the "
        "lengths of the histories; paper; in_batch, recommended before 0.2",
    )
    base.add_argument(
        "--paper",
        action="store_const",
        dest="base",
        const="paper",
        help="the paper's settings",
    )


def _add_setting(parser: Any, field: Any, about: Setting) -> None:
    """One flag for one setting, as it is declared."""
    short, long, published = map(
        as_text, (about.recommended, about.long, field.default)
    )
    given = short if short == long else f"{short} / {long}"
    given = given if given == published else f"{given}; {published}"
    rest: dict[str, Any] = {
        "dest": field.name,
        "default": argparse.SUPPRESS,
        "help": f"{about.help} ({given})".replace("%", "%%"),
    }
    if field.type is bool:
        rest["action"] = argparse.BooleanOptionalAction
    elif about.choices:
        listed = ",".join(map(str, about.choices))
        rest |= {"type": field.type, "metavar": f"{{{listed}}}"}
    else:
        kind = field.type if field.type in (int, float) else number
        rest |= {"type": kind, "metavar": "X"}
    parser.add_argument(flag_of(field), **rest)


def number(text: str) -> float | None:
    return None if text == "none" else float(text)


def _train(options: argparse.Namespace, words: list[str]) -> int:
    _check_options(options)
    run = None if options.resume is None else _resumed(options)
    if options.data is None:
        raise DisrecError("the following arguments are required: NAME_OR_FILE.")
    kind = config_class(options.model)
    # complain before loading
    kind(1).replace(**(run["settings"] if run else _settings(options, 1)))
    reading = run.get("reading") if run else _reading(options)
    format = run["format"] if run else options.format
    data = _data(options.data, format, reading, None if options.quiet else _note)
    holds = _same_data(options, run, data)
    out = options.resume or options.out or _new_folder(options.data)
    locks.check_free(out)
    files = (out / "checkpoint.pt", out / "result.json")
    if options.resume is None and any(file.exists() for file in files):
        raise DisrecError(f"{out} already holds a run: go on with --resume {out}.")
    from disrec_mini.splitting import leave_one_out

    split = leave_one_out(data)
    if not split.test_items.any():
        raise DisrecError(
            f"{options.data} has no user with 3 clicks or more: training, validation "
            "and test need one each."
        )
    if run is None:
        run = _new_run(options, split, reading)
        run["made_from"] = holds | {"exclude_seen": run["exclude_seen"]}
    config = kind(data.n_items).replace(**{**run["settings"], "n_items": data.n_items})
    run["epochs"] = run["epochs"] or _enough_epochs(split)
    run["settings"] = asdict(config)
    command = shlex.join(["python", "-m", "disrec_mini", *words])
    from disrec_mini import processes

    with processes.group(), contextlib.ExitStack() as stack:
        if processes.rank() == 0:
            stack.enter_context(locks.alone(out))
        return _run(options, run, config, split, out, command)


def _run(
    options: argparse.Namespace,
    run: dict[str, Any],
    config: Any,
    split: "Split",
    out: Path,
    command: str,
) -> int:
    """Train, store, show."""
    from disrec_mini import checkpoints, model_files, processes, runs

    first = processes.rank() == 0  # the others write and show nothing
    about = {name: run.get(name) for name in ("data", "format", "made_from")}
    if first and options.resume and options.epochs:
        checkpoints.check_epochs(out, options.epochs)  # before run.json says so
    given = _fit_options(options, run, out)
    if first:
        _begin(run, split, out)
    try:
        done = runs.run(
            run["model"],
            config,
            split,
            split,
            seed=run["seed"],
            about={"command": command, **about},
            exclude_seen=run["exclude_seen"],
            keep=out / model_files.FILE,
            **given,
        )
    except KeyboardInterrupt:  # before it trains, or when it is measured
        processes.leave("interrupt")
        done = None
    if done is None:
        if first:
            print(f"disrec_mini: go on with --resume {out}", file=sys.stderr)
        return signals.code()
    if not first:
        return 0
    _print_table(done.store(out / "result.json"))
    print(f"written to {out}", file=sys.stderr)
    return 0


def _begin(run: dict[str, Any], split: "Split", out: Path) -> None:
    """Write what the run is, and what it is made from."""
    from disrec_mini import origin
    from disrec_mini.files import write_json_atomic

    write_json_atomic(out / "run.json", run)
    known = "made_from" in run and _is_file(run["data"])  # so these are its clicks
    if known and not (out / origin.FILE).exists():
        origin.keep_clicks(out, split)


def _check_options(options: argparse.Namespace) -> None:
    for name in ("epochs", "validate_every", "patience", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            flag = name.replace("_", "-")
            raise DisrecError(f"--{flag} must be at least 1, not {value}.")
    if options.threads is not None and options.threads > MOST_THREADS:
        raise DisrecError(
            f"--threads must be at most {MOST_THREADS}, not {options.threads}."
        )
    if options.minutes is not None and not options.minutes > 0:
        raise DisrecError(f"--minutes must be above 0, not {options.minutes}.")
    if options.seed is not None and not 0 <= options.seed < 2**63:
        raise DisrecError(f"--seed must be 0 or more, not {options.seed}.")


def _fit_options(
    options: argparse.Namespace, run: dict[str, Any], out: Path
) -> dict[str, Any]:
    import torch

    threads = options.threads or (options.resume and run.get("threads"))
    if threads:  # a run goes on with as many as it began
        torch.set_num_threads(threads)
    run.setdefault("threads", torch.get_num_threads())
    return {
        "epochs": run["epochs"],
        "device": options.device,
        "validate_every": run["validate_every"],
        "patience": run["patience"],
        "minutes": options.minutes,
        "out": out,
        "resume": options.resume is not None,
        "progress": not options.quiet,
    }


def _enough_epochs(split: "Split") -> int:
    """Epochs that visit about `ENOUGH_PAIRS` (past, future) pairs."""
    pairs = int((split.train.lengths - 1).clip(min=0).sum())
    return min(60, max(15, round(ENOUGH_PAIRS / max(pairs, 1))))


def _settings(options: argparse.Namespace, data: Any) -> dict[str, Any]:
    """The flags on top of a preset; `data`: training clicks or a number of items."""
    base, given = options.base or "recommended", _given(options)
    n_items = data if isinstance(data, int) else data.n_items
    preset = getattr(config_class(options.model), base)
    settings = asdict(preset(data if base == "recommended" else n_items))
    if given.get("l2") and settings.get("item_decay") and "item_decay" not in given:
        raise DisrecError(
            f"--l2 and the {base} item_decay both decay the item table: add "
            "--item-decay 0 to use --l2."
        )
    return {**settings, **given}


def _new_run(
    options: argparse.Namespace, split: "Split", reading: dict[str, Any] | None
) -> dict[str, Any]:
    """What decides a new run."""
    base = options.base or "recommended"
    first = os.environ.get("RANK", "0") == "0"  # of several processes
    if base == "recommended" and first and not options.quiet:
        mean = float(split.train.lengths.mean())
        kind = "long" if are_long(split.train) else "short"
        sentence = f"settings for {kind} histories, {mean:.1f} training clicks a user"
        print(f"disrec_mini: {sentence}", file=sys.stderr)
    return {
        "data": _place(options.data),
        "format": options.format,
        **({} if reading is None else {"reading": reading}),
        "model": options.model,
        "base": base,
        "seed": options.seed or 0,
        "epochs": options.epochs or (PAPER_EPOCHS if base == "paper" else None),
        "validate_every": options.validate_every or 1,
        "patience": options.patience,
        "exclude_seen": options.exclude_seen is not False,
        "settings": _settings(options, split.train),
    }


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that flags name."""
    names = [field.name for field, _ in declared(config_class(options.model))]
    return {n: getattr(options, n) for n in names if hasattr(options, n)}


def _resumed(options: argparse.Namespace) -> dict[str, Any] | None:
    """What the run to resume was started with; only its epochs may change.

    None if it was killed before it began.
    """
    folder = options.resume
    if not folder.is_dir():
        raise DisrecError(f"there is no run to resume: {folder} is missing.")
    if not (folder / "run.json").exists() and not (folder / "checkpoint.pt").exists():
        return None
    run = _read_run(folder)
    if options.data is None:
        options.data = _there(run["data"], f"as in train FILE --resume {folder}")
    elif _place(run["data"]) != _place(options.data) and not (
        "made_from" in run and _is_file(run["data"]) and _is_file(options.data)
    ):
        raise DisrecError(f"{folder} is a run on {run['data']}, not {options.data}.")
    names = ("base", "format", "seed", "validate_every", "patience", "exclude_seen")
    now = {name: getattr(options, name) for name in names}
    unsaid = ("None", "auto")  # as texts: 0 is something that was said
    now = {name: value for name, value in now.items() if str(value) not in unsaid}
    now |= {"model": options.model, **_given(options), **_table_options(options)}
    was = {**run, **(run.get("reading") or {}), **run["settings"]}
    changed = [f"{n} was {was.get(n)!r}" for n, v in now.items() if was.get(n) != v]
    if changed:
        raise DisrecError(
            f"{folder} was started with other settings: {', '.join(changed)}; only "
            "--epochs may change on --resume."
        )
    data = _place(options.data)  # a file may have been moved
    return {**run, "data": data, "epochs": options.epochs or run["epochs"]}


def _same_data(
    options: argparse.Namespace, run: dict[str, Any] | None, data: "Interactions"
) -> dict[str, Any]:
    """What the data are; a sentence if a run began with others."""
    from disrec_mini import origin

    holds = origin.made_from(data)
    if run and "made_from" in run:
        differs = origin.differences(run["made_from"], holds)
        if differs:
            raise DisrecError(
                f"{options.data} is not what the run in {options.resume} was made "
                f"from: {differs}. A run goes on with the clicks it began with."
            )
    if run and not options.quiet:
        _note(_what_was_read(options.data, run["format"], run.get("reading"), holds))
    return holds


def _what_was_read(
    name: str, format: str, reading: dict[str, Any] | None, holds: dict[str, Any]
) -> str:
    """One line."""
    how = [] if format == "auto" else [format]
    how += [f"{key}={value}" for key, value in (reading or {}).items()]
    form = f" ({', '.join(how)})" if how else ""
    counts = ", ".join(f"{holds[n]:,} {n}" for n in ("users", "items", "clicks"))
    return f"read {_place(name)}{form}: {counts}"


def _place(name: str) -> str:
    """A file's, in full; a data set has none."""
    return os.path.abspath(name) if _is_file(name) else name


def _there(name: str, advice: str) -> str:
    """A run's data, or a sentence if they have been moved."""
    if _is_file(name) and not Path(name).exists():
        raise DisrecError(
            f"the run's data are no longer at {_place(name)}: name the file, {advice}."
        )
    return name


def _read_run(folder: Path) -> dict[str, Any]:
    """A run's run.json, or a sentence."""
    from disrec_mini import origin
    from disrec_mini.arranging import Choice

    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        base = "paper" if run.get("paper") else "in_batch"
        older = {"model": "disrec", "base": base, "exclude_seen": True}
        run = {**older, **run}  # older files do not say
        config_class(run["model"])(1).replace(**run["settings"])
        Choice(**{k: v for k, v in (run.get("reading") or {}).items() if k != "sep"})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        run = {}
    whole, unsaid = ("seed", "validate_every"), ("epochs", "patience")  # None too
    if not (
        isinstance(run.get("data"), str)
        and run.get("format") in ("auto", *FORMATS)
        and type(run.get("exclude_seen")) is bool
        and all(type(run.get(name)) is int for name in whole)
        and all(type(run.get(name, "")) in (int, type(None)) for name in unsaid)
        and ("made_from" not in run or origin.is_origin(run["made_from"]))
        and type(run.get("threads", 1)) is int
        and 1 <= run.get("threads", 1) <= MOST_THREADS
    ):
        raise DisrecError(f"{folder / 'run.json'} is missing, damaged or not of a run.")
    return dict(run)


def _new_folder(data: str) -> Path:
    name = Path(data).name.split(".")[0]
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, nth = Path("runs") / stem, 1
    while folder.exists():
        nth += 1
        folder = Path("runs") / f"{stem}-{nth}"
    return folder


def _is_file(name: str) -> bool:
    """Not the name of a data set."""
    from disrec_mini.datasets import dataset_names

    looks_like_a_file = Path(name).suffix != "" or len(Path(name).parts) > 1
    there = Path(name).exists() or looks_like_a_file
    return name not in dataset_names() and there


def _data(
    name: str,
    format: str = "auto",
    reading: dict[str, Any] | None = None,
    said: Callable[[str], object] | None = None,
) -> "Interactions":
    """A data set by name, or a file; a warning about it is one line.

    reading : options of `read_events` for a table of events, None for other data.
    """
    from disrec_mini.datasets import load_dataset
    from disrec_mini.events import read_events
    from disrec_mini.reading import read_interactions

    if not _is_file(name):
        if Path(name).is_file():
            _note(f"{name} is the data set; the file of that name is ./{name}")
        return load_dataset(name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            if reading is None:
                data = read_interactions(name, format)
            else:
                data = read_events(name, **reading, said=said)
        except MemoryError:
            raise DisrecError(
                f"{name} does not fit into the memory: read fewer columns or rows, or "
                "use a larger machine."
            ) from None
    for warning in warned:
        _note(f"{name}: {warning.message}.")
    return data


# -- evaluate --------------------------------------------------------------------------


def _print_table(result: dict[str, Any]) -> None:
    names = ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr")
    print(f"{'':18}" + "".join(f"{name:>11}" for name in names) + f"{'users':>9}")
    for part in ("valid", "test"):
        rows = {k: v for k, v in result.get(part, {}).items() if isinstance(v, dict)}
        if not all(row["exclude_seen"] for row in rows.values()):
            _note(f"{part}: clicked items are candidates too")
        for protocol, row in rows.items():
            for label, values in (("", row), (" warm", row["warm"])):
                cells = "".join(f"{values[name]:11.4f}" for name in names)
                share = 1.0 if not label else row["warm_share"]
                users = round(row["n_users"] * share)
                print(f"{part + ' ' + protocol + label:18}{cells}{users:9,}")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_evaluate)
    parser.add_argument(
        "--model", type=Path, required=True, help="run's folder or model file"
    )
    parser.add_argument("--data", metavar="NAME_OR_FILE", help="default: the run's")
    parser.add_argument("--format", choices=["auto", *FORMATS], help="as the run's")
    parser.add_argument(
        "--protocol", choices=["sampled", "full", "both"], default="both"
    )
    parser.add_argument("--on", choices=["valid", "test"], default="test")
    _add_seen(parser, "as the run was trained")


def _evaluate(options: argparse.Namespace, words: list[str]) -> int:
    data, model, known = _model_and_data(options)
    from disrec_mini import runs
    from disrec_mini.checks import check_asked
    from disrec_mini.splitting import held_out, leave_one_out

    protocols = (
        ("sampled", "full") if options.protocol == "both" else (options.protocol,)
    )
    check_asked(held_out(leave_one_out(data), options.on), None, options.on)
    split = leave_one_out(known(data, options.on))
    seen = _excludes_seen(options, model)
    metrics = runs.measure(model, split, (options.on,), protocols, exclude_seen=seen)
    _print_table(runs.as_result(metrics))
    return 0


def _asked(
    options: argparse.Namespace,
) -> tuple[dict[str, Any], str, str, dict[str, Any] | None]:
    """The run of --model, and the data of --data or else the run's: name and form."""
    if not options.model.exists():
        raise DisrecError(
            f"{options.model} does not exist: give a run's folder or file."
        )
    name, run = options.data, {}
    try:
        run = _read_run(_folder(options))
    except DisrecError as error:
        if name is None:
            raise DisrecError(
                f"--data is needed to know what the model is for: {error}"
            ) from None
    if name is None:
        name = _there(run["data"], "--data FILE")
        return run, name, run["format"], run.get("reading")
    format = options.format or _form_of(run, name)
    return run, name, format, _as_the_run(name, format, run.get("reading"))


def _model_and_data(
    options: argparse.Namespace,
) -> tuple["Interactions", "Recommender", Callable[..., "Interactions"]]:
    """The model of --model, its data or those of --data, and what gives a file's items
    the model's numbers and says what was read."""
    run, name, format, reading = _asked(options)
    data = _data(name, format, reading)
    from disrec_mini import origin
    from disrec_mini.ids import as_known
    from disrec_mini.recommender import Recommender

    model = Recommender.load(options.model)
    holds = origin.made_from(data)
    before = model.made_from if origin.is_origin(model.made_from) else None
    before = before or run.get("made_from") or holds
    origin.check_people(model, before, holds)
    notes = [_what_was_read(name, format, reading, holds)]
    differs = origin.differences(before, holds)
    if differs:
        notes.append(f"that is not what the model was made from: {differs}")

    def known(clicks: "Interactions", on: str = "") -> "Interactions":
        if _is_file(name):  # a named set has its numbers
            by_id = _by_id(options, model)
            clicks = as_known(
                clicks, model.item_names, model.n_items, by_id, notes.append, bool(on)
            )
        if differs and on:
            notes.append(_leak(options, run, before, clicks))
        while notes:
            _note(notes.pop(0))
        return clicks

    return data, model, known


def _leak(
    options: argparse.Namespace,
    run: dict[str, Any],
    before: dict[str, Any],
    data: "Interactions",
) -> str:
    """How many of the clicks that are measured the model was trained on."""
    from disrec_mini import origin
    from disrec_mini.splitting import held_out, leave_one_out

    clicks = None
    if run.get("made_from") == before:
        clicks = origin.kept_clicks(_folder(options))
        if clicks is None and not _is_file(run["data"]):
            clicks = origin.trained(leave_one_out(_data(run["data"])))
    if clicks is None:
        return "whether it was trained on clicks that are measured now is not known"
    split = leave_one_out(data)
    n = origin.n_leaked(clicks, split, options.on)
    asked = int((held_out(split, options.on) > 0).sum())
    return f"it was trained on {n:,} of the {asked:,} clicks that are measured now"


def _form_of(run: dict[str, Any], name: str) -> str:
    """The form of a file of lines: the run's, where that was one too."""
    from disrec_mini.tables import is_table

    lines = run and _is_file(run["data"]) and "reading" not in run
    same = lines and _is_file(name) and not is_table(name)
    return str(run["format"]) if same else "auto"


def _as_the_run(
    name: str, format: str, reading: dict[str, Any] | None
) -> dict[str, Any] | None:
    """How to read other data than a run's: a table of events as the run's was."""
    from disrec_mini.tables import is_table

    bare = str((reading or {}).get("user", "")).isdecimal()  # columns by number
    if _is_file(name) and format == "auto" and (bare or is_table(name)):
        return reading or {}
    return None


def _folder(options: argparse.Namespace) -> Path:
    """The run of --model."""
    path: Path = options.model
    return path if path.is_dir() else path.parent


def _by_id(options: argparse.Namespace, model: "Recommender") -> bool:
    """Whether the model's item names are the ids of a file, not titles."""
    from disrec_mini.ids import are_ids

    with contextlib.suppress(DisrecError):
        if "reading" in _read_run(_folder(options)):
            return True
    return are_ids(model.item_names)


# -- recommend -------------------------------------------------------------------------


def _add_recommend(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_recommend)
    parser.add_argument(
        "--model", type=Path, required=True, help="run's folder or model file"
    )
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", help="a user of the data, as the file names them")
    who.add_argument("--items", nargs="+", help="clicks, oldest first")
    who.add_argument("--all", action="store_true", help="every user: a table")
    parser.add_argument("--data", metavar="NAME_OR_FILE", help="with --user")
    parser.add_argument("--format", choices=["auto", *FORMATS], help="as the run's")
    parser.add_argument("-k", type=int, default=10, help="how many")
    _add_seen(parser, "as the run was trained")
    parser.add_argument(
        "--min-score", type=float, metavar="X", help="with --all: no items below it"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="with --all: a new table in .csv, .tsv, .csv.gz, .tsv.gz or .parquet; a "
        "stopped one goes on by the same command",
    )


def _recommend(options: argparse.Namespace, words: list[str]) -> int:
    for flag in ("out", "min_score"):
        if getattr(options, flag) is not None and not options.all:
            flag = flag.replace("_", "-")
            raise DisrecError(f"--{flag} is for --all: the lists of all users.")
    if options.all:
        return _recommend_all(options)
    if options.items is not None:
        from disrec_mini.ids import look_up, numbers_of
        from disrec_mini.recommender import Recommender

        model = Recommender.load(options.model)
        by_id = _by_id(options, model)
        numbers = numbers_of(model.item_names, model.n_items, by_id)
        user, clicks = None, look_up(options.items, numbers)
    else:
        data, model, known = _model_and_data(options)
        by_id, user = _by_id(options, model), _user(data, options.user)
        clicks = known(data.select([user]))[0].tolist()
    names = model.item_names
    best = model.recommend(clicks, options.k, _excludes_seen(options, model), user)
    for place, item in enumerate(best, start=1):
        assert isinstance(item, int)  # one sequence, so one list of ids
        name = _printable(names[item]) if names else ""
        shown = f"{name:>7}" if names and by_id else f"{item:7d}  {name}"
        print(f"{place:3d}  {shown}".rstrip())
    return 0


def _printable(text: str, kept: str = "") -> str:
    """No sign that would steer a terminal, such as those that colour it."""
    signs = (c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)
    return "".join(signs)


def _recommend_all(options: argparse.Namespace) -> int:
    """A table of everybody's list, as the data name users and items."""
    from disrec_mini import exports

    if options.out is not None:
        exports.check_target(options.out)  # before loading
    data, model, known = _model_and_data(options)
    clicks, k = known(data), options.k
    seen, least = _excludes_seen(options, model), options.min_score
    how = {"exclude_seen": seen, "min_score": least}
    if options.out is None:
        lists = exports.recommend_all(model, clicks, k, **how)
        names = exports.names_of(model, clicks)
        lines = exports.as_text(lists, names, "\t")
        if sys.stdout.isatty():
            lines = (_printable(line, "\t\n") for line in lines)
        sys.stdout.writelines(lines)
        return 0
    try:
        made = exports.write_lists(options.out, model, clicks, k, progress=True, **how)
    except KeyboardInterrupt:
        _say("the same command goes on.")
        return signals.code()
    more = exports.said(made)
    _note(
        f"{made['rows']:,} rows for {made['users']:,} users written to {options.out}"
        + (f"; {more}" if more else "")
    )
    return 0


def _user(data: "Interactions", name: str) -> int:
    if data.user_names is None:
        if name.isdecimal() and 1 <= int(name) <= data.n_users:
            return int(name) - 1
        raise DisrecError(
            f"user {name!r} is unknown: users run from 1 to {data.n_users}."
        )
    try:
        return list(data.user_names).index(name)
    except ValueError:
        raise DisrecError(
            f"user {name!r} is unknown: the data have {data.n_users:,} users, first "
            f"{data.user_names[0]!r}."
        ) from None


# -- data ------------------------------------------------------------------------------


def _add_data(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="all data sets").set_defaults(run=_data_list)
    for command, run, text in (
        ("info", _data_info, "address, licence, citation, expected counts"),
        ("fetch", _data_fetch, "download, verify, summarise"),
    ):
        sub = commands.add_parser(command, help=text)
        sub.add_argument("name", metavar="NAME")
        sub.set_defaults(run=run)


def _data_list(options: argparse.Namespace, words: list[str]) -> int:
    from disrec_mini.datasets import dataset_info, dataset_names

    for name in dataset_names():
        print(f"{name:18} {dataset_info(name).title}")
    return 0


def _data_info(options: argparse.Namespace, words: list[str]) -> int:
    from disrec_mini.datasets import dataset_info

    info = dataset_info(options.name)
    for field in fields(info):
        value = getattr(info, field.name)
        if isinstance(value, str | int) and value != "":
            print(
                f"{field.name:12} {value:,}"
                if isinstance(value, int)
                else f"{field.name:12} {value}"
            )
    print(f"{'address':12} {info.url}")
    return 0


def _data_fetch(options: argparse.Namespace, words: list[str]) -> int:
    from disrec_mini.datasets import load_dataset

    for name, value in load_dataset(options.name).summary().items():
        shown = f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
        if isinstance(value, float) and math.isnan(value):
            shown = "-"
        print(f"{name:24} {shown}")
    return 0


# -- experiment ------------------------------------------------------------------------


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    from disrec_mini.experiments.queue import RESULTS, SCRATCH, describe

    parser.set_defaults(run=_experiment)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"Run what is missing of an experiment.\n\n{describe()}"
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the plan's")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="then stop")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--job", help="run this one only, here")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="of checkpoints")


def _experiment(options: argparse.Namespace, words: list[str]) -> int:
    from disrec_mini.experiments.queue import run_experiment, run_one

    where = {"out": options.out, "scratch": options.scratch}
    if options.job is not None:
        return 0 if run_one(options.name, options.job, **where) else signals.code()
    if options.jobs < 1:
        raise DisrecError(f"--jobs must be at least 1, not {options.jobs}.")
    return min(
        1,
        run_experiment(
            options.name,
            seeds=options.seeds,
            budget=options.budget,
            n_jobs=options.jobs,
            **where,
        ),
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    from disrec_mini.experiments.queue import RESULTS

    parser.set_defaults(run=_report)
    parser.add_argument(
        "name", metavar="NAME", nargs="*", help="default: all there are"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results")


def _report(options: argparse.Namespace, words: list[str]) -> int:
    from disrec_mini.experiments.plans import PLANS
    from disrec_mini.experiments.report import report

    names = options.name or [n for n in PLANS if (options.out / n).is_dir()]
    for name in names:
        made = report(name, options.out)
        print(f"{name}: {len(made['settings'])} settings", flush=True)
    return 0
