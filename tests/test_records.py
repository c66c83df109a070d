"""Laws of the records, of those that come with the package and of their helpers. Nothing here needs TensorFlow."""

import json
import math
import re

import pytest

from tools import evidence
from unet_tutorial import datasets, metrics
from unet_tutorial.datasets import _loaders
from unet_tutorial.experiments import recipes, records

LARGEST = 40_000  # bytes of one record


def made_record(chosen, held_out, seed=0, run="skips/without"):
    levels = [0.2, 0.5, 0.8]
    return {
        "name": run,
        "seed": seed,
        "configuration": {},
        "ended": "steps",
        "chosen_on": {"thresholds": levels, "all": chosen},
        "held_out": {"thresholds": levels, "all": held_out},
    }


GUIDING = {"v_rand_thinned": [0.1, 0.9, 0.9], "pixel_error": [0.0, 0.1, 0.8]}


@pytest.mark.parametrize(
    "score, chosen, best",
    [("v_rand_thinned", 0.7, 0.9), ("v_rand", 0.2, 0.3), ("pixel_error", 0.4, 0.1), ("warping_error", 0.02, 0.03)],
)
def test_one_threshold_is_chosen_for_all_scores_and_each_has_its_best(score, chosen, best):
    record = made_record(
        GUIDING,
        {
            "v_rand_thinned": [0.9, 0.7, 0.5],
            "v_rand": [0.1, 0.2, 0.3],
            "pixel_error": [0.6, 0.4, 0.1],
            "warping_error": [0.03, 0.02, 0.0],
        },
    )
    assert records.score(record, score) == records.score(record, score, "chosen") == chosen
    assert records.score(record, score, "best") == best


def test_the_threshold_for_cells_is_chosen_by_seg():
    record = made_record(
        {"seg": [0.5, 0.6, 0.1], "merged_cells": [9, 8, 0]},
        {"seg": [0.5, 0.4, 0.1], "merged_cells": [9, 8, 0], "iou": [0.1, 0.2, 0.3]},
    )
    assert [records.score(record, score) for score in ("seg", "merged_cells", "iou")] == [0.4, 8, 0.2]
    assert [records.score(record, score, "best") for score in ("seg", "merged_cells", "iou")] == [0.5, 9, 0.3]


def test_scores_of_an_experiment_are_those_of_its_runs_and_seeds(tmp_path):
    for run, seed in recipes.runs_of("skips"):
        value = (10 * seed + (run == "baseline")) / 100
        records.write(made_record(GUIDING, {"v_rand": [1, value, 0]}, seed, run), tmp_path)
    assert records.scores("skips", "v_rand", folder=tmp_path) == {
        "with skips": [0.01, 0.11, 0.21],
        "without": [0.0, 0.1, 0.2],
    }
    assert records.scores("skips", "v_rand", "best", tmp_path)["without"] == [1, 1, 1]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="experiments run paper --seed 3"):
        records.read("paper", 3, tmp_path)
    with pytest.raises(ValueError, match="experiment 'skip': is not known; choose one of paper"):
        records.scores("skip", "v_rand")
    with pytest.raises(ValueError, match="threshold 0.5: must be 'chosen' or 'best'"):
        records.score({}, "v_rand", 0.5)
    for way in ("chosen", "best"):
        with pytest.raises(ValueError, match="score 'rand': is not in the record; it holds v_rand"):
            records.score(made_record(GUIDING, {"v_rand": [1, 1, 1]}), "rand", way)
    for text in ("{", "[]", "{}", '{"name": "paper"}'):
        path = records.path_of("paper", 4, tmp_path)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        with pytest.raises(ValueError, match="is damaged"):
            records.read("paper", 4, tmp_path)
    with pytest.raises(ValueError, match="'papers': is not known"):
        recipes.runs_of("papers")


def test_names_stand_for_their_runs_once_each():
    every = [*recipes.runs_of("all"), *recipes.runs_of("plan")]
    assert len(every) == len(set(every)) and {run for run, _ in every} == set(recipes.RUNS)
    assert recipes.runs_of("skips") == [(run, seed) for run in ("baseline", "skips/without") for seed in (0, 1, 2)]
    assert recipes.runs_of("few-images/1") == [("few-images/1", seed) for seed in (0, 1, 2)]


def test_the_arms_of_an_experiment_differ_in_what_it_asks_about():
    about = {
        "skips": {"skips"},
        "initialization": {"initializer", "deviation"},
        "dropout": {"drop_out"},
        "augmentation": {"augment"},
        "few-images": {"slices", "augment"},
        "weight-map": {"w0"},
        "momentum": {"momentum", "learning_rate"},
        "blog": {"padding", "output", "tile", "drop_out", "weights", "augment"},
    }
    for name, fields in about.items():
        recipes_of_arms = [vars(recipes.RUNS[run]) for run in recipes.EXPERIMENTS[name].arms.values()]
        differing = {
            field
            for field in recipes_of_arms[0]
            if any(recipe[field] != recipes_of_arms[0][field] for recipe in recipes_of_arms)
        }
        assert differing == fields, name


