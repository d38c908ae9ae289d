"""Tests of the frames and the examples: what is read is what the sweep has left."""

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from small import seal

from experiments.data import load
from experiments.engine import tables
from experiments.paper import TABLES
from experiments.report.examples import read_examples
from experiments.report.frames import by_setting, comparable, kept, mean_agreement, read_results
from modlib.similarity.compute import pairwise_similarity
from modlib.similarity.measures import METHODS


def test_every_table_knows_the_networks_of_its_rows(small_results):
    read = read_results(small_results)
    assert len(read.networks) == 7 * 3
    for name, n_rows in {"layers": 2, "modules": 2 * 2 * 8, "agreement": 2 * 2 * 28}.items():
        frame = getattr(read, name)
        assert len(frame) == 21 * n_rows
        plain = tables.read(TABLES[name], small_results / f"{name}.parquet").to_pandas()
        assert_frame_equal(frame[plain.columns], plain)
        names = frame["regularizer"] + "-" + frame["strength"].map("{:g}".format)
        assert (names + "-" + frame["seed"].astype(str) == frame["network"]).all()
    assert set(read.manifest["files"]) >= {"networks.parquet", "examples.safetensors"}


def test_a_folder_without_a_sweep_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"lacks manifest.json, networks.parquet.*experiments run"
    ):
        read_results(tmp_path)


def test_networks_that_learnt_too_little_are_left_out():
    frame = pd.DataFrame({"kept": [True, False, True], "q": [1, 2, 3]})
    assert kept(frame)["q"].tolist() == [1, 3]


def test_mean_and_error_are_over_networks_not_over_rows():
    # Network means: seed 0 has (1 + 3) / 2 = 2, seed 1 has 4. Mean 3, deviation sqrt(2), error 1.
    frame = pd.DataFrame({
        "regularizer": "l1", "strength": 0.1, "seed": [0, 0, 1, 1], "layer": [1, 2, 1, 2],
        "q": [1.0, 3.0, 4.0, 4.0],
    })  # fmt: skip
    (row,) = by_setting(frame, "q").to_dict("records")
    assert row == pytest.approx(
        {"regularizer": "l1", "strength": 0.1, "mean": 3.0, "error": 1.0, "n": 2}
    )
    assert by_setting(frame, "q", ["layer"])["mean"].tolist() == [2.5, 3.5]


def test_the_matrix_of_agreement_is_the_mean_of_the_table(small_results):
    read = read_results(small_results)
    inside = read.agreement[read.agreement["convention"] == "printed"]
    modules = read.modules[read.modules["convention"] == "printed"]
    matrix = mean_agreement(inside, modules)
    assert (matrix == matrix.T).all()
    a, b = METHODS[1], METHODS[6]
    rows = [
        row["element"] for row in inside.to_dict("records")
        if (row["measure_a"], row["normalized_a"], row["measure_b"], row["normalized_b"]) == a + b
    ]  # fmt: skip
    assert len(rows) == 21 * 2
    assert matrix[1, 6] == pytest.approx(sum(rows) / len(rows))
    again = modules[(modules["measure"] == a[0]) & (modules["normalized"] == a[1])]
    assert matrix[1, 1] == pytest.approx(again["retest"].mean())
    assert np.isnan(np.diagonal(mean_agreement(inside))).all()


def test_an_example_gives_the_similarities_that_were_stored_with_it(small_results):
    examples, data = read_examples(small_results), load("digits")
    assert len(examples.networks) == 7
    model = examples.model("dropout-0.4-0")
    assert model.widths == (64, 16, 12, 10)
    for convention in ("printed", "released"):
        stored = examples.similarity("dropout-0.4-0", 2, "loss_hessian", convention=convention)
        measured = pairwise_similarity(
            model, data.test_inputs, data.test_targets, 2, "loss_hessian", convention
        )
        np.testing.assert_allclose(stored, measured, rtol=1e-5)
    normalized = examples.similarity("dropout-0.4-0", 2, "loss_hessian", normalized=True)
    assert normalized.max() <= 1
    assert torch.is_tensor(examples.weights("dropout-0.4-0")["layers.0.bias"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dropout-0.9-0", 1, "covariance"), r"network must be one of dropout-0.1-0.*0.9-0"),
        (("dropout-0.4-0", 3, "covariance"), r"must name a stored matrix. Got 3, 'covariance'"),
    ],
)
def test_what_is_not_stored_is_refused(small_results, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_examples(small_results).similarity(*arguments)


def test_missing_and_damaged_examples_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"examples.safetensors must hold example networks"):
        read_examples(tmp_path)
    (tmp_path / "examples.safetensors").write_bytes(b"0123456789")
    (tmp_path / "manifest.json").write_text("{}")
    seal(tmp_path)
    with pytest.raises(ValueError, match=r"examples.safetensors must be a safetensors file"):
        read_examples(tmp_path)


def test_settings_that_lost_half_their_networks_are_not_comparable():
    # Of setting 1 two networks of three are kept, of setting 2 one of two, of setting 3 none.
    frame = pd.DataFrame(
        {
            "regularizer": "l2",
            "strength": [1, 1, 1, 2, 2, 3],
            "kept": [True, False, True, True, False, False],
        }
    )
    assert comparable(frame).index.tolist() == [0, 2]
