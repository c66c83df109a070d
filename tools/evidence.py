"""Writes the page of records: every experiment with its arms, what sets them apart, and each record to look into."""

import dataclasses

from unet_tutorial.experiments import _folds, plan, recipes, records, verdicts

MAIN = {"isbi2012": ("v_rand_thinned", "V_Rand after thinning"), "phase_contrast": ("seg", "SEG")}
SCORES = {
    "v_rand_thinned": "V_Rand after thinning",
    "rand_error": "Rand error",
    "boundary_f1": "boundary F1 at 1.5 px",
    "seg": "SEG",
    "seg_touching": "SEG of the touching cells",
}


def page(folder=None):
    """The experiments as Markdown, a section each, with links to `records/<run>/<seed>.json`."""
    return "\n\n".join(section(name, experiment, folder) for name, experiment in recipes.EXPERIMENTS.items())


def section(name, experiment, folder=None):
    """One experiment: question, score, and a row for each arm."""
    score, title = MAIN[recipes.RUNS[next(iter(experiment.arms.values()))].data]
    lines = [
        f"## {name}",
        "",
        f"{experiment.question} (Paper: section {experiment.section}.) Score: {title}.".replace(
            " (Paper: section -.)", ""
        ),
        "",
        "| Arm | Unlike the baseline | By seed | Mean | At the best threshold |",
        "|---|---|---|---|---|",
    ]
    for label, run in experiment.arms.items():
        found = [records.read(run, seed, folder) for seed in experiment.seeds]
        chosen, best = ([records.score(record, score, way) for record in found] for way in ("chosen", "best"))
        links = ", ".join(f"[{value:.3f}](records/{run}/{seed}.json)" for seed, value in zip(experiment.seeds, chosen))
        lines.append(f"| {label} | {differences(run)} | {links} | {mean(chosen)} | {mean(best)} |")
    return "\n".join(lines)


def verdicts_page(folder=None):
    """The verdicts as Markdown, and a section for each experiment of the plan that has records."""
    sections = (made(name, folder) for name in plan.TRIALS)
    return "\n\n".join([judged(folder), *filter(None, sections)])


def made(name, folder=None):
    """The records of one experiment of the plan, arm by arm, at the chosen threshold; nothing where there are none."""
    trial = plan.TRIALS[name]
    lines = []
    main = "v_rand_thinned" if trial.base.data == "isbi2012" else "seg"
    for score in dict.fromkeys([claim.score for claim in trial.claims] or [main]):
        for arm in trial.arms:
            run = trial.run(name, arm)
            seeds = [seed for seed in trial.seeds if records.path_of(run, seed, folder).is_file()]
            values = [records.score(records.read(run, seed, folder), score) for seed in seeds]
            links = (f"[{value:.3f}](records/{run}/{seed}.json)" for value, seed in zip(values, seeds))
            if seeds:
                lines.append(f"| {SCORES[score]} | {arm} | {', '.join(links)} | {mean(values)} |")
    head = [f"### {name}", "", trial.question, "", "| Score | Arm | By seed | Mean |", "|---|---|---|---|"]
    return "\n".join([*head, *lines]) if lines else ""


def judged(folder=None):
    """The table of verdicts as Markdown: every claim of the plan, run or not."""
    rows = verdicts.judge(folder)
    adjusted = iter(verdicts.holm([verdict.signs for *_, verdict in rows if verdict.signs is not None]))
    lines = [
        "| Claim | Verdict, pairs | Difference, 95 % interval | Smallest effect; we expected | Score; experiment | "
        "Sign-flip p; Holm |",
        "|---|---|---|---|---|---|",
    ]
    for name, claim, verdict in rows:
        interval = signs = "-"
        if verdict.mean is not None:
            interval = f"{verdict.mean:+.3f} [{verdict.low:+.3f}, {verdict.high:+.3f}]"
            signs = f"{verdict.signs:.3f}; {next(adjusted):.3f}"
        lines.append(
            f"| {claim.words} | {verdict.word}, {len(verdict.differences)} | {interval} | {claim.smallest:g}; "
            f"{claim.predicted:+g} | {SCORES[claim.score]}; {name} | {signs} |"
        )
    return "\n".join(lines)


def planned(name):
    """The tables of one experiment of the plan, as its page must have them: arms, claims."""
    trial = plan.TRIALS[name]
    lines = [
        f"Base: {differences(trial.base)}. {'Seeds' if len(trial.seeds) > 1 else 'Seed'} {plain(trial.seeds)}.",
        "",
        "| Arm | Unlike the base | Run |",
        "|---|---|---|",
    ]
    for arm in trial.arms:
        run = trial.run(name, arm)
        lines.append(f"| {arm} | {differences(recipes.RUNS[run], trial.base)} | `{run}` |")
    if trial.claims:
        lines += [
            "",
            "| Claim | Better, worse | Primary score | Smallest effect | We expect |",
            "|---|---|---|---|---|",
        ]
    for claim in trial.claims:
        lines.append(
            f"| {claim.words} | {claim.better}, {claim.worse} | {SCORES[claim.score]} | {claim.smallest:g} | "
            f"{claim.predicted:+g} |"
        )
    return "\n".join(lines)


def folds(data):
    """The table of the folds of a data set."""
    lines = ["| Seeds | Held out | Buffer, not used | Threshold chosen on |", "|---|---|---|---|"]
    for seeds, fold in zip(("even", "odd"), _folds.FOLDS[data]):
        cells = (ranges(part) for part in (fold.held_out, fold.buffer, fold.chosen_on))
        lines.append(f"| {seeds} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ranges(numbers):
    """Numbers in words; a long run of them by its ends."""
    if len(numbers) > 6 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers)) or "none"


def differences(run, base=None):
    """What a recipe, or that of a run, has unlike the defaults or another recipe, in words and numbers."""
    recipe = recipes.RUNS[run] if isinstance(run, str) else run
    default, own = (dataclasses.asdict(recipe) for recipe in (base or recipes.Recipe(), recipe))
    return ", ".join(f"{key} {plain(own[key])}" for key in own if own[key] != default[key]) or "-"


def plain(value):
    """A value of a recipe as a reader would say it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(one)}" for key, one in value.items()) or "all"
    if isinstance(value, tuple):
        return ranges(value) if len(value) > 2 else " and ".join(map(str, value))
    if value is None or isinstance(value, bool):
        return {True: "on", False: "off", None: "none"}[value]
    return value if isinstance(value, str) else f"{value:g}"


def mean(values):
    """The mean with three decimals."""
    return f"{sum(values) / len(values):.3f}"
