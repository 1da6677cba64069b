"""Questions to an autoencoder: shapes, identities, and nets whose answers are known."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from core.data import vectors
from core.experiments.autoencoder import EXPERIMENT, AutoencoderConfig, build
from core.nn.autoencoder import Autoencoder
from core.queries import latent

CPU = torch.device("cpu")


def config_of(**changes: object) -> AutoencoderConfig:
    return AutoencoderConfig.parse({"dataset": "digits", "latent": 4, **changes})


def net_of(config: AutoencoderConfig) -> Autoencoder:
    torch.manual_seed(0)
    return build(config).eval()


def copying(config: AutoencoderConfig) -> Autoencoder:
    """A net whose code is the first numbers of its input, and which gives those back."""
    net = net_of(config)
    size, kept = net.input_size, net.latent
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        net.encoder[0].weight.copy_(torch.eye(kept, size))
        net.decoder[0].weight.copy_(torch.eye(size, kept))
    return net


def test_effective_rank_counts_equal_orthogonal_directions():
    axes = np.eye(3)
    assert latent.effective_rank(np.vstack([axes, -axes])) == pytest.approx(3.0)
    line = np.outer(np.arange(5.0), [1.0, 2.0])
    assert latent.effective_rank(line) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="rows that differ; all of them are equal"):
        latent.effective_rank(np.ones((4, 2)))


def test_a_reconstruction_is_what_the_net_makes_of_a_test_picture():
    config = config_of(latent=64)
    found = latent.reconstruct(copying(config), config, device=CPU, indices=[3, 5]).arrays
    test = vectors.load("digits").test
    assert found["inputs"].shape == found["clean"].shape == (2, 8, 8)
    assert np.array_equal(found["inputs"].reshape(2, 64), test.inputs[[3, 5]])
    assert found["clean"] == pytest.approx(found["inputs"]) and found["error"] == pytest.approx([0, 0])
    assert np.array_equal(found["seen"], found["inputs"])
    assert np.array_equal(found["labels"], test.labels[[3, 5]])


def test_the_error_is_what_the_code_leaves_out():
    config = config_of(latent=20)
    found = latent.reconstruct(copying(config), config, device=CPU, indices=[0]).arrays
    assert found["error"][0] == pytest.approx((vectors.load("digits").test.inputs[0, 20:] ** 2).sum(), rel=1e-5)


def test_what_is_seen_is_corrupted_as_in_training_and_the_same_each_time():
    masked = config_of(kind="masked", mask_probability=0.5)
    noisy = config_of(kind="denoising", noise=0.3)
    holes, again, noise = (
        latent.reconstruct(net_of(config), config, device=CPU, indices=list(range(200))).arrays
        for config in (masked, masked, noisy)
    )
    assert np.array_equal(holes["seen"], again["seen"])
    lit = holes["inputs"] > 0
    assert (holes["seen"][lit] == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (noise["seen"] - noise["inputs"]).std() == pytest.approx(0.3, rel=0.03)


def test_a_picture_of_ones_own_may_be_given_and_one_of_another_size_is_refused():
    config = config_of(latent=64)
    own = np.linspace(0, 1, 64).reshape(8, 8)
    found = latent.reconstruct(copying(config), config, device=CPU, picture=own.tolist()).arrays
    assert found["clean"][0] == pytest.approx(own, abs=1e-6) and found["labels"].tolist() == [-1]
    for wrong, got in ((np.zeros((28, 28)).tolist(), "28×28"), ([[1.0], [1.0, 2.0]], "0"), (np.full(64, np.nan), "64")):
        with pytest.raises(ValueError, match=rf"An input of this net has 8×8 finite numbers; got {got}\."):
            latent.reconstruct(copying(config), config, device=CPU, picture=wrong)


@pytest.mark.parametrize(("size", "dimensions", "direct"), [(2, 2, 1), (2, 3, 1), (3, 3, 1), (9, 2, 0), (9, 3, 0)])
def test_a_cloud_is_the_codes_or_their_first_components(size: int, dimensions: int, direct: int):
    config = config_of(latent=size, dataset="gaussian")
    net = net_of(config)
    found = latent.cloud(net, config, device=CPU, count=300, dimensions=dimensions).arrays
    with torch.inference_mode():
        codes = net.encoder(torch.from_numpy(vectors.load("gaussian").test.inputs[:300])).double().numpy()
    shown = min(size, dimensions)
    assert found["points"].shape == (300, shown) and found["direct"] == direct
    spectrum = np.linalg.eigvalsh(np.cov(codes.T, bias=True))[::-1]
    assert found["spectrum"] == pytest.approx(spectrum, rel=1e-6)
    assert found["share"] == pytest.approx(spectrum[:shown].sum() / spectrum.sum())
    assert found["effective rank"] == pytest.approx(latent.effective_rank(codes))
    if direct:
        assert found["points"] == pytest.approx(codes, abs=1e-5)
    else:
        assert found["points"].var(axis=0) == pytest.approx(spectrum[:shown], rel=1e-4)
    assert np.array_equal(found["labels"], vectors.load("gaussian").test.labels[found["indices"]])


@pytest.mark.parametrize("bad", [{"dimensions": 4}, {"count": 1}])
def test_a_cloud_of_other_dimensions_is_refused(bad: dict[str, int]):
    with pytest.raises(ValueError, match="dimensions must be 2 or 3 and count at least 2"):
        latent.cloud(net_of(config_of()), config_of(), device=CPU, **bad)


def test_sliders_begin_at_a_samples_code_within_their_range_and_decode_to_its_reconstruction():
    config = config_of(hidden="12", activation="relu")
    net = net_of(config)
    found = latent.code(net, config, device=CPU, index=350).arrays
    assert ((found["low"] <= found["code"]) & (found["code"] <= found["high"])).all()
    decoded = latent.decode(net, config, device=CPU, code=found["code"].tolist()).arrays["output"]
    expected = latent.reconstruct(net, config, device=CPU, indices=[350]).arrays["clean"][0]
    assert decoded.shape == (8, 8) and decoded == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("code", [[0.0] * 3, [0.0] * 5, [np.nan] * 4])
def test_a_code_of_another_length_is_refused(code: list[float]):
    with pytest.raises(ValueError, match="A code of this net has 4 finite numbers"):
        latent.decode(net_of(config_of()), config_of(), device=CPU, code=code)


def test_a_walk_begins_and_ends_at_the_reconstructions():
    config = config_of()
    net = net_of(config)
    found = latent.walk(net, config, device=CPU, a=2, b=7, steps=5).arrays
    ends = latent.reconstruct(net, config, device=CPU, indices=[2, 7]).arrays
    assert found["outputs"].shape == found["blend"].shape == (5, 8, 8) and found["codes"].shape == (5, 4)
    assert found["outputs"][[0, -1]] == pytest.approx(ends["clean"], abs=1e-6)
    assert found["blend"][[0, -1]] == pytest.approx(ends["inputs"], abs=1e-6)
    assert found["codes"][2] == pytest.approx(found["codes"][[0, -1]].mean(axis=0), abs=1e-5)


def test_what_is_not_there_is_refused():
    config, net = config_of(), net_of(config_of())
    for ask in (
        lambda: latent.reconstruct(net, config, device=CPU, indices=[360]),
        lambda: latent.code(net, config, device=CPU, index=-1),
        lambda: latent.walk(net, config, device=CPU, a=0, b=1000),
    ):
        with pytest.raises(ValueError, match=re.escape("Choose an index from 0 to 359.")):
            ask()
    with pytest.raises(ValueError, match=r"steps must be from 2 to 100; got 1\. Try steps=9\."):
        latent.walk(net, config, device=CPU, steps=1)
    with pytest.raises(ValueError, match=r"counts must be whole numbers from 1 up; got \[0\]"):
        latent.few_labels(net, config, device=CPU, counts=[0])


def test_few_labels_are_worth_more_where_there_are_more_of_them():
    config = config_of(latent=16)
    found = latent.few_labels(net_of(config), config, device=CPU, counts=[10, 360, 5000]).arrays
    assert found["counts"].tolist() == [10, 360, 360]  # there are no more
    assert found["pixels"][1] > found["pixels"][0] + 20
    assert found["pca"][1] > 75
    assert np.array_equal(found["trained"], found["untrained"])  # this net is the untrained one of seed 0
    assert found["pixels"][1] == found["pixels"][2]


def test_principal_axes_are_those_of_the_covariance():
    samples = np.random.default_rng(0).standard_normal((500, 6)).astype(np.float32) * np.arange(1, 7, dtype=np.float32)
    mean, axes = latent.principal_axes(samples, 2)
    assert mean == pytest.approx(samples.mean(axis=0), abs=1e-6)
    assert np.abs(axes[[5, 4], [0, 1]]) == pytest.approx([1, 1], abs=0.02)
    assert latent.principal_axes(samples, 50)[1].shape == (6, 6)


@pytest.mark.parametrize(("size", "direct"), [(4, 1), (8, 1), (20, 0)])
def test_a_code_is_moved_along_its_numbers_or_their_principal_directions(size: int, direct: int):
    config = config_of(latent=size)
    net = net_of(config)
    start = latent.directions(net, config, device=CPU, index=5).arrays
    inputs = torch.from_numpy(vectors.load("digits").test.inputs[:500])
    with torch.inference_mode():
        codes = net.encoder(inputs).double().numpy()
    assert start["direct"] == direct and start["axes"].shape == (size, min(size, 8))
    assert start["axes"].T @ start["axes"] == pytest.approx(np.eye(min(size, 8)), abs=1e-9)
    still = latent.moved(start, [0.0] * len(start["std"]))
    assert still == pytest.approx(codes[5], abs=1e-5)
    away = latent.moved(start, [0.0, 2.0] + [0.0] * (len(start["std"]) - 2)) - still
    if direct:
        assert away == pytest.approx(2 * codes[:, 1].std() * np.eye(size)[1], abs=1e-5)
    else:
        second = np.sqrt(np.linalg.eigvalsh(np.cov(codes.T, bias=True))[-2])
        assert np.linalg.norm(away) == pytest.approx(2 * second, rel=1e-4)
        assert abs(away @ start["axes"][:, 0]) < 1e-4  # across the first direction


def test_directions_of_no_number_and_of_a_sample_that_is_not_there_are_refused():
    for bad, said in (({"count": 0}, "count must be at least 1"), ({"index": -1}, "There is no test sample -1")):
        with pytest.raises(ValueError, match=said):
            latent.directions(net_of(config_of()), config_of(), device=CPU, **bad)


def test_every_query_of_the_experiment_is_here():
    assert set(EXPERIMENT.queries) == {*("reconstruct", "cloud", "code", "directions", "decode", "walk", "few_labels")}
