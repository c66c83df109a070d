"""Named experiments from the command line: list, run, resume and check them.

python -m unet_tutorial.experiments list
python -m unet_tutorial.experiments run NAME [--seed S] [--budget MINUTES] [--strategy mirrored|multiworker]
python -m unet_tutorial.experiments queue [--until HH:MM] [--processes N]
python -m unet_tutorial.experiments verdicts
python -m unet_tutorial.experiments tables [--runs DIR]
python -m unet_tutorial.experiments check [--rerun NAME]
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path

from .. import metrics, training
from .._backend import LOST_WORKER
from .._shared.checks import as_size
from ..datasets import DataUnavailable
from . import _queue, plan, recipes, records, tables, verdicts
from .runs import FIRST_STEPS, RUNS_FOLDER, rerun, run


def _list(arguments):
    for name, experiment in {**recipes.EXPERIMENTS, **plan.TRIALS}.items():
        print(f"{name}: {experiment.question}")
        for label in experiment.arms:
            run_name = experiment.run(name, label) if name in plan.TRIALS else experiment.arms[label]
            states = [_state(run_name, seed, arguments) for seed in experiment.seeds]
            print(f"    {label:32} {run_name:26} {'  '.join(states)}")


def _state(name, seed, arguments):
    if not records.path_of(name, seed, arguments.records).is_file():
        return f"{seed}: -"
    record = records.read(name, seed, arguments.records)
    minutes = sum(record[records.TIMES].values()) / 60
    return f"{seed}: {record['steps']} steps, {record['ended']}, {minutes:.1f} min"


def _run(arguments):
    if arguments.budget is not None and arguments.strategy == "multiworker":
        raise ValueError(
            "--budget with --strategy multiworker: each machine has its own clock, and all must make the "
            "same steps; stop them by hand, and run again to go on"
        )
    pairs = recipes.runs_of(arguments.name)
    if arguments.seed is not None:
        pairs = list(dict.fromkeys((name, arguments.seed) for name, _ in pairs))
        unknown = sorted(set(pairs) - {*recipes.runs_of("all"), *recipes.runs_of("plan")})
        if unknown and not arguments.records:
            raise ValueError(
                f"seed {arguments.seed}: belongs to no experiment with {unknown[0][0]}; give --records a "
                "folder of your own, so that the book's records stay complete"
            )
    strategy = training.make_strategy(arguments.strategy)
    folder = arguments.records or (Path(arguments.runs) / "records" if strategy else None)
    undone = 0
    for number, (name, seed) in enumerate(pairs, 1):
        print(f"[{number}/{len(pairs)}] {name}, seed {seed}", flush=True)
        with contextlib.suppress(FileNotFoundError):
            record = records.read(name, seed, folder)
            if (
                record["ended"] != "budget"
                and records.fits(record)
                and record["processor"].get("replicas", 1) == training.replicas(strategy)
            ):
                print(f"    has a record: {records.path_of(name, seed, folder)}; delete it to run again")
                continue
        if arguments.until:
            seconds = _queue.measured(name, seed, arguments.runs)
            if time.time() + _queue.ROOM * seconds > _queue.clock(arguments.until):
                print(
                    f"    not started: it would take {seconds / 60:.0f} minutes, and would not end by {arguments.until}"
                )
                undone = _queue.TOO_LONG
                continue
        try:
            record = run(name, seed, arguments.budget, arguments.runs, folder, strategy)
        except (BlockingIOError, FloatingPointError) as error:
            print("    is being run by another process" if isinstance(error, BlockingIOError) else f"    {error}")
            undone = 1
            continue
        except LOST_WORKER:
            if arguments.strategy != "multiworker":
                raise
            print("    another worker was lost: starting again from the checkpoint", flush=True)
            os.execv(sys.executable, sys.orig_argv)  # a broken cluster cannot be mended from inside
        if record is None:
            continue
        print(f"    {record['steps']} steps, ended by {record['ended']}; {_headline(record)}", flush=True)
    return undone


def _queue_up(arguments):
    until = _queue.clock(arguments.until) if arguments.until else None
    return _queue.queue(until, as_size(arguments.processes, "processes"), arguments.runs, arguments.records)


def _verdicts(arguments):
    judged = [(name, claim, verdict, verdict.signs) for name, claim, verdict in verdicts.judge(arguments.records)]
    adjusted = iter(verdicts.holm([signs for *_, signs in judged if signs is not None]))
    for name, claim, verdict, signs in judged:
        print(f"{name}: {claim.words} ({claim.score}; predicted {claim.predicted:+g})")
        tested = "" if signs is None else f"; sign-flip p {signs:.3f}, Holm {next(adjusted):.3f}"
        print(f"    {verdict}{tested}")


def _tables(arguments):
    for row in tables.make(arguments.runs):
        print(f"{row}: is missing")


def _headline(record):
    score = "v_rand_thinned" if "v_rand_thinned" in record["held_out"]["all"] else "seg"
    best = metrics.best_level(record["held_out"], score)
    return f"best {score} {record['held_out']['all'][score][best]:.4f} at {record['held_out']['thresholds'][best]}"


def _check(arguments):
    faults = records.faults(arguments.records)
    for fault in faults:
        print(fault)
    if arguments.rerun:
        pairs = [pair for pair in recipes.runs_of(arguments.rerun) if arguments.seed in (None, pair[1])]
        if not pairs:
            raise ValueError(f"seed {arguments.seed}: {arguments.rerun} has no such record")
        for name, seed in pairs:
            recorded, today = rerun(name, seed, arguments.records)
            part = max(abs(a - b) / abs(a) for a, b in zip(recorded, today))
            print(f"{name}, seed {seed}: {len(today)} losses repeated, largest difference {part:.2g} of the loss")
            if part > 0.01:
                faults.append(f"{name}, seed {seed}: the losses differ by more than 0.01 of themselves")
                print(faults[-1])
    print(f"{len(recipes.runs_of('all'))} runs, {len(faults)} faults")
    return 1 if faults else 0


def main(arguments=None):
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m unet_tutorial.experiments", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--records", default=None, type=os.path.expanduser, help="folder of the records; the package's own unless given"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("list", help="experiments, their arms and what is recorded")
    command.set_defaults(call=_list)
    command = commands.add_parser("run", help="run an experiment, one of its runs, or all; go on where it stopped")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--seed", type=int, help="only this one")
    command.add_argument("--budget", type=float, metavar="MINUTES", help="of training, then score and record")
    command.add_argument(
        "--runs", default=RUNS_FOLDER, type=os.path.expanduser, help="folder of the checkpoints (%(default)s)"
    )
    command.add_argument(
        "--strategy", choices=training.STRATEGIES, help="all devices here, or the machines in TF_CONFIG"
    )
    command.add_argument("--until", metavar="HH:MM", help="start nothing that, by its first steps, would end later")
    command.set_defaults(call=_run)
    command = commands.add_parser("queue", help="make the runs that the plan lacks, in its order; stop it at will")
    command.add_argument("--until", metavar="HH:MM", help="start no run that would end later")
    command.add_argument(
        "--processes", type=int, default=1, metavar="N", help="runs at once, a thread each (%(default)s)"
    )
    command.add_argument("--runs", default=RUNS_FOLDER, type=os.path.expanduser, help="folder of the checkpoints")
    command.set_defaults(call=_queue_up)
    command = commands.add_parser("verdicts", help="judge every claim of the plan by its records")
    command.set_defaults(call=_verdicts)
    command = commands.add_parser("tables", help="score what the plan names on the paper's own images, each row once")
    command.add_argument("--runs", default=RUNS_FOLDER, type=os.path.expanduser, help="folder of the checkpoints")
    command.set_defaults(call=_tables)
    command = commands.add_parser("check", help="compare the records with the recipes")
    command.add_argument("--rerun", metavar="NAME", help=f"repeat the first {FIRST_STEPS} steps, compare the losses")
    command.add_argument("--seed", type=int, help="only this one")
    command.set_defaults(call=_check)
    parsed = parser.parse_args(arguments)
    logging.getLogger("tensorflow").setLevel("ERROR")  # many trainings in one process make it complain of retracing
    try:
        return parsed.call(parsed) or 0
    except (ValueError, FileNotFoundError, FloatingPointError, DataUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no half file is left
    sys.exit(main())
