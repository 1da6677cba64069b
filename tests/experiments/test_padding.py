"""The padding experiment: its loop, its figures, its queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.contract import Explained
from core.data import red_green
from core.events import Checkpoint, Event, Metrics
from core.experiments import padding
from core.experiments.padding import EXPERIMENT, PaddingConfig
from core.nn.padded import CONV_TYPES, RedGreenNet
from core.training import BestWeights, GradientWatch, load_weights, train_step

CPU = torch.device("cpu")
# Three epochs of the cheapest net, seed 0. A change here means that EXPERIMENT.version must be raised. Processors
# differ in rounding, hence the tolerance below.
GOLDEN = {
    "version": 1,
    "validation loss": 0.0493,
    "training loss": 0.0650,
}


@pytest.fixture(autouse=True)
def small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the images: these tests are about the loop, not about accuracy."""
    monkeypatch.setattr(red_green, "splits", small_splits)


@cache
def small_splits(draws: red_green.Draws = "published") -> dict[str, red_green.Split]:
    return {name: red_green.Split(split.images[:200], split.labels[:200]) for name, split in FULL_SPLITS(draws).items()}


FULL_SPLITS = red_green.splits


def events(config: PaddingConfig, seeds: tuple[int, ...] = (0,)) -> list[Event]:
    return list(padding.run(config, seeds, CPU))


def metrics(config: PaddingConfig, seeds: tuple[int, ...] = (0,)) -> list[Metrics]:
    return [event for event in events(config, seeds) if isinstance(event, Metrics)]


def small(**changes: object) -> PaddingConfig:
    return PaddingConfig.parse({"conv": "valid", "epochs": 1, "batch_size": 100, **changes})


def final_weights(config: PaddingConfig) -> dict[str, np.ndarray]:
    checkpoint = [event for event in events(config) if isinstance(event, Checkpoint)][-1]
    return dict(checkpoint.weights[0])


def test_golden_run_has_the_numbers_of_its_version():
    last = next(event for event in metrics(small(epochs=3, batch_size=20)) if event.step == 3)
    measured = {name: float(last.values[name][0]) for name in ("validation loss", "training loss")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=0.05), (
        "The padding experiment's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_a_run_repeats_bit_for_bit():
    first, second = final_weights(small()), final_weights(small())
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_seed_does_not_depend_on_the_seeds_beside_it():
    together = metrics(small(), seeds=(3, 5))[-1].values["test accuracy"]
    alone = [metrics(small(), seeds=(seed,))[-1].values["test accuracy"][0] for seed in (3, 5)]
    assert together.tolist() == alone


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("conv", "sconv"),
        ("head", "flatten"),
        ("optimiser", "sgd"),
        ("learning_rate", 0.5),
        ("weight_decay", 0.01),
        ("batch_size", 50),
        ("epochs", 2),
    ],
)
def test_every_retraining_field_changes_the_trained_weights(field: str, value: object):
    before, after = final_weights(small()), final_weights(small(**{field: value}))
    assert before.keys() != after.keys() or any(not np.array_equal(before[name], after[name]) for name in before)


def test_the_draws_change_what_is_measured():
    published, fresh = (metrics(small(data=data))[0].values["validation loss"] for data in ("published", "fresh"))
    assert published != fresh


def test_patience_ends_a_run_that_does_not_improve():
    hopeless = {"optimiser": "sgd", "learning_rate": 0.1, "weight_decay": 0.1, "epochs": 40}  # decays to nothing
    steps = [metrics(small(**hopeless, patience=patience))[-1].step for patience in (0, 3)]
    assert steps[0] < steps[1] < 40


def test_every_field_of_the_config_is_covered_here():
    covered = {"conv", "head", "data", "optimiser", "learning_rate", "weight_decay", "batch_size", "epochs", "patience"}
    assert {knob.name for knob in PaddingConfig.knobs() if knob.retrains} == covered
    assert "band" not in PaddingConfig(band="range").retraining()


def test_a_stopped_seed_reports_nan_while_others_go_on(monkeypatch: pytest.MonkeyPatch):
    impatient = iter([BestWeights(patience=0), BestWeights(patience=200)])
    monkeypatch.setattr(padding, "BestWeights", lambda patience: next(impatient))
    run = metrics(small(optimiser="sgd", learning_rate=10.0, epochs=6), seeds=(0, 1))
    after_epochs = [event.values["validation loss"] for event in run if "validation loss" in event.values]
    assert np.isnan(after_epochs[-1][0])
    assert len(after_epochs) == 7  # epoch 0 and six more, for the seed that is patient
    assert np.isfinite(run[-1].values["test accuracy"]).all()


