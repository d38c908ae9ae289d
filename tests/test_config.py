"""Tests of experiments.config: every rule and its message, and what the hash depends on."""

import os
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction
from hashlib import sha256

import numpy as np
import pytest

from experiments.config import AnalysisConfig, SettingConfig, TrainingConfig

WHOLE = "must be a whole number between"
NUMBER = "must be a number between"
LIST = "must be a list of one or more whole numbers between"

# Each field: its rule, values that break it, and another value that keeps it.
RULES = {
    (TrainingConfig, "hidden"): (
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
    (TrainingConfig, "learning_rate"): (f"learning_rate {NUMBER} 1e-08 and 1", [0, 1.1, -1], 0.1),
    (TrainingConfig, "batch_size"): (
        f"batch_size {WHOLE} 1 and 1000000",
        [0, 200.0, "200", True],
        64,
    ),
    (TrainingConfig, "max_epochs"): (f"max_epochs {WHOLE} 0 and 10000", [-1, 10_001, 1.5], 3),
    (TrainingConfig, "patience"): (f"patience {WHOLE} 1 and 10000", [0, 2.0], 3),
    (TrainingConfig, "plateau_patience"): (f"plateau_patience {WHOLE} 0 and 10000", [-1, None], 5),
    (TrainingConfig, "plateau_factor"): (f"plateau_factor {NUMBER} 1e-06 and 0.999", [0, 1], 0.5),
    (TrainingConfig, "validation_fraction"): (
        f"validation_fraction {NUMBER} 0.001 and 0.9",
        [0, 0.95],
        0.5,
    ),
    (AnalysisConfig, "convention"): (
        "convention must be one of 'printed', 'released'",
        ["both", None, [], np.array(["a", "b"])],
        "released",
    ),
    (AnalysisConfig, "n_steps"): (f"n_steps {WHOLE} 0 and 100000000", [-1, 1e3, False], 7),
    (AnalysisConfig, "entropy"): (f"entropy {NUMBER} 1e-06 and 10", [0, 11], 0.5),
    (AnalysisConfig, "seed"): (f"seed {WHOLE} 0 and 4294967295", [-1, 2**32, 0.0], 5),
    (SettingConfig, "dataset"): (
        "dataset must be one of 'mnist', 'digits'",
        ["cifar", 1, {}],
        "digits",
    ),
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
        "recipe must be a TrainingConfig",
        [None, {}, AnalysisConfig()],
        TrainingConfig(l1=0.5),
    ),
    (SettingConfig, "analysis"): (
        "analysis must be a AnalysisConfig",
        [None, {}, TrainingConfig()],
        AnalysisConfig(seed=9),
    ),
}
CASES = [(*key, rule, bad) for key, (rule, values, _) in RULES.items() for bad in values]


def test_the_table_of_rules_is_complete():
    every = {
        (c, f.name) for c in (TrainingConfig, AnalysisConfig, SettingConfig) for f in fields(c)
    }
    assert set(RULES) == every


@pytest.mark.parametrize(("config", "name", "rule", "value"), CASES)
def test_a_value_that_breaks_its_rule_is_refused_by_name(config, name, rule, value):
    with pytest.raises(ValueError, match=f"^{re.escape(f'{rule}. Got {value!r}.')}$"):
        config(**{name: value})


@pytest.mark.parametrize(
    ("config", "name"), RULES, ids=lambda part: getattr(part, "__name__", part)
)
def test_any_other_value_changes_the_hash_and_is_kept(config, name):
    other = RULES[config, name][2]
    changed = config(**{name: other})
    assert getattr(changed, name) == other
    assert changed.hash != config().hash
    assert changed != config()


def test_limits_themselves_are_allowed():
    TrainingConfig(dropout=0.99, l1=0, l2=1000, batch_size=1, max_epochs=0, validation_fraction=0.9)
    AnalysisConfig(n_steps=0, entropy=10, seed=2**32 - 1)


def test_the_defaults_are_those_of_the_released_code():
    # DESIGN, section 5: Adam 1e-3, batches of 200, 54,000/6,000, 500 epochs, 6, 3, 0.25.
    config = TrainingConfig()
    assert (config.learning_rate, config.batch_size, config.max_epochs) == (1e-3, 200, 500)
    assert (config.patience, config.plateau_patience, config.plateau_factor) == (6, 3, 0.25)
    assert round(60_000 * config.validation_fraction) == 6_000
    assert config.hidden == (64, 64)


def test_configurations_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        TrainingConfig().l2 = 1.0


# -------------------------------------------------------------------------------------------- hash


def test_the_hash_is_the_sha256_of_the_values_as_sorted_json():
    text = '{"convention":"printed","best":true,"entropy":0.15,"n_steps":5000,"seed":0}'
    assert AnalysisConfig().hash == sha256(text.encode()).hexdigest()[:12]
    training = (
        '{"batch_size":200,"dropout":0.0,"hidden":[64,64],"l1":0.0,"l2":1e-05,'
        '"learning_rate":0.001,"max_epochs":500,"patience":6,"penalty":"none",'
        '"penalty_strength":0.0,"plateau_factor":0.25,"plateau_patience":3,'
        '"validation_fraction":0.1}'
    )
    assert TrainingConfig().hash == sha256(training.encode()).hexdigest()[:12]
    setting = (
        f'{{"analysis":{text},"dataset":"mnist","device":"cpu","recipe":{training},"regularizer":"l2",'
        '"seeds":[0],"strength":1e-05}'
    )
    assert SettingConfig().hash == sha256(setting.encode()).hexdigest()[:12]


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
def test_equal_values_have_equal_hashes(one, other):
    assert one == other
    assert one.hash == other.hash


def test_the_hash_is_the_same_in_another_process():
    code = "from experiments.config import SettingConfig; print(SettingConfig(seeds=(3, 1)).hash)"
    for hash_seed in ("1", "2"):
        output = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert output.strip() == SettingConfig(seeds=(3, 1)).hash


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
    # What the recipe says of the three is replaced; the rest of it is kept.
    recipe = TrainingConfig(hidden=(9,), l1=0.7, l2=0.7, dropout=0.7, max_epochs=11)
    setting = SettingConfig(regularizer=regularizer, strength=strength, recipe=recipe)
    assert setting.training == replace(recipe, **expected)


def test_untrained_networks_are_the_recipe_without_epochs():
    recipe = TrainingConfig(hidden=(9,))
    setting = SettingConfig(regularizer="untrained", recipe=recipe)
    assert setting.training == replace(recipe, max_epochs=0)


def test_a_strength_that_its_regularizer_refuses_is_refused_at_once():
    with pytest.raises(ValueError, match=r"dropout must be a number between 0 and 0.99. Got 1.5"):
        SettingConfig(regularizer="dropout", strength=1.5)
