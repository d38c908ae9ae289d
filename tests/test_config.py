"""Tests of experiments.config: every rule and its message, and what a setting's parameters are."""

import json
import re
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction

import numpy as np
import pytest

from experiments.config import AnalysisConfig, Recipe, SettingConfig, TrainingConfig

WHOLE = "must be a whole number between"
NUMBER = "must be a number between"
LIST = "must be a list of one or more whole numbers between"

# Each field: its rule, values that break it, and another value that keeps it.
RULES = {
    (Recipe, "hidden"): (
        f"hidden {LIST} 1 and 65536",
        [(), 64, "64", (0,), (64, 1.0), (True,), (65_537,), None],
        (8,),
    ),
    (TrainingConfig, "dropout"): (
        f"dropout {NUMBER} 0 and 0.99",
        [-0.1, 1.0, "0.1", True, None, float("nan")],
        0.5,
    ),
    (TrainingConfig, "l1"): (f"l1 {NUMBER} 0 and 1000", [-1e-9, 1001, float("inf"), 1j], 0.1),
    (TrainingConfig, "l2"): (f"l2 {NUMBER} 0 and 1000", [-1e-9, 10**400, float("inf"), [0.1]], 0.1),
    (TrainingConfig, "penalty"): (
        "penalty must be one of 'none', 'l2', 'l1'",
        ["dropout", "", None],
        "l1",
    ),
    (TrainingConfig, "penalty_strength"): (f"penalty_strength {NUMBER} 0 and 1000", [-1, "1"], 0.1),
    (Recipe, "learning_rate"): (f"learning_rate {NUMBER} 1e-08 and 1", [0, 1.1, -1], 0.1),
    (Recipe, "batch_size"): (
        f"batch_size {WHOLE} 1 and 1000000",
        [0, 200.0, "200", True],
        64,
    ),
    (Recipe, "max_epochs"): (f"max_epochs {WHOLE} 0 and 10000", [-1, 10_001, 1.5], 3),
    (Recipe, "patience"): (f"patience {WHOLE} 1 and 10000", [0, 2.0], 3),
    (Recipe, "plateau_patience"): (f"plateau_patience {WHOLE} 0 and 10000", [-1, None], 5),
    (Recipe, "plateau_factor"): (f"plateau_factor {NUMBER} 1e-06 and 0.999", [0, 1], 0.5),
    (Recipe, "validation_fraction"): (
        f"validation_fraction {NUMBER} 0.001 and 0.9",
        [0, 0.95],
        0.5,
    ),
    (AnalysisConfig, "n_steps"): (f"n_steps {WHOLE} 0 and 100000000", [-1, 1e3, False], 7),
    (AnalysisConfig, "entropy"): (f"entropy {NUMBER} 1e-06 and 10", [0, 11], 0.5),
    (AnalysisConfig, "search_seed"): (f"search_seed {WHOLE} 0 and 4294967295", [-1, 2**32, 0.0], 5),
    (SettingConfig, "dataset"): (
        "dataset must be one of 'mnist', 'digits'",
        ["cifar", 1, {}],
        "digits",
    ),
    (AnalysisConfig, "null_draws"): (f"null_draws {WHOLE} 0 and 100000", [-1, 1.5, None], 7),
    (AnalysisConfig, "lesion_draws"): (f"lesion_draws {WHOLE} 0 and 100000", [-1, True, "9"], 7),
    (AnalysisConfig, "best"): ("best must be True or False", [1, "yes", None], False),
    (SettingConfig, "regularizer"): (
        "regularizer must be one of 'l2', 'l1', 'dropout', 'untrained'",
        ["L2", None],
        "l1",
    ),
    (SettingConfig, "strength"): (f"strength {NUMBER} 0 and 1000", [-1, "1"], 0.25),
    (SettingConfig, "seeds"): (
        f"seeds {LIST} 0 and 4294967295, without repeats",
        [(), (1, 1), (-1,), 3, (1.0,)],
        (1, 2),
    ),
    (SettingConfig, "device"): ("device must be one of 'cpu', 'cuda'", ["gpu", None], "cuda"),
    (SettingConfig, "recipe"): (
        "recipe must be a Recipe",
        [None, {}, AnalysisConfig()],
        Recipe(batch_size=7),
    ),
    (SettingConfig, "analysis"): (
        "analysis must be a AnalysisConfig",
        [None, {}, Recipe()],
        AnalysisConfig(search_seed=9),
    ),
}
CASES = [(*key, rule, bad) for key, (rule, values, _) in RULES.items() for bad in values]


def test_the_table_of_rules_is_complete():
    every = {
        (c, f.name) for c in (Recipe, TrainingConfig, AnalysisConfig, SettingConfig)
        for f in fields(c)
        if c is not TrainingConfig or f.name not in {item.name for item in fields(Recipe)}
    }  # fmt: skip
    assert set(RULES) == every


