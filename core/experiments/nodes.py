"""Which class does a node have? GCN, GAT, GraphSAGE, and an MLP that ignores the edges, on the same few labels.

Sources: Kipf & Welling, ICLR 2017; Veličković et al., ICLR 2018; Hamilton et al., NeurIPS 2017. As there: rows of the
features sum to 1, one step on all training nodes an epoch, dropout on inputs and hidden layers, of GAT on attention
too, weight decay 5e-4. Here: up to 1000 epochs, stopped with patience; the weights of the lowest validation loss are
reported, and the test nodes are read once, after that choice. Widths, dropout and rates of GAT are knobs of their own,
for their published values differ. The decay is on all weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import graphs, own_graphs
from core.data.graphs import GraphSet, NodeGraph, SplitKind
from core.events import Event, Metrics
from core.nn.graph import Aggregator, GraphNet, Model, Normalisation
from core.queries.nodes import QUERIES, Data, attention_on_added, divided, fingerprint, load, tensors, variance
from core.training import BestWeights, Learner, checked_losses, checkpoint, load_weights, percent_right

CHECKPOINT_EVERY = 10  # epochs; one takes milliseconds, and copying weights should not take as long
SIZES = {"karate": 34, "cora": 2708}
# For which graphs and models a knob matters.
GENERATED, GAT = {"graph": ("generated",)}, {"model": ("gat",)}
OTHERS = {"model": ("gcn", "sage", "mlp")}


class NodesConfig(Config):
    """Settings of one training; of each model the defaults are the published ones."""

    graph: GraphSet = knob(
        "generated",
        "Graph",
        help="Citations made here and the karate club are built in; Cora is downloaded.",
        labels={
            "karate": "karate club (34 nodes)",
            "generated": "made citations",
            "cora": "Cora (2,708 papers)",
            "own": "a graph of my own",
        },
    )
    own: str = own_graphs.graph_knob()
    model: Model = knob(
        "gcn",
        "Model",
        help="The MLP sees the words of a node and no edge.",
        labels={"gcn": "GCN", "gat": "GAT", "sage": "GraphSAGE", "mlp": "MLP, no edges"},
    )
    nodes: int = knob(600, "Nodes", ge=60, le=3000, where=GENERATED)
    classes: int = knob(4, "Classes", ge=2, le=10, where=GENERATED)
    degree: float = knob(4.0, "Mean degree", unit="neighbours", ge=1.0, le=20.0, where=GENERATED)
    homophily: float = knob(
        0.8,
        "Homophily",
        ge=0.0,
        le=1.0,
        where=GENERATED,
        help="The share of edges whose ends have the same class. Cora: 0.81.",
    )
    feature_noise: float = knob(
        0.8,
        "Feature noise",
        ge=0.0,
        le=1.0,
        where=GENERATED,
        help="The probability that a word says nothing about the class.",
    )
    noisy_edges: float = knob(
        0.0,
        "Irrelevant neighbours",
        unit="× edges",
        ge=0.0,
        le=3.0,
        help="Edges added between random nodes of different classes, as a share of the edges there are.",
    )
    layers: int = knob(2, "Layers", ge=1, le=16, help="How far a node sees.")
    hidden: int = knob(16, "Hidden width", unit="numbers", ge=2, le=256, where=OTHERS)
    heads: int = knob(8, "Heads", ge=1, le=16, where=GAT, help="Of every layer but the last.")
    head_width: int = knob(8, "Width of a head", unit="numbers", ge=1, le=64, where=GAT)
    output_heads: int = knob(1, "Output heads", ge=1, le=16, where=GAT, help="Averaged.")
    self_term: bool = knob(
        True,
        "Self term",
        where={"model": ("gcn", "gat", "sage")},
        help="Whether a node hears itself: a loop in GCN and GAT, B·h in GraphSAGE.",
    )
    normalisation: Normalisation = knob(
        "symmetric",
        "Normalisation",
        where={"model": ("gcn",)},
        labels={"symmetric": "symmetric: D⁻½AD⁻½", "row": "by row: D⁻¹A", "none": "none: A"},
    )
    aggregator: Aggregator = knob(
        "mean",
        "Aggregator",
        where={"model": ("sage",)},
        help="Of what the neighbours' features become under W. The lower median where they are even in number.",
    )
    split: SplitKind = knob(
        "stratified",
        "Split",
        help="Public: the same for every seed; Cora's published one. Random: 140 of Cora's nodes, of smaller graphs as "
        "large a share. Stratified: so many of each class. Random and stratified are drawn with the seed.",
        labels={"public": "public: one for all seeds", "random": "random", "stratified": "stratified"},
    )
    labels_per_class: int = knob(
        20,
        "Labels a class",
        unit="nodes",
        ge=1,
        le=200,
        where={"split": ("stratified",)},
        help="At most a third of a class.",
    )
    dropout: float = knob(0.5, "Dropout", group="training", ge=0.0, le=0.95, where=OTHERS)
    gat_dropout: float = knob(
        0.6,
        "Dropout of GAT",
        group="training",
        ge=0.0,
        le=0.95,
        where=GAT,
        help="On the inputs of each layer and on attention.",
    )
    learning_rate: float = knob(
        0.01, "Learning rate", group="training", ge=1e-5, le=1.0, logarithmic=True, where=OTHERS
    )
    gat_learning_rate: float = knob(
        0.005, "Learning rate of GAT", group="training", ge=1e-5, le=1.0, logarithmic=True, where=GAT
    )
    weight_decay: float = knob(5e-4, "Weight decay", group="training", ge=0.0, le=0.1)
    epochs: int = knob(1000, "Epochs", group="training", ge=1, le=2000)
    patience: int = knob(
        100,
        "Patience",
        unit="epochs",
        group="training",
        ge=1,
        le=2000,
        help="Stop once neither validation loss nor accuracy has improved for more epochs running than this.",
    )
    band: Band = band_knob()

    @property
    def rate(self) -> str:
        """The field that holds this model's learning rate."""
        return "gat_learning_rate" if self.model == "gat" else "learning_rate"


