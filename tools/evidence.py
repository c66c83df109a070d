"""Writes the page of records: every experiment with its arms, what sets them apart, and each record to look into."""

import dataclasses

from unet_tutorial.experiments import recipes, records

MAIN = {"isbi2012": ("v_rand_thinned", "V_Rand after thinning"), "phase_contrast": ("seg", "SEG")}


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


def differences(run):
    """What the recipe of a run has unlike the defaults, in words and numbers."""
    default, own = (dataclasses.asdict(recipe) for recipe in (recipes.Recipe(), recipes.RUNS[run]))
    return ", ".join(f"{key} {plain(own[key])}" for key in own if own[key] != default[key]) or "-"


def plain(value):
    """A value of a recipe as a reader would say it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(one)}" for key, one in value.items()) or "all"
    if isinstance(value, tuple):
        return " and ".join(map(str, value))
    if value is None or isinstance(value, bool):
        return {True: "on", False: "off", None: "none"}[value]
    return value if isinstance(value, str) else f"{value:g}"


def mean(values):
    """The mean with three decimals."""
    return f"{sum(values) / len(values):.3f}"
