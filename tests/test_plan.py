"""Laws of the plan: the page says what the recipes hold, arms differ in their question, folds keep apart."""

import dataclasses
import math
import re

import numpy as np
import pytest

from tools import evidence
from unet_tutorial import datasets, geometry, paper
from unet_tutorial.datasets._synthetic_em import STACK
from unet_tutorial.experiments import _folds, plan, recipes, records, runs, verdicts
from unet_tutorial.experiments._recipe import LOGIT

PAGE = plan.PAGE.read_text(encoding="utf-8")
TILE, DEVIATION = paper.INPUT, 10  # px
COUNTS = {"isbi2012": STACK, "nuclei": 90, "dic_hela": 18}
# Numbers of the prose that no recipe holds: of the paper (sections, sizes), of the data, of a trial before.
OTHER = {1, 2, 3, 3.1, 50, 64, 117, 188, 204, 90, 360, 500, 2012, 2015, 0.814, 0.819, 0.759, 0.762, 0.962, 0.964}
OTHER |= {0.6, 0.06, 0.065, 0.968, paper.TABLE_2["u-net (2015)"][1]}  # what we expect of the tables


def numbers(text):
    """The numbers in a text; not those in names such as E6 or float32."""
    return {float(one) for one in re.findall(r"(?<![\w.`/-])\d+(?:\.\d+)?(?![\w`])", text)}


def held():
    """Every number that the recipes, the folds, the thresholds and the rule hold."""
    values = {verdicts.PAIRS, 100 * verdicts.CONFIDENCE, plan.LENGTH, *datasets.normalize.__defaults__}
    values |= {len(LOGIT), LOGIT[0], LOGIT[-1], 0, 1}
    values.add(round(2.364624 / math.sqrt(verdicts.PAIRS), 2))  # Student's t for 7 degrees of freedom
    for recipe in plan.runs().values():
        kept = dataclasses.asdict(recipe)
        values |= {
            value for value in (*kept.values(), *(kept["augment"] or {}).values()) if type(value) in (int, float)
        }
        values.add(geometry.output_size(recipe.tile, recipe.depth, recipe.padding))
    momentum = plan.runs()["e5-momentum/high"]
    values |= {TILE, DEVIATION} | {round(momentum.learning_rate / (1 - momentum.momentum), 6)}
    for data, folds in _folds.FOLDS.items():
        for fold in folds:
            values |= {*fold.held_out, *fold.buffer, *fold.chosen_on, len(fold.train(COUNTS[data]))}
    values |= {*COUNTS.values()}
    return values


@pytest.mark.parametrize("name", plan.TRIALS)
def test_the_page_holds_the_tables_of_the_recipes(name):
    assert evidence.planned(name) in PAGE


def test_the_page_holds_the_folds_and_no_number_that_the_recipes_do_not():
    prose = PAGE
    for table in (*map(evidence.planned, plan.TRIALS), *map(evidence.folds, _folds.FOLDS)):
        assert table in prose
        prose = prose.replace(table, "")
    assert {one for one in numbers(prose) if one not in held() | OTHER} == set()
    assert "0.5 and a standard deviation of 0.2" in prose and numbers("7.5 px") == {7.5}


def test_names_of_the_plan_are_no_names_of_earlier_experiments():
    assert not {*plan.TRIALS} & {*recipes.EXPERIMENTS}
    assert all(recipes.RUNS[name] == recipe for name, recipe in plan.runs().items())
    assert not {name for name, _ in recipes.runs_of("all")} & {*plan.runs()}


def test_arms_differ_in_what_they_ask_about_and_in_nothing_else():
    about = {
        "e0-length": {"steps"},
        "e1-elastic": {"slices", "augment"},
        "e2-skips": {"skips"},
        "e3-drop-out": {"slices", "drop_out"},
        "e4-first-weights": {"initializer", "deviation"},
        "e5-momentum": {"momentum", "learning_rate"},
        "e6-nuclei": {"weights"},
        "e6-tissue": {"weights"},
        "e6-hela": {"weights"},
        "e7-padding": {"padding", "tile"},
        "table-1": set(),
        "table-2": set(),
    }
    assert set(about) == set(plan.TRIALS)
    for name, fields in about.items():
        trial = plan.TRIALS[name]
        arms = [vars(recipes.RUNS[trial.run(name, arm)]) for arm in trial.arms]
        assert {field for field in arms[0] if any(arm[field] != arms[0][field] for arm in arms)} == fields, name


def test_equal_conditions_hold_for_every_run():
    for name, recipe in plan.runs().items():
        assert recipe.folds and recipe.normalized and recipe.levels == "logit" and not recipe.validation, name
        turns = 7 if name == "table-1/wide" else 1
        assert (recipe.balance, recipe.precision, recipe.rotations) == ("training", "float32", turns), name
        strain = (recipe.augment or {}).get("sigma")
        if strain and recipe.padding == "valid":
            assert strain / recipe.tile == pytest.approx(DEVIATION / TILE, rel=0.05), name


