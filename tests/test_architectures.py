"""Tests of networks of other kinds: what they compute, what dropout silences, where units are."""

import math
from contextlib import contextmanager
from functools import cache

import pytest
import torch
from torch import nn

from experiments.architectures import ARCHITECTURES, PARTS, architecture, build
from modlib.similarity.compute import similarity_matrices

IMAGE, SIGNAL = (8, 8), (40,)
INPUTS = torch.rand(6, 64, generator=torch.Generator().manual_seed(0))
SIGNALS = torch.randn(6, 40, generator=torch.Generator().manual_seed(1))


@cache
def made(name, shape=IMAGE, dropout=0.0):
    return build(name, shape, 10, dropout=dropout).eval().requires_grad_(False)


@contextmanager
def inputs_of(module):
    """What goes into a module while a model runs, call by call."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, given: seen.append(given))
    try:
        yield seen
    finally:
        hook.remove()


# ---------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_gives_logits_of_images_and_of_signals(name):
    assert made(name)(INPUTS).shape == (6, 10)
    assert made(name, SIGNAL)(SIGNALS).shape == (6, 10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_samples_are_treated_one_by_one(name):
    model = made(name)
    alone = torch.cat([model(one[None]) for one in INPUTS])
    assert torch.allclose(model(INPUTS), alone, atol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_initial_weights_depend_on_the_seed_alone(name):
    def weights(seed):
        found = [weight.flatten() for weight in build(name, IMAGE, 10, seed=seed).parameters()]
        return torch.cat(found)

    torch.manual_seed(5)
    before, one = torch.random.get_rng_state(), weights(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(weights(1), one)
    assert not torch.equal(weights(2), one)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_place_is_found_and_has_as_many_units_as_it_says(name):
    kind = architecture(name)
    layers = [place.layer for place in kind.places]
    for layer, expected in zip(layers, kind.n_units, strict=True):
        found = similarity_matrices(
            made(name), INPUTS, layers=[layer], measures=["covariance"], conventions=["released"]
        )
        (matrix,) = found.values()
        assert len(matrix) == expected


def test_places_are_numbered_part_by_part():
    for kind in ARCHITECTURES.values():
        for part in kind.parts:
            numbers = [place.number for place in kind.places if place.part == part]
            assert numbers == list(range(1, len(numbers) + 1))
        assert set(kind.parts) <= set(PARTS)


def test_widths_from_16_to_256_and_depths_from_1_to_4_are_there():
    assert {width for kind in ARCHITECTURES.values() for width in kind.n_units} >= {16, 64, 256}
    depths = [len(kind.places) for name, kind in ARCHITECTURES.items() if name.startswith("mlp-")]
    assert set(depths) >= {1, 2, 4}


# ------------------------------------------------------------------------------ what they compute


def test_a_residual_network_adds_to_its_stream():
    model = made("residual")
    expected = model.embed(INPUTS)
    for block in model.blocks:
        expected = expected + block.out(torch.relu(block.into(expected)))
    assert torch.allclose(model(INPUTS), model.readout(expected), atol=1e-6)


def test_the_recurrent_network_is_a_gru_that_reads_row_by_row():
    model = made("recurrent")
    twin = nn.GRU(8, 64, batch_first=True)
    twin.load_state_dict({f"{name}_l0": weight for name, weight in model.cell.state_dict().items()})
    states, _ = twin(INPUTS.unflatten(1, (8, 8)))
    assert torch.allclose(model(INPUTS), model.readout(states[:, -1]), atol=1e-6)


def test_a_signal_is_read_by_fives():
    model = made("recurrent", SIGNAL)
    with inputs_of(model.cell) as seen:
        model(SIGNALS)
    rows = torch.stack([row for row, *_ in seen], dim=1)
    assert torch.equal(rows, SIGNALS.reshape(6, 8, 5))


def test_a_block_of_the_transformer_is_that_of_pytorch():
    block = made("transformer").blocks[0]
    twin = nn.TransformerEncoderLayer(
        32, 2, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    parts = {
        twin.self_attn.out_proj: block.mixed, twin.linear1: block.into, twin.linear2: block.out,
        twin.norm1: block.norms[0], twin.norm2: block.norms[1],
    }  # fmt: skip
    for theirs, ours in parts.items():
        theirs.load_state_dict(ours.state_dict())
    with torch.no_grad():
        twin.self_attn.in_proj_weight.copy_(block.queries.weight)
        twin.self_attn.in_proj_bias.copy_(block.queries.bias)
    stream = torch.randn(3, 16, 32, generator=torch.Generator().manual_seed(2))
    expected = twin(stream)  # in training mode, where it takes no short cut; there is no dropout
    assert torch.allclose(block(stream), expected, atol=1e-5)


def test_tokens_are_patches_of_an_image_and_pieces_of_a_signal():
    image = torch.arange(64.0)[None]
    tokens = made("transformer").tokens(image)
    assert tokens.shape == (1, 16, 4)
    assert tokens[0, 0].tolist() == [0, 1, 8, 9]
    assert tokens[0, 5].tolist() == [18, 19, 26, 27]
    pieces = made("transformer", SIGNAL).tokens(torch.arange(40.0)[None])
    assert pieces[0].tolist() == torch.arange(40.0).reshape(8, 5).tolist()
    assert build("transformer", (28, 28), 10).tokens(torch.zeros(1, 784)).shape == (1, 16, 49)


def test_a_channel_of_the_convolutional_network_sees_a_quarter_of_the_positions_of_the_last():
    layers = made("convolutional").layers
    image = INPUTS.reshape(6, 1, 8, 8)
    assert layers[:2](image).shape == (6, 16, 4, 4)
    assert layers(image).shape == (6, 32, 2, 2)


# -------------------------------------------------------------------------------------- dropout


def silenced(name, module_of, shape=IMAGE):
    """Values ``[calls, ...]`` that go into what reads the hidden units, in training mode."""
    torch.manual_seed(0)
    model = build(name, shape, 10, dropout=0.5).train().requires_grad_(False)
    with inputs_of(module_of(model)) as seen:
        model(INPUTS if shape == IMAGE else SIGNALS)
    return [given[-1] for given in seen]


@pytest.mark.parametrize("shape", [IMAGE, SIGNAL])
def test_dropout_silences_a_channel_at_all_positions_or_at_none(shape):
    (values,) = silenced("convolutional", lambda model: model.layers[3], shape)
    (dense,) = silenced("convolutional", lambda model: model.layers[2], shape)
    live = dense.flatten(2).any(dim=2)
    kept = (values.flatten(2) == 2 * dense.flatten(2)).all(dim=2)
    gone = (values.flatten(2) == 0).all(dim=2)
    assert (kept | gone).all()
    assert kept[live].any()
    assert gone[live].any()


def test_dropout_silences_a_state_at_all_steps_or_at_none():
    states = states_of(build("recurrent", IMAGE, 10, dropout=0.5).train())[1:]
    gone = (states == 0).all(dim=0)
    assert (gone | (states != 0).all(dim=0)).all()
    assert 0.3 < gone.double().mean() < 0.7


def test_what_dropout_keeps_of_a_state_does_not_grow_from_step_to_step():
    model = build("recurrent", IMAGE, 10, dropout=0.5).train()
    for weight in model.cell.parameters():
        nn.init.zeros_(weight)
    _, stay, new = model.cell.bias_ih.data.chunk(3)
    stay.fill_(math.log(3))  # three quarters of a state stay
    new.fill_(20.0)  # and what is new is 1
    states = states_of(model)
    kept = (states != 0).any(dim=0)
    expected = 2 * (1 - 0.75 ** torch.arange(8.0))  # of steps done
    assert kept.any()
    assert torch.allclose(states[:, kept], expected[:, None].expand(-1, int(kept.sum())))


def states_of(model: nn.Module) -> torch.Tensor:
    """States ``[steps, samples, units]`` before each row."""
    with inputs_of(model.cell) as seen, torch.no_grad():
        model(INPUTS)
    return torch.stack([state for _, state, _ in seen])


def test_dropout_silences_a_feature_in_all_tokens_or_in_none():
    (values,) = silenced("transformer", lambda model: model.blocks[0].out)
    gone = (values == 0).all(dim=1)
    assert (gone | (values != 0).all(dim=1)).all()
    assert 0.3 < gone.double().mean() < 0.7


def test_dropout_spares_the_stream():
    (stream,) = silenced("residual", lambda model: model.blocks[1])
    assert (stream != 0).all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_at_rest_nothing_is_silenced(name):
    assert torch.equal(made(name, dropout=0.5)(INPUTS), made(name)(INPUTS))


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet", IMAGE, 10), "architecture must be one of 'mlp-16-16'"),
        (("gelu", (3, 3), 10), r"shape must be one or two whole numbers from 4.* Got \(3, 3\)"),
        (("gelu", (4, 4, 4), 10), "shape must be one or two whole numbers"),
        (("gelu", 28, 10), "shape must be one or two whole numbers .* Got 28"),
        (("recurrent", (41,), 10), r"shape must be .* a multiple of 5\. Got \(41,\)"),
        (("gelu", IMAGE, 1), "n_classes must be a whole number of at least 2"),
    ],
)
def test_what_makes_no_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"dropout": 1.0}, r"dropout must be a probability in \[0, 1\)"), ({"seed": -1}, "seed must")],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build("gelu", IMAGE, 10, **options)
