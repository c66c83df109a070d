"""Laws of the verdicts: the rule has the error rates that it promises, and only true pairs are compared."""

import itertools
import math
import re
import shutil

import numpy as np
import pytest

from tools import notebooks
from unet_tutorial.experiments import plan, recipes, records, verdicts

EXPERIMENTS, SMALLEST = 2_000, 1.0
TRIAL, CLAIM = "e6-nuclei", plan.TRIALS["e6-nuclei"].claims[1]


def simulated(effect, seed=0, count=verdicts.PAIRS):
    """Verdicts of experiments whose pairs are drawn around a true effect."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(effect, 1.0, (EXPERIMENTS, count))
    return [verdicts.decide(dict(enumerate(row)), SMALLEST) for row in rows]


@pytest.mark.parametrize("effect", [0.0, SMALLEST])
def test_the_interval_covers_the_true_effect_as_often_as_it_says(effect):
    covered = np.mean([verdict.low <= effect <= verdict.high for verdict in simulated(effect)])
    assert 0.935 <= covered <= 0.965


@pytest.mark.parametrize("effect, false", [(0.0, "supported"), (SMALLEST, "contradicted")])
def test_a_false_verdict_is_rare(effect, false):
    assert np.mean([verdict.word == false for verdict in simulated(effect)]) <= 0.035


@pytest.mark.parametrize("effect, right", [(3.0, "supported"), (-1.5, "contradicted")])
def test_a_large_effect_is_found(effect, right):
    assert np.mean([verdict.word == right for verdict in simulated(effect)]) > 0.95


def spread(mean, half):
    """Eight differences with that mean and that half-width of the interval."""
    signs = np.tile([1.0, -1.0], 4)
    scale = half / (2.364624 * signs.std(ddof=1) / math.sqrt(8))  # Student's t for 7 degrees of freedom
    return dict(enumerate(mean + scale * signs))


@pytest.mark.parametrize(
    "mean, half, word, no_effect",
    [
        (1.5, 1.4, "supported", False),
        (1.5, 1.6, "undecided", False),  # the interval reaches below 0
        (0.9, 0.5, "undecided", False),  # above 0, but the mean is too small, and the interval reaches too high
        (0.5, 0.4, "contradicted", True),  # above 0, and too small to matter
        (0.0, 0.9, "contradicted", True),
        (-2.0, 0.5, "contradicted", False),
    ],
)
def test_the_rule(mean, half, word, no_effect):
    verdict = verdicts.decide(spread(mean, half), SMALLEST)
    assert (verdict.word, verdict.no_effect) == (word, no_effect)
    assert (verdict.mean, verdict.low, verdict.high) == pytest.approx((mean, mean - half, mean + half), abs=1e-5)
    assert str(verdict).startswith(f"{word}: {mean:+.4f}")


@pytest.mark.parametrize("seeds", [range(7), [0, 2, 4, 6, 8, 10, 1, 3], []])
def test_too_few_pairs_or_unequal_folds_are_not_run(seeds):
    verdict = verdicts.decide(dict.fromkeys(seeds, 5.0), SMALLEST)
    assert verdict.word == "not run" and verdict.mean is None and not verdict.no_effect
    assert f"not run: {len(seeds)} pairs" in str(verdict)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="smallest effect of interest 0: must be above 0"):
        verdicts.decide({}, 0)
    with pytest.raises(ValueError, match="must be finite"):
        verdicts.decide({0: math.nan}, 1)


def test_the_sign_flip_test_counts_all_patterns_of_signs():
    values = np.random.default_rng(1).normal(0.7, 1, 8)
    means = [abs(np.mean(values * signs)) for signs in itertools.product((1, -1), repeat=8)]
    assert verdicts.sign_flip(values) == pytest.approx(np.mean(np.array(means) >= abs(values.mean()) - 1e-12))


def test_holm_rejects_step_by_step():
    values = [0.001, 0.04, 0.012, 0.5]
    adjusted = verdicts.holm(values)
    for level in (0.005, 0.03, 0.037, 0.05, 0.09, 0.6):
        rejected, ordered = set(), sorted(range(4), key=values.__getitem__)
        for step, index in enumerate(ordered):
            if values[index] > level / (4 - step):
                break
            rejected.add(index)
        assert {index for index, value in enumerate(adjusted) if value <= level} == rejected


def made(run, seed, value, **change):
    """A record of a run of the plan whose SEG is `value`."""
    scores = {name: [value, value] for name in ("seg", "seg_touching")}
    entries = {"thresholds": [0.2, 0.5], "all": scores}
    record = {
        "name": run,
        "seed": seed,
        "draw": records.DRAW,
        "precision": "float32",
        "plan": plan.digest(),
        "configuration": records.configuration(run),
        "ended": "steps",
        "data": {"train": [seed]},
        "chosen_on": entries,
        "held_out": entries,
    }
    return record | change


def fill(folder, gain=0.05):
    for seed in range(8):
        for arm, value in (("border", 0.8 + gain), ("balance", 0.8)):
            records.write(made(f"{TRIAL}/{arm}", seed, value + 0.001 * seed * (arm == "border")), folder)


def test_the_records_of_the_plan_are_judged(tmp_path):
    fill(tmp_path)
    found = verdicts.pairs(TRIAL, CLAIM, tmp_path)
    assert found == pytest.approx({seed: 0.05 + 0.001 * seed for seed in range(8)})
    words = {claim.words: verdict.word for name, claim, verdict in verdicts.judge(tmp_path) if name == TRIAL}
    assert words[CLAIM.words] == "supported"
    records.path_of(f"{TRIAL}/border", 3, tmp_path).unlink()
    assert len(verdicts.pairs(TRIAL, CLAIM, tmp_path)) == 7
    assert verdicts.decide(verdicts.pairs(TRIAL, CLAIM, tmp_path), 0.02).word == "not run"


def test_a_score_of_which_little_is_good_counts_the_other_way(tmp_path):
    trial, claim = "e6-tissue", plan.TRIALS["e6-tissue"].claims[0]
    assert claim.score == "rand_error"
    for arm, value in (("border", 0.1), ("none", 0.3)):
        entries = {"thresholds": [0.5], "all": {"rand_error": [value], "v_rand_thinned": [0.9]}}
        run = plan.TRIALS[trial].run(trial, arm)
        records.write(made(run, 0, 0, chosen_on=entries, held_out=entries), tmp_path)
    assert verdicts.pairs(trial, claim, tmp_path) == pytest.approx({0: 0.2})


def swap(one, other):
    kept = one.with_suffix(".kept")
    shutil.move(one, kept), shutil.move(other, one), shutil.move(kept, other)


@pytest.mark.parametrize("other", [("balance", 2), ("border", 4)])
def test_two_records_that_were_swapped_are_found_out(tmp_path, other):
    fill(tmp_path)
    swap(*(records.path_of(f"{TRIAL}/{arm}", seed, tmp_path) for arm, seed in (("border", 2), other)))
    with pytest.raises(ValueError, match="is not the record of e6-nuclei/border, seed 2"):
        verdicts.pairs(TRIAL, CLAIM, tmp_path)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"precision": "bfloat16"}, "their entries 'precision' differ"),
        ({"data": {"train": [9]}}, "their entries 'data' differ"),
        ({"draw": 1}, "their entries 'draw' differ"),
        ({"plan": "older"}, "their entries 'plan' differ"),
        ({"configuration": records.configuration(f"{TRIAL}/balance")}, "by today's recipe"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path, change, words):
    fill(tmp_path)
    records.write(made(f"{TRIAL}/border", 5, 0.9, **change), tmp_path)
    with pytest.raises(ValueError, match=words):
        verdicts.pairs(TRIAL, CLAIM, tmp_path)


def test_the_package_has_no_record_that_cannot_be_judged():
    assert {verdict.word for *_, verdict in verdicts.judge()} <= {"supported", "contradicted", "undecided", "not run"}
    assert {run for run, _ in recipes.runs_of("plan")} == set(plan.runs())


def test_the_chapter_says_of_each_claim_what_its_interval_says():
    text = "\n".join(cell.source for cell in notebooks.read(notebooks.ROOT / "book/ablations.ipynb").cells)
    said = re.findall(r"^\*\*(Supported|Contradicted|Undecided)\.\*\* (.*?)\. ", text, re.M)
    known = [(verdict.word.capitalize(), claim.words) for _, claim, verdict in verdicts.judge()]
    assert said == [entry for entry in known if entry[0] != "Not run"] and said
