"""Related work: clusters from weights against clusters from function, on small examples."""

import papermill
import pytest
from chapters import glued, n_figures, run, texts

NETWORK = "dropout-0.4-0"


def test_related_work_runs_on_other_results_parts_and_convention(tmp_path, small_results):
    notebook = run(
        "02-related-work", tmp_path, results=str(small_results), convention="released",
        network=NETWORK, layer=2, n_parts=3, n_shuffles=2,
    )  # fmt: skip
    numbers = glued(notebook)
    assert numbers["n-networks"] == 6  # one of each trained setting; the untrained is not counted
    assert 0 <= numbers["n-below-shuffled"] <= 6
    assert 0 < numbers["ncut-dropout-strongest"] < 3  # all that three parts hold
    agreements = [value for name, value in numbers.items() if name.startswith("agreement-")]
    assert len(agreements) == 16
    assert all(-1 < value <= 1 for value in agreements)
    preference = numbers["agreement-incoming-upstream"] - numbers["agreement-incoming-downstream"]
    assert numbers["prefer-incoming"] == pytest.approx(preference)
    # In the last hidden layer, outgoing weights are what output sensitivity compares.
    assert numbers["agreement-outgoing-downstream"] > numbers["agreement-outgoing-upstream"]
    assert 0 < numbers["alignment-single"] < numbers["alignment-half"] < 1
    assert n_figures(notebook) == 5
    assert texts(notebook).count("Drawn from") == 1


def test_related_work_refuses_a_network_that_is_no_example(tmp_path, small_results):
    with pytest.raises(papermill.PapermillExecutionError, match="network must be one of"):
        run("02-related-work", tmp_path, results=str(small_results), network="nobody")