def test_every_claim_compares_two_arms_over_enough_pairs_of_each_fold():
    for trial in plan.TRIALS.values():
        for claim in trial.claims:
            assert {claim.better, claim.worse} <= set(trial.arms) and claim.better != claim.worse
            assert claim.smallest > 0 and claim.score in evidence.SCORES
            assert len(trial.seeds) >= verdicts.PAIRS and 2 * sum(seed % 2 for seed in trial.seeds) == len(trial.seeds)


@pytest.mark.parametrize("data", _folds.FOLDS)
def test_folds_keep_apart_what_must_not_meet(data):
    count = COUNTS[data]
    first, second = _folds.FOLDS[data]
    assert not {*first.held_out} & {*second.held_out}
    if data != "dic_hela":
        assert first.chosen_on == second.chosen_on and len(first.held_out) == len(second.held_out)
    for fold in (first, second):
        parts = [fold.held_out, fold.buffer, fold.chosen_on, fold.train(count)]
        assert sorted(number for part in parts for number in part) == list(range(count))
        if data == "dic_hela":  # pages 0 to 8 are one sequence
            assert len({number > 8 for number in fold.train(count) + fold.chosen_on}) == 1
            assert {number > 8 for number in fold.held_out} != {fold.chosen_on[0] > 8} and 8 in fold.buffer
        if data == "isbi2012":
            assert len(fold.train(count)) == 18
            assert all(abs(one - other) > 1 for one in fold.held_out for other in fold.train(count))
    assert _folds.fold_of(data, 4) is first and _folds.fold_of(data, 7) is second


def test_the_thresholds_are_equally_spaced_in_logit():
    steps = np.diff(np.log(np.divide(LOGIT, np.subtract(1, LOGIT))))
    np.testing.assert_allclose(steps, 0.25, atol=1e-3)  # they are kept with six decimals
    assert len(LOGIT) == 41 and LOGIT[20] == 0.5


def test_a_record_names_its_plan_and_an_unknown_plan_is_a_fault(tmp_path, monkeypatch):
    assert re.fullmatch(r"[0-9a-f]{16}", plan.digest()) and plan.known(plan.digest())
    older = "fedcba9876543210"
    page = tmp_path / "plan.md"
    page.write_text(PAGE + f"\nThe page before had the digest `{older}`.\n", encoding="utf-8")
    monkeypatch.setattr(plan, "PAGE", page)
    assert plan.known(older) and not plan.known("0" * 16) and not plan.known("")
    run = "e6-nuclei/border"
    for seed, digest in enumerate((plan.digest(), older, "0" * 16, None)):
        record = {"name": run, "seed": seed, "configuration": records.configuration(run), "ended": "steps"}
        records.write(record | {"held_out": {}} | ({"plan": digest} if digest else {}), tmp_path)
    found = [fault for fault in records.faults(tmp_path) if fault.startswith(run)]
    assert found == [
        f"{run}/2.json: was made under the plan {'0' * 16}, which plan.md does not list",
        f"{run}/3.json: was made under the plan None, which plan.md does not list",
    ]
    assert not any(
        name in fault for fault in records.faults(tmp_path) for name in ("e1-", "e0-")
    )  # not run is no fault


def test_every_claim_has_a_row_of_verdicts_run_or_not(tmp_path):
    table = evidence.judged(tmp_path)
    rows = table.splitlines()[2:]
    assert len(rows) == sum(len(trial.claims) for trial in plan.TRIALS.values())
    assert all("| not run, 0 | - |" in row for row in rows)
    assert {row.count("|") for row in table.splitlines()} == {7}


def test_a_trial_with_records_has_a_section_that_leads_to_each_of_them(tmp_path):
    found = evidence.verdicts_page()
    assert found.startswith(evidence.judged()) and "\n### e6-nuclei\n" in found and "### e5-momentum" not in found
    paths = re.findall(r"\]\(records/(e6-nuclei/\w+)/(\d)\.json\)", found)
    assert sorted(set(paths)) == sorted((run, str(seed)) for run, seed in plan.runs_of("e6-nuclei"))
    assert evidence.verdicts_page(tmp_path) == evidence.judged(tmp_path)


def test_line_ends_do_not_change_the_digest(tmp_path, monkeypatch):
    before = plan.digest()
    page = tmp_path / "plan.md"
    page.write_bytes(PAGE.replace("\n", "\r\n").encode())
    monkeypatch.setattr(plan, "PAGE", page)
    assert plan.digest() == before


def test_the_boundary_tolerance_is_the_one_of_the_page():
    assert evidence.SCORES["boundary_f1"].endswith(f"{runs.BOUNDARY} px")