@dataclass
class Patient(BestWeights):
    """Weights of the lowest validation loss; patience begins anew where accuracy has improved as well."""

    accuracy: float = -1.0

    def note(self, epoch: int, loss: float, accuracy: float, net: nn.Module) -> None:
        """Note one epoch."""
        self.update(epoch, loss, net)
        if accuracy > self.accuracy:
            self.accuracy, self.stale = accuracy, 0


@dataclass
class NodeLearner(Learner):
    """One seed's net, optimiser, data, stream of dropout, best weights, and seconds of each epoch."""

    net: GraphNet
    data: Data
    stream: torch.Generator
    best: Patient
    seconds: list[float] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    def checked_loss(self, config: Config, epoch: int) -> float:
        """As of any learner; NaN for one that has stopped."""
        return super().checked_loss(config, epoch) if self.measured else nan  # not trained in this epoch


def shape(config: NodesConfig) -> tuple[int, int]:
    """Features and classes, without reading anything."""
    if config.graph == "generated":
        return graphs.WORDS, config.classes
    if config.graph == "own":
        return own_graphs.shape(config.own)[1:]
    return {"karate": (34, 2), "cora": (graphs.CORA_WORDS, 7)}[config.graph]


def build(config: NodesConfig) -> GraphNet:
    """The untrained net of this config."""
    features, classes = shape(config)
    gat = config.model == "gat"
    width = config.head_width if gat else config.hidden
    return GraphNet(
        config.model,
        (features, *[width] * (config.layers - 1), classes),
        heads=config.heads,
        output_heads=config.output_heads,
        dropout=config.gat_dropout if gat else config.dropout,
        self_term=config.self_term,
        normalisation=config.normalisation,
        aggregator=config.aggregator,
    )


def make_data(
    config: NodesConfig, found: NodeGraph, seed: int, device: torch.device, whole: Data | None = None
) -> Data:
    """The graph on the device with a seed's split; `whole` where it is there already."""
    parts = graphs.split(found, config.split, config.labels_per_class, seed)
    return divided(whole or tensors(found, device), found, parts, device)


def make_learner(config: NodesConfig, seed: int, data: Data, device: torch.device) -> NodeLearner:
    """Seed set right before the net is built."""
    torch.manual_seed(seed)
    net = build(config).to(device)
    rate = getattr(config, config.rate)
    fused = device.type in ("cpu", "cuda")
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=config.weight_decay, fused=fused)
    stream = torch.Generator(device).manual_seed(seed)
    return NodeLearner(net, optimiser, data, stream, Patient(config.patience), rate=config.rate)