def test_steps_never_go_back_and_reach_the_announced_total():
    config = small(epochs=3)
    steps = [event.step for event in metrics(config)]
    assert steps == sorted(steps)
    assert steps[0] == 0 and steps[-1] == EXPERIMENT.total_steps(config) == 3


def test_an_epoch_has_events_within_it():
    within = [event.step for event in metrics(small(batch_size=20)) if event.step not in (0, 1)]
    assert within == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_reported_test_uses_the_weights_of_the_lowest_validation_loss():
    config = small(epochs=4)
    run = events(config)
    net = load_weights(padding.build(config), [event for event in run if isinstance(event, Checkpoint)][-1].weights[0])
    split = small_splits()["swapped"]
    with torch.inference_mode():
        right = net(torch.from_numpy(split.images)).argmax(dim=1).numpy() == split.labels
    reported = [event for event in run if isinstance(event, Metrics)][-1].values["test accuracy"][0]
    assert reported == pytest.approx(100 * right.mean())


def test_best_weights_bears_patience_epochs_and_not_one_more():
    net = torch.nn.Linear(1, 1)
    best = BestWeights(patience=2)
    stops = []
    for epoch, loss in enumerate([1.0, 0.5, 0.6, 0.5, 0.7]):
        best.update(epoch, loss, net)
        stops.append(best.stop)
    assert stops == [False, False, False, False, True]
    assert (best.epoch, best.loss) == (1, 0.5)


def test_best_weights_are_a_copy():
    net = torch.nn.Linear(1, 1)
    best = BestWeights(patience=2)
    best.update(1, 1.0, net)
    kept = best.weights["weight"].copy()
    with torch.no_grad():
        net.weight += 1
    assert np.array_equal(best.weights["weight"], kept)


@pytest.mark.parametrize("conv", CONV_TYPES)
def test_micro_batches_add_up_to_the_gradient_of_the_whole_batch(conv: str):
    images = torch.from_numpy(small_splits()["train"].images[:30]).double()
    labels = torch.from_numpy(small_splits()["train"].labels[:30])
    gradients = []
    for micro_batch in (30, 7):
        torch.manual_seed(0)
        net = RedGreenNet(conv, "pool").double()  # type: ignore[arg-type]
        loss = train_step(net, torch.optim.SGD(net.parameters(), lr=0.0), images, labels, micro_batch)
        gradients.append([parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None])
        assert loss.item() == pytest.approx(F.cross_entropy(net(images), labels).item())
    for whole, pieces in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, pieces, rtol=1e-9, atol=1e-12)


def test_weights_of_another_net_are_refused_with_the_reason():
    flat = final_weights(small(head="flatten"))
    with pytest.raises(ValueError, match="belong to another net"):
        load_weights(padding.build(small()), flat)


@pytest.fixture(scope="module")
def net() -> Iterator[RedGreenNet]:
    torch.manual_seed(0)
    yield RedGreenNet("valid", "pool")


def test_feature_maps_have_the_sizes_of_the_table(net: RedGreenNet):
    arrays = padding.feature_maps(net, small(), device=CPU, index=3).arrays
    assert [arrays[f"layer {number}"].shape for number in (1, 2, 3, 4)] == [
        (32, 30, 30),
        (32, 14, 14),
        (64, 6, 6),
        (64, 2, 2),
    ]
    assert arrays["label"] == 1


@pytest.mark.parametrize(("index", "split"), [(-1, "swapped"), (10**6, "test"), (0, "nowhere")])
def test_feature_maps_refuse_an_image_that_is_not_there(net: RedGreenNet, index: int, split: str):
    with pytest.raises(ValueError, match="There is no image"):
        padding.feature_maps(net, small(), device=CPU, index=index, split=split)


def test_a_net_that_answers_one_class_has_complementary_position_maps(net: RedGreenNet):
    with torch.no_grad():
        for parameter in net.head.parameters():
            parameter.zero_()
        net.head[0].bias[1] = 1.0  # always class 1
    arrays = EXPERIMENT.queries["position_accuracy"](net, small(), device=CPU).arrays
    assert arrays["accuracy"].shape == (2, len(arrays["rows"]), len(arrays["columns"]))
    assert (arrays["accuracy"][0] == 0).all() and (arrays["accuracy"][1] == 100).all()


