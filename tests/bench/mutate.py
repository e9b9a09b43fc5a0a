"""Which claims of a lesson notice a mistake in it? ``make mutate`` breaks it many times and counts.

A mutant is a lesson with one small change of the syntax tree that stands for a mistake made in
training networks; the kinds follow DeepCrime (Humbatova, Jahangirova and Tonella, ISSTA 2021).
mutmut, cosmic-ray and mutatest do so with modules and test runs, not with notebooks and claims.
"""

import argparse
import ast
import json
import random
import re
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from runner import batch
from runner.lessons import Lesson, find_lessons, select_lessons
from runner.parameters import read_profile
from runner.report import in_columns
from runner.result import Status, count_words, one_line
from utils.paths import NOTEBOOKS, PROJECT, RUNS

NAMED = PROJECT / "tests/lessons/mutations.yml"
TIME_LIMIT = 300  # seconds; a quick run takes ten to thirty
# calls that no claim is about
SHOWS = re.compile(r"\b(plt|axe?i?s|print|display|record|show|plot|hist|imshow|summary)\b")
SPLITS = ["train", "valid", "test"]
OTHER = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Eq: ast.NotEq, ast.Add: ast.Sub}
OTHER |= {ast.Mult: ast.Div} | {b: a for a, b in OTHER.items()}
RENAMED = {"fit_transform": "transform", "transform": "fit_transform"}


class Mutant(NamedTuple):
    """Cell number ``cell`` of a lesson with other code in it, and what was changed there."""

    cell: int
    source: str
    change: str


def named_mutants(lesson: Lesson) -> Iterator[tuple[Mutant, str]]:
    """Yield the mutants that tests/lessons/mutations.yml names, each with the claim it breaks.

    Raises ValueError if a line is not in exactly one of the lesson's cells.
    """
    cells = _code(lesson.path)
    for entry in yaml.safe_load(NAMED.read_text(encoding="utf-8")).get(lesson.name, []):
        line, new = entry["line"], entry["changed"]
        (cell,) = (number for number, source in cells.items() if line in source)
        yield Mutant(cell, cells[cell].replace(line, new), f"{line} → {new}"), entry["breaks"]


def find_mutants(lesson: Lesson, seed: int) -> list[Mutant]:
    """Return all mutants that the operators make, in an order that visits cell after cell."""
    chance, by_cell, known = random.Random(seed), [], set()
    cells = {n: code for n, code in _code(lesson.path).items() if "\n%" not in f"\n{code}"}
    trees = {number: ast.parse(code) for number, code in cells.items()}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in nodes}
    for number, tree in trees.items():
        if "claim(" not in cells[number]:
            changes = _changes(tree, names, known)
            made = [_mutant(number, cells[number], *change) for change in changes]
            by_cell.append(chance.sample(made, len(made)))
        known |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    chance.shuffle(by_cell)
    return [one for one in chain(*zip_longest(*by_cell)) if one]


def write_mutant(lesson: Lesson, mutant: Mutant, path: Path) -> None:
    """Write the lesson with the mutant's cell as a notebook."""
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    notebook["cells"][mutant.cell]["source"] = mutant.source
    path.write_text(json.dumps(notebook), encoding="utf-8")


def _code(path: Path) -> dict[int, str]:
    """Return the code, by cell, but for parameters and exercises, which no claim is about."""
    code = {}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        spared = {"parameters", "exercise"} & {*tags} or "check(" in source
        code |= {number: source} if cell["cell_type"] == "code" and not spared else {}
    return code


def _mutant(cell: int, source: str, old: ast.AST, new: ast.AST) -> Mutant:
    code, text = source.encode(), ast.unparse(new)  # the tree counts bytes
    line = [0, 0, *(match.end() for match in re.finditer(b"\n", code))]
    start, end = line[old.lineno] + old.col_offset, line[old.end_lineno] + old.end_col_offset
    whole = (code[:start] + text.encode() + code[end:]).decode()
    return Mutant(cell, whole, one_line(f"{code[start:end].decode()} → {text}"))


