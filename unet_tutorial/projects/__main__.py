"""Your own images from the command line: a folder in, masks and a table out.

python -m unet_tutorial.projects report  FOLDER [--out REPORT]
python -m unet_tutorial.projects train   FOLDER --out MODEL [--minutes M] [--seed S] [--from small|nuclei]
python -m unet_tutorial.projects predict MODEL IMAGES --out OUT
python -m unet_tutorial.projects score   OUT MASKS
"""

import argparse
import os
import sys
from pathlib import Path

from . import _folders, _measure, _model, _predict, _report, _score
from ._masks import KINDS
from ._plan import Plan


def _read(arguments):
    return _folders.read_folder(arguments.folder, arguments.kind, arguments.ignore, arguments.group)


def _changes(arguments):
    changes = {}
    for text in arguments.set or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set {text}: must be NAME=VALUE, for example --set depth=3")
        changes[name] = int(value) if name == "channel" and value.isdigit() else value
    return changes


def _do_report(arguments):
    project = _read(arguments)
    out = arguments.out or f"{project.folder.resolve().name}-report"
    print(_report.report(project, out, start=arguments.start, changes=_changes(arguments)))
    if project.pairs:
        print(f"\n{out}: report.csv, contact_sheet.png")
    return 1 if _all(project, "error") else 0


def _do_train(arguments):
    project = _read(arguments)
    out = Path(arguments.out)
    for finding in sorted(_all(project)):
        print(finding)
    if errors := _all(project, "error"):
        print(f"error: {len(errors)} to mend before training; nothing was written", file=sys.stderr)
        return 2
    if (out / "plan.json").exists():
        plan = Plan.load(out / "plan.json")
        print(f"{out}: holds a plan, which goes on; --minutes and --set have no part in it")
    else:
        minutes = arguments.minutes
        plan = _model.plan_of(project, minutes, arguments.seed, arguments.start, _changes(arguments))
    print(plan.table(), flush=True)
    model = _model.train(project, plan, out)
    print(f"rules: {', '.join(f'{name} {value:g}' for name, value in model.rules._asdict().items())}")
    if model.facts["validation"]:
        print(
            f"on the images that validate: SEG {model.facts['validation']['seg']}, F1 {model.facts['validation']['f1']}"
        )
    print(f"{out}: the model; predict with it: python -m unet_tutorial.projects predict {out} IMAGES --out OUT")
    return 0


def _do_predict(arguments):
    model = _model.open_model(arguments.model)
    objects, findings = _predict.predict(model, arguments.images, arguments.out, arguments.probabilities)
    for finding in findings:
        print(finding)
    images = len({one.image for one in objects})
    print(f"{arguments.out}: {len(objects)} objects in {images} images; ids, overlays, objects.csv")
    return 1 if any(finding.level == "error" for finding in findings) else 0


def _do_score(arguments):
    rows, findings = _score.score(arguments.out, arguments.masks, arguments.kind, arguments.ignore)
    for finding in findings:
        print(finding)
    print(_score.told(rows))
    print("floor: SEG of Otsu's threshold and components; ceiling: SEG of the true foreground, not split")
    return 0


def _all(project, level=None):
    rows = [_measure.measure(pair) for pair in project.pairs]
    findings = [*project.findings, *_report.examine(project, rows)]
    return [one for one in findings if level in (None, one.level)]


def main(arguments=None):
    """The command line. Returns the exit code: 2 where nothing was done, 1 where a file was left out."""
    parser = argparse.ArgumentParser(prog="python -m unet_tutorial.projects", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    masks = argparse.ArgumentParser(add_help=False)
    masks.add_argument("--kind", choices=sorted(KINDS), help="what the masks are; told from their values unless given")
    masks.add_argument("--ignore", type=int, metavar="V", help="the value of a mask that says: not labelled")
    plan = argparse.ArgumentParser(add_help=False)
    plan.add_argument("--group", metavar="PATTERN", help="what images of one group have in common in their names")
    plan.add_argument("--set", action="append", metavar="NAME=VALUE", help="set a choice of the plan by hand")
    plan.add_argument("--from", dest="start", default="none", metavar="NET", help="small, nuclei, or a model's folder")
    command = commands.add_parser("report", parents=[masks, plan], help="what is here, what is odd, what will be done")
    command.add_argument("folder", metavar="FOLDER")
    command.add_argument("--out", type=os.path.expanduser, help="folder of the report (FOLDER-report)")
    command.set_defaults(call=_do_report)
    command = commands.add_parser("train", parents=[masks, plan], help="train; called again, go on")
    command.add_argument("folder", metavar="FOLDER")
    command.add_argument("--out", required=True, type=os.path.expanduser, metavar="MODEL")
    command.add_argument("--minutes", type=float, default=10.0, help="of training (%(default)s)")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(call=_do_train)
    command = commands.add_parser("predict", help="masks, overlays and a table of new images")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("images", metavar="IMAGES")
    command.add_argument("--out", required=True, type=os.path.expanduser, metavar="OUT")
    command.add_argument("--probabilities", action="store_true", help="write them too")
    command.set_defaults(call=_do_predict)
    command = commands.add_parser("score", parents=[masks], help="how good predicted masks are")
    command.add_argument("out", metavar="OUT")
    command.add_argument("masks", metavar="MASKS")
    command.set_defaults(call=_do_score)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.call(parsed)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