def test_the_probe_finds_location_where_padding_leaks_it_and_none_where_the_net_cannot_see_it():
    torch.manual_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(red_green, "splits", FULL_SPLITS)  # the probe needs 300 pairs
        arrays = EXPERIMENT.queries["location_probe"](RedGreenNet("valid", "pool"), small(), device=CPU).arrays
    assert arrays["trained"].shape == (4, 5)
    assert arrays["trained"][0] == pytest.approx(50.0)  # every 3×3 place is met: the maximum knows no position
    assert arrays["trained"][3].mean() > 90.0  # 2×2 maps that cannot centre on the border


def test_a_filter_that_sees_the_whole_square_inside_falls_silent_outside(net: RedGreenNet):
    arrays = EXPERIMENT.queries["border_response"](net, small(), device=CPU, layer=1).arrays
    red, position = arrays["red"], arrays["position"]
    assert position[0] == -4 and position[-1] == 32
    assert (red[0] == 0).all() and (red[-1] == 0).all()  # the square is wholly off the image
    inside = red[(position >= 2) & (position <= 26)]
    assert np.ptp(inside, axis=0) == pytest.approx(np.zeros(32), abs=1e-6)  # a stride of 1 and far from the border


def test_a_layer_that_is_not_there_is_refused(net: RedGreenNet):
    with pytest.raises(ValueError, match="layer must be from 1 to 4; got 5"):
        EXPERIMENT.queries["border_response"](net, small(), device=CPU, layer=5)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_the_same_net_within_rounding():
    config = small(epochs=2)
    on_gpu = [event for event in padding.run(config, (0,), torch.device("cuda")) if isinstance(event, Metrics)]
    on_cpu = metrics(config)
    assert [event.step for event in on_gpu] == [event.step for event in on_cpu]
    for ours, theirs in zip(on_gpu, on_cpu, strict=True):
        for name in theirs.values:
            if name.endswith("loss"):
                np.testing.assert_allclose(ours.values[name], theirs.values[name], rtol=0.02)


def test_a_training_that_diverges_says_so_with_its_gradient_norms_and_the_knob_to_turn():
    with pytest.raises(Explained) as caught:
        events(small(optimiser="sgd", learning_rate=10.0, epochs=6))
    said = str(caught.value)
    assert re.match(r"Diverged in epoch \d+, step \d+ of the training: the loss is", said)
    assert re.search(r"The gradient norm (grew from|stayed between) [\d.e+-]+ (to|and) [\d.e+-]+", said)
    assert said.endswith("Turn down the learning rate (10 now): try 1.")


def test_the_gradient_norm_is_the_norm_of_all_gradients_together():
    net = RedGreenNet("valid", "pool")
    images = torch.rand(8, 3, 32, 32)
    F.cross_entropy(net(images), torch.zeros(8, dtype=torch.long)).backward()
    watch = GradientWatch()
    watch.note(net)
    flat = torch.cat([one.grad.flatten() for one in net.parameters() if one.grad is not None])
    assert watch.mean(1) == pytest.approx(float(flat.norm()), rel=1e-5)
    assert np.isnan(GradientWatch().mean(0))


@pytest.mark.parametrize(
    ("norms", "said"),
    [
        ([1.0] * 10 + [50.0, 1e6], "grew from 1 to 1e+06: steps overshoot"),
        ([1.0, 2.0, float("nan")], "stayed between 1 and 2, and broke down at step 3"),
        ([float("inf")], "no finite number from the first step on"),
    ],
)
def test_norms_are_put_into_words(norms: list[float], said: str):
    watch = GradientWatch([torch.tensor(one) for one in norms], first_loss=0.7)
    with pytest.raises(Explained, match=re.escape(said)):
        watch.check(float("nan"), epoch=1, knob="learning rate", value=1.0)
    watch.check(0.5, epoch=1, knob="learning rate", value=1.0)  # a finite loss is no divergence
    with pytest.raises(Explained, match="the loss is 800"):
        watch.check(800.0, epoch=1, knob="learning rate", value=1.0)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "Turn down the learning rate (1 now): try 0.1."),
        (0.02, "Turn down the learning rate (0.02 now): try 0.01."),
        (0.01, "The learning rate is as low as it goes (0.01): choose another optimiser or fewer layers."),
    ],
)
def test_the_advice_stays_within_the_knob(value: float, said: str):
    with pytest.raises(Explained, match=re.escape(said)):
        GradientWatch().check(float("nan"), epoch=1, knob="learning rate", value=value, least=0.01)