def _changes(node: ast.AST, names: set, known: set) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield each node below that a mistake would change, with what it would be."""
    for child in ast.iter_child_nodes(node):
        call = child.value if isinstance(child, ast.Expr) else child
        shows = isinstance(call, ast.Call) and SHOWS.search(ast.unparse(call.func))
        if not shows and not isinstance(child, ast.JoinedStr | ast.ImportFrom):
            yield from ((child, new) for new in _mistakes(child, names, known))
            yield from _changes(child, names, known)


def _mistakes(node: ast.AST, names: set, known: set) -> Iterator[ast.AST]:
    """Yield what a mistake may make of this node: a statement, a call, or what stands in them."""

    def changed(**fields) -> ast.AST:
        return type(node)(**vars(node) | fields)

    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[target]):
            set_here = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
            if set_here <= known or isinstance(target, ast.Attribute | ast.Subscript):
                yield ast.Pass()
        case ast.Call(args=args, keywords=words):  # an initializer, callbacks, shuffle, axis
            yield from (changed(keywords=[w for w in words if w is not one]) for one in words)
            if args[1:] and isinstance(args[-1], ast.Constant):
                yield changed(args=args[:-1])  # Dense(10, "relu") as Dense(10)
            if args[1:] and all(isinstance(one, ast.Name) for one in args[:2]):
                yield changed(args=[args[1], args[0], *args[2:]])
        case ast.List(elts=parts, ctx=ast.Load()):  # a layer, a callback
            yield from (changed(elts=[p for p in parts if p is not one]) for one in parts)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from map(ast.Constant, [2 * value, value // 2] if value > 1 else [1 - value])
        case ast.Constant(value=float(value)):
            yield ast.Constant(10 * value or 1.0)
        case ast.Compare(ops=[operator]) if type(operator) in OTHER:
            yield changed(ops=[OTHER[type(operator)]()])
        case ast.BinOp(op=operator) if type(operator) in OTHER:
            yield changed(op=OTHER[type(operator)]())
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield operand
        case ast.Name(id=name) | ast.Attribute(attr=name) if isinstance(node.ctx, ast.Load):
            field = "id" if isinstance(node, ast.Name) else "attr"
            others = [RENAMED[name]] if name in RENAMED else _other_splits(name) & names
            yield from (changed(**{field: other}) for other in sorted(others))


def _other_splits(name: str) -> set[str]:
    here = {*SPLITS} & {*name.split("_")}
    return {name.replace(split, other) for split in here for other in SPLITS} - {name}


def measure(lesson: Lesson, changes: dict, mutants: list[Mutant]) -> list[str]:
    """Run the lesson and its mutants; print which claims turned, and return the lesson's score."""
    runs, first = [], next(iter(_code(lesson.path).items()))
    with TemporaryDirectory() as scratch:
        for number, mutant in enumerate([Mutant(*first, "nothing"), *mutants]):
            told = {"mutant": f"[{mutant.cell}] {mutant.change}"[:60]}
            runs.append(batch.new_run(lesson, changes | told))
            runs[-1].source = Path(scratch, f"{lesson.name}_{number:03d}.ipynb")
            write_mutant(lesson, mutant, runs[-1].source)
        folder = batch.start(RUNS, runs)
        batch.work(folder, runs, TIME_LIMIT)
    whole, *broken = runs
    if Status.INTERRUPTED in [run.status for run in runs]:  # by Ctrl-C: no next lesson
        raise SystemExit(130)
    if whole.status is not Status.OK:
        raise SystemExit(f"{lesson.name} itself: {'; '.join(whole.problems)}")
    failed = {run.name: {c["text"] for c in run.claims if not c["holds"]} for run in broken}
    claims = dict.fromkeys(claim["text"] for claim in whole.claims)
    turned = [[name for name in failed if text in failed[name]] for text in claims]
    rows = [[text, len(by), " ".join(by)] for text, by in zip(claims, turned, strict=True)]
    print(in_columns([["claim", "turned by", "mutants"], *rows]), end="\n\n")
    print(f"{len(broken)} mutants (ok: not noticed): {count_words(broken)}")
    print(f"Pages: {folder / 'index.html'}\n", flush=True)
    share = f"{sum(map(bool, turned)) / len(claims):.2f}"
    return [lesson.name, len(broken), f"{sum(map(bool, turned))}/{len(claims)}", share]


def main() -> None:
    """Measure the lessons named on the command line, or all; print a table of their scores."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__.partition("\n")[0])
    parser.add_argument("lesson", nargs="*", help="number or name; none: all")
    parser.add_argument("--mutants", type=int, default=30, help="beside the named ones")
    parser.add_argument("--seed", type=int, default=0, help="of the choice among them")
    options, lessons = parser.parse_args(), find_lessons()
    parameters = {lesson.name: lesson.parameters for lesson in lessons}
    profile = read_profile(NOTEBOOKS / "profiles.yml", "quick", parameters)
    rows = [["lesson", "mutants", "claims turned", "score"]]
    for lesson in select_lessons(lessons, options.lesson):
        named = [mutant for mutant, _ in named_mutants(lesson)]
        mutants = named + find_mutants(lesson, options.seed)[: options.mutants]
        rows.append(measure(lesson, profile.get(lesson.name, {}), mutants))
    print(in_columns(rows))


if __name__ == "__main__":
    main()