def test_the_paper_s_recipe_is_the_paper_s():
    paper = recipes.RUNS["paper"]
    assert (paper.filters, paper.depth, paper.padding, paper.tile, paper.batch_size) == (64, 4, "valid", 572, 1)
    assert (paper.optimizer, paper.momentum, paper.decay, paper.initializer) == ("sgd", 0.99, "plateau", "he")
    assert (paper.weights, paper.w0, paper.sigma, paper.augment) == ("border", 10, 5, {})
    assert paper.drop_out > 0 and paper.rotations == 7 and paper.patience and paper.validation


def test_the_records_of_the_package_are_complete_and_fit_the_recipes():
    assert records.faults() == []


@pytest.mark.parametrize("run, seed", recipes.runs_of("all"))
def test_a_record_of_the_package_holds_what_it_must(run, seed):
    path = records.path_of(run, seed)
    assert path.stat().st_size < LARGEST
    record = records.read(run, seed)
    recipe = recipes.RUNS[run]
    assert record["ended"] in ("steps", "plateau", "budget") and 0 < record["steps"] <= recipe.steps
    assert (record["ended"] == "steps") == (record["steps"] == recipe.steps)
    assert len(record["first_losses"]) == 20
    assert len(record["curve"]["loss"]) == math.ceil(record["steps"] / record["curve"]["every"])
    data = record["data"]
    assert not {*data["train"], *data["validation"], *data["chosen_on"]} & set(data["held_out"])
    assert len(data["train"]) + len(data["validation"]) == recipe.slices and data["validation"] == [*recipe.validation]
    assert set(data["chosen_on"]) <= {*data["train"], *data["validation"]}
    if recipe.data == "isbi2012":
        assert data["held_out"] == [*datasets.HELD_OUT_SLICES]
        assert data["sha256"]["images"] == _loaders.ISBI_SUMS["train-volume.tif"]
    assert list(record["held_out"]["slices"]) == [str(number) for number in data["held_out"]]
    assert record["held_out"]["thresholds"] == list(metrics.LEVELS)
    for scores in (*record["held_out"]["slices"].values(), record["held_out"]["all"], record["chosen_on"]["all"]):
        assert all(len(values) == 10 and all(map(math.isfinite, values)) for values in scores.values())
    wanted = {
        "isbi2012": {
            "pixel_error",
            "rand_error",
            "warping_error",
            "v_rand",
            "v_info",
            "v_rand_thinned",
            "v_info_thinned",
        },
        "phase_contrast": {"seg", "iou", "merged_cells"},
    }
    assert wanted[recipe.data] <= set(record["held_out"]["all"])
    assert record["seconds"]["training"] > 0 and record["processor"]["cores"] > 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", record["versions"]["tensorflow"])
    assert not re.search(r"/(work|home|root|tmp)/", path.read_text())


def test_a_dumped_record_reads_back_the_same():
    value = {"a": {"b": {"c": {"d": {"e": [1, 2.5]}}}}, "f": [], "g": {}, "h": None, "i": "ü\n"}
    assert json.loads(records._dump(value, 0)) == value


def test_the_page_shows_every_experiment_and_links_every_record():
    page = evidence.page()
    for name, experiment in recipes.EXPERIMENTS.items():
        assert f"## {name}\n\n{experiment.question}" in page
    assert {link for link in re.findall(r"\(records/(.+?)\.json\)", page)} == {
        f"{run}/{seed}" for run, seed in recipes.runs_of("all")
    }


def test_the_page_says_what_sets_a_run_apart():
    assert evidence.differences("baseline") == "-"
    assert evidence.differences("skips/without") == "skips off"
    assert evidence.differences("few-images/2-rigid") == "slices 2, augment elastic off"
    assert evidence.differences("augmentation/none") == "augment none"
    assert evidence.differences("initialization/small") == "initializer normal, deviation 0.01"
    assert evidence.differences("momentum/high") == "optimizer sgd, learning_rate 0.003, momentum 0.99"


def test_the_history_of_the_runs_names_every_experiment():
    history = (records.FOLDER.parents[2] / "book/history.md").read_text(encoding="utf-8")
    assert [name for name in recipes.EXPERIMENTS if f"`{name}`" not in history] == []


def test_the_home_is_found_and_an_unknown_run_is_named(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    record = {"name": "tiny", "seed": 0, "configuration": {}, "ended": "steps", "held_out": {}}
    assert records.write(record, "~/mine") == tmp_path / "mine/tiny/0.json"
    assert records.read("tiny", 0, "~/mine") == record
    with pytest.raises(ValueError, match="run 'nope': is not known; choose one of paper, small"):
        records.configuration("nope")