def run(config: NodesConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train seed by seed on all training nodes at once; yields Metrics after every epoch."""
    found = load(config)
    whole = tensors(found, device)
    learners = []
    for seed in seeds:
        data = make_data(config, found, seed, device, whole)
        learners.append(make_learner(config, seed, data, device))
    for learner in learners:
        learner.measured = measure(learner)
    yield Metrics(0, gathered(learners))
    yield checkpoint(0, learners)

    epoch = 0
    while epoch < config.epochs and any(not learner.best.stop for learner in learners):
        epoch += 1
        for learner in learners:
            learner.measured = {}
            if learner.best.stop:
                continue
            start = perf_counter()
            learner.losses = [train_step(learner)]
            learner.watch.note(learner.net)
            values = measure(learner)
            learner.best.note(epoch, values["validation loss"], values["validation accuracy"], learner.net)
            learner.seconds.append(perf_counter() - start)
            learner.measured = values
            if learner is not learners[-1]:
                yield Metrics(epoch, {})  # a pause for whoever waits
        losses = checked_losses(learners, config, epoch)
        norms = np.array([one.watch.mean(1) if one.measured else nan for one in learners])
        yield Metrics(epoch, {"training loss": losses, **gathered(learners), "gradient norm": norms})
        if epoch % CHECKPOINT_EVERY == 0:
            yield checkpoint(epoch, learners)

    best = test_best(learners)
    yield checkpoint(epoch, learners)
    yield Metrics(epoch, best)


def train_step(learner: NodeLearner) -> Tensor:
    """One step on the mean cross-entropy of the training nodes; returns that loss, a scalar on the device."""
    data = learner.data
    learner.optimiser.zero_grad(set_to_none=True)
    logits = learner.net(data.features, data.graph, learner.stream)
    loss = F.cross_entropy(logits[data.nodes["train"]], data.classes["train"])
    loss.backward()
    learner.optimiser.step()
    return loss.detach()


@torch.inference_mode()
def measure(learner: NodeLearner) -> dict[str, float]:
    """Without dropout: validation, training accuracy, how far nodes differ after each layer, attention on the noise."""
    data, net = learner.data, learner.net
    outputs = net.layer_outputs(data.features, data.graph)
    logits = outputs[-1][data.nodes["validation"]]
    found = {
        "validation loss": F.cross_entropy(logits, data.classes["validation"]).item(),
        "validation accuracy": percent_right(logits.argmax(dim=1), data.classes["validation"]),
        "training accuracy": percent_right(outputs[-1][data.nodes["train"]].argmax(dim=1), data.classes["train"]),
    }
    for number, output in enumerate(outputs, start=1):
        found[f"feature variance {number}"] = variance(output)
    if net.model == "gat" and data.added[True].any():
        found |= attention_on_added(net, data)
    return found


def gathered(learners: list[NodeLearner]) -> dict[str, NDArray[np.float64]]:
    """What each learner measured, name -> (seeds,); NaN for one that has stopped."""
    names = dict.fromkeys(name for learner in learners for name in learner.measured)
    return {name: np.array([learner.measured.get(name, nan) for learner in learners]) for name in names}


def test_best(learners: list[NodeLearner]) -> dict[str, NDArray[np.float64]]:
    """The reported figures: best weights on the test nodes, read here alone, and what an epoch took."""
    accuracy = np.empty(len(learners))
    for column, learner in enumerate(learners):
        if learner.best.weights:  # none where the loss was NaN from the start: then the last weights stand
            load_weights(learner.net, learner.best.weights)
        with torch.inference_mode():
            logits = learner.net(learner.data.features, learner.data.graph)[learner.data.nodes["test"]]
            accuracy[column] = percent_right(logits.argmax(dim=1), learner.data.classes["test"])
    seconds = np.array([np.median(learner.seconds) for learner in learners])
    return {"test accuracy": accuracy, "seconds per epoch": seconds}


def work(config: NodesConfig) -> float:
    """Multiplications of an epoch, about; only for estimates of time."""
    features, classes = shape(config)
    sizes = {"generated": config.nodes, "own": own_graphs.shape(config.own)[0] if config.graph == "own" else 0}
    nodes = (SIZES | sizes)[config.graph]
    width = config.heads * config.head_width if config.model == "gat" else config.hidden
    widths = (features, *[width] * (config.layers - 1), classes)
    return nodes * sum(min(one, 40) * other for one, other in pairwise(widths))


def about_data(config: NodesConfig) -> str:
    """What it is trained on, in a sentence."""
    names = {
        "karate": "Zachary's karate club: 34 members, 78 friendships, two sides",
        "generated": f"A stochastic block model with {config.nodes} nodes in {config.classes} classes, and words",
        "cora": "Cora: 2,708 papers, 5,278 citations, 1,433 words, 7 subjects",
        "own": f"The graph {config.own or '(none chosen yet)'}, added on this server",
    }
    return (
        f"{names[config.graph]}. Few nodes have labels to train on, others choose the weights; the test nodes are read "
        "once, after that choice. Features and edges of all nodes are seen in training."
    )


EXPERIMENT = Experiment(
    key="nodes",
    lab="graph",
    title="Graphs",
    question="What do neighbours tell about a node, and how much should one listen to each?",
    source="Kipf & Welling, ICLR 2017 (GCN); Veličković et al., ICLR 2018 (GAT); Hamilton et al., NeurIPS 2017",
    version=1,
    config=NodesConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("test accuracy", "seconds per epoch"),
    timed=("seconds per epoch",),
    lists={"feature variance": "feature variance"},
    queries=QUERIES,
    predictions=(
        Prediction("test", "How many of the test nodes will it get right?", "test accuracy"),
        Prediction("validation", "And of the validation nodes, in the last epoch?", "validation accuracy"),
    ),
    data=about_data,
    prepare=lambda config: graphs.fetch(config.graph),
    fingerprint=fingerprint,
    inputs=work,
)