@pytest.mark.parametrize(("config", "name", "rule", "value"), CASES)
def test_a_value_that_breaks_its_rule_is_refused_by_name(config, name, rule, value):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{rule}. Got {value!r}.')}$"):
        config(**{name: value})


@pytest.mark.parametrize(
    ("config", "name"), RULES, ids=lambda part: getattr(part, "__name__", part)
)
def test_any_other_value_is_kept(config, name):
    other = RULES[config, name][2]
    changed = config(**{name: other})
    assert getattr(changed, name) == other
    assert changed != config()


def test_limits_themselves_are_allowed():
    TrainingConfig(dropout=0.99, l1=0, l2=1000, batch_size=1, max_epochs=0, validation_fraction=0.9)
    AnalysisConfig(n_steps=0, entropy=10, search_seed=2**32 - 1)


def test_the_defaults_are_those_of_the_released_code():
    # DESIGN, section 5: Adam 1e-3, batches of 200, 54,000/6,000, 500 epochs, 6, 3, 0.25.
    config = Recipe()
    assert (config.learning_rate, config.batch_size, config.max_epochs) == (1e-3, 200, 500)
    assert (config.patience, config.plateau_patience, config.plateau_factor) == (6, 3, 0.25)
    assert round(60_000 * config.validation_fraction) == 6_000
    assert config.hidden == (64, 64)


def test_configurations_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        TrainingConfig().l2 = 1.0


# -------------------------------------------------------------------------------------- parameters


def setting(**changes) -> SettingConfig:
    return SettingConfig.from_parameters(SettingConfig().parameters | changes)


def test_parameters_are_literals_that_give_the_same_setting():
    for one in (
        SettingConfig(),
        SettingConfig("digits", "dropout", 0.5, (3, 1), recipe=Recipe((9,))),
    ):
        given = one.parameters
        assert json.loads(json.dumps(given)) == given
        assert SettingConfig.from_parameters(given) == one
        assert SettingConfig.from_parameters(given | {"folder": "x", "_": 1}) == one


@pytest.mark.parametrize("name", SettingConfig().parameters)
def test_every_parameter_reaches_the_networks_or_their_analysis(name):
    """Nothing is part of a run's hash that the run would not read."""
    other = next(rule[2] for (_, field), rule in RULES.items() if field == name)
    changed = setting(**{name: other})
    assert changed != SettingConfig()
    assert (changed.training, changed.analysis, changed.dataset, changed.seeds, changed.device) != (
        (default := SettingConfig()).training, default.analysis, default.dataset, default.seeds,
        default.device,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TrainingConfig(dropout=0, l2=1), TrainingConfig(dropout=0.0, l2=1.0)),
        (TrainingConfig(l1=-0.0), TrainingConfig(l1=0.0)),
        (TrainingConfig(l1=np.float64(0.1)), TrainingConfig(l1=0.1)),
        (TrainingConfig(l1=Fraction(1, 4)), TrainingConfig(l1=0.25)),
        (TrainingConfig(hidden=[8, 8]), TrainingConfig(hidden=(8, 8))),
        (TrainingConfig(batch_size=np.int64(64)), TrainingConfig(batch_size=64)),
        (SettingConfig(seeds=[0, 1]), SettingConfig(seeds=(0, np.int32(1)))),
    ],
)
def test_equal_values_have_equal_texts(one, other):
    assert one == other
    assert repr(one) == repr(other)


# ----------------------------------------------------------------------------------------- Table 1


@pytest.mark.parametrize(
    ("regularizer", "strength", "expected"),
    [
        ("l2", 1e-2, {"l2": 1e-2, "l1": 0.0, "dropout": 0.0}),
        ("l1", 1e-3, {"l2": 1e-5, "l1": 1e-3, "dropout": 0.0}),
        ("dropout", 0.35, {"l2": 1e-5, "l1": 0.0, "dropout": 0.35}),
    ],
)
def test_table_1_maps_a_strength_to_the_recipe(regularizer, strength, expected):
    recipe = Recipe(hidden=(9,), max_epochs=11)
    setting = SettingConfig(regularizer=regularizer, strength=strength, recipe=recipe)
    assert setting.training == TrainingConfig(hidden=(9,), max_epochs=11, **expected)


def test_untrained_networks_are_the_recipe_without_epochs():
    setting = SettingConfig(regularizer="untrained", recipe=Recipe(hidden=(9,)))
    assert setting.training == TrainingConfig(hidden=(9,), max_epochs=0)


def test_a_strength_that_its_regularizer_refuses_is_refused_at_once():
    complaint = r"^strength of dropout must be a number between 0 and 0.99. Got 1.5"
    with pytest.raises(ValueError, match=complaint):
        SettingConfig(regularizer="dropout", strength=1.5)
