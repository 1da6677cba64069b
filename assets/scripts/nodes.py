"""Graphs: trains a GCN, a GAT, GraphSAGE or an MLP to tell the class of every node, one line an epoch.

Needs torch and numpy; the karate club needs networkx. In $LAYERLAB_DATASETS or ./data, Cora is Cora/cora.content and
Cora/cora.cites, a graph of one's own graphs/<name>/edges.csv and nodes.csv. The weights that LayerLab exports fit
`Net`. As there, on a CPU one thread works. Written for reading: LayerLab's own layers give the same numbers in a
fraction of the time.
"""

import copy
import csv
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# --- settings: begin
GRAPH = "generated"  # Graph: karate, generated, cora, own
OWN = ""  # My own graph
MODEL = "gcn"  # Model: gcn, gat, sage, mlp
NODES = 600  # Nodes
CLASSES = 4  # Classes
DEGREE = 4.0  # Mean degree, neighbours
HOMOPHILY = 0.8  # Homophily
FEATURE_NOISE = 0.8  # Feature noise
NOISY_EDGES = 0.0  # Irrelevant neighbours, × edges
LAYERS = 2  # Layers
HIDDEN = 16  # Hidden width, numbers
HEADS = 8  # Heads
HEAD_WIDTH = 8  # Width of a head, numbers
OUTPUT_HEADS = 1  # Output heads
SELF_TERM = True  # Self term
NORMALISATION = "symmetric"  # Normalisation: symmetric, row, none
AGGREGATOR = "mean"  # Aggregator: mean, sum, max, median
SPLIT = "stratified"  # Split: public, random, stratified
LABELS_PER_CLASS = 20  # Labels a class, nodes
DROPOUT = 0.5  # Dropout
GAT_DROPOUT = 0.6  # Dropout of GAT
LEARNING_RATE = 0.01  # Learning rate
GAT_LEARNING_RATE = 0.005  # Learning rate of GAT
WEIGHT_DECAY = 0.0005  # Weight decay
EPOCHS = 1000  # Epochs
PATIENCE = 100  # Patience, epochs
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

DATA = os.environ.get("LAYERLAB_DATASETS", "data")
ROOT = os.path.join(DATA, "Cora")
GAT = MODEL == "gat"
RATE = GAT_DROPOUT if GAT else DROPOUT


def karate() -> tuple:
    """Labels, edges, and features: a node's own number."""
    import networkx

    club = networkx.karate_club_graph()
    sides = sorted({club.nodes[node]["club"] for node in club})
    return np.array([sides.index(club.nodes[node]["club"]) for node in club]), np.array(club.edges), np.eye(34)


def generated() -> tuple:
    """A stochastic block model with words: 200 of them, 12 a node, 40 typical of each class."""
    rng = np.random.default_rng(42)
    labels = np.arange(NODES) % CLASSES
    rng.shuffle(labels)
    one, other = np.triu_indices(NODES, 1)
    same, wanted = labels[one] == labels[other], DEGREE * NODES / 2
    chance = np.where(same, wanted * HOMOPHILY / same.sum(), wanted * (1 - HOMOPHILY) / max(1, (~same).sum()))
    joined = rng.random(len(one)) < chance
    typical = (labels[:, None] * 200 // CLASSES + rng.integers(0, 40, (NODES, 12))) % 200
    any_word = rng.integers(0, 200, (NODES, 12))
    words = np.where(rng.random((NODES, 12)) < FEATURE_NOISE, any_word, typical)
    features = np.zeros((NODES, 200))
    features[np.arange(NODES)[:, None], words] = 1
    return labels, np.column_stack([one[joined], other[joined]]), features


def cora() -> tuple:
    """From its plain-text form; classes in alphabetical order."""
    with open(os.path.join(ROOT, "cora.content")) as file:
        rows = [line.split() for line in file]
    number, classes = {row[0]: index for index, row in enumerate(rows)}, sorted({row[-1] for row in rows})
    with open(os.path.join(ROOT, "cora.cites")) as file:
        edges = np.array([[number[paper] for paper in line.split()] for line in file])
    return np.array([classes.index(row[-1]) for row in rows]), edges, np.array([row[1:-1] for row in rows], float)


def own() -> tuple:
    """From its two CSV files; without features each node's only word is itself."""
    tables = []
    for name in ("edges.csv", "nodes.csv"):
        with open(os.path.join(DATA, "graphs", OWN, name), encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.reader(file, delimiter=";" if first.count(";") > first.count(",") else ",")
            tables.append([[cell.strip() for cell in row] for row in rows if any(row)][1:])
    edges, rows = tables
    number, classes = {row[0]: place for place, row in enumerate(rows)}, sorted({row[1] for row in rows})
    labels, features = np.array([classes.index(row[1]) for row in rows]), np.array([row[2:] for row in rows], float)
    pairs = np.array([[number[one], number[other]] for one, other, *_ in edges])
    return labels, pairs, features if features.shape[1] else np.eye(len(rows))


def with_noise(edges: np.ndarray, labels: np.ndarray) -> tuple:
    """Each pair once, smaller node first; then irrelevant neighbours: random pairs of different classes."""
    count = len(labels)
    low, high = edges.min(1), edges.max(1)
    pairs = np.unique((low * count + high)[low != high])
    rng, known, new = np.random.default_rng([42, 1]), set(pairs.tolist()), []
    different = (labels[:, None] != labels).sum() // 2
    room = different - (labels[pairs // count] != labels[pairs % count]).sum()
    while len(new) < min(round(NOISY_EDGES * len(pairs)), room):
        one, other = sorted(rng.integers(0, count, 2).tolist())
        if labels[one] != labels[other] and one * count + other not in known:
            known.add(one * count + other)
            new.append(one * count + other)
    return pairs, np.array(new, dtype=int)


def split(labels: np.ndarray, seed: int) -> list:
    """Nodes to train on, to choose the weights by, and to test on."""
    count, classes = len(labels), len(set(labels.tolist()))
    if SPLIT == "public" and GRAPH == "cora":
        return [torch.arange(0, 140), torch.arange(140, 640), torch.arange(1708, 2708)]
    order = np.random.default_rng(42 if SPLIT == "public" else [42, 2, seed]).permutation(count)
    if SPLIT == "random":
        train = order[: min(140, max(2 * classes, round(140 * count / 2708)))]
    else:
        groups = [order[labels[order] == one] for one in range(classes)]
        count = 20 if SPLIT == "public" else LABELS_PER_CLASS
        train = np.concatenate([group[: max(1, min(count, len(group) // 3))] for group in groups])
    rest = order[~np.isin(order, train)]
    held = min(500, len(rest) // 3)
    return [torch.from_numpy(np.sort(part)).to(DEVICE) for part in (train, rest[:held], rest[held:])]


def dropped(x: torch.Tensor, rate: float, stream: torch.Generator | None) -> torch.Tensor:
    """Dropout from a stream of its own."""
    if stream is None or not rate:
        return x
    return x * ((torch.rand(x.shape, generator=stream, device=x.device) >= rate) / (1 - rate))


def plain(inputs: int, outputs: int) -> nn.Linear:
    """Weights without a bias, after Glorot."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return layer


def summed(messages: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    """Messages (edges, …) added up at their targets (nodes, …)."""
    return messages.new_zeros(COUNT, *messages.shape[1:]).index_add(0, to, messages)


class Layer(nn.Module):
    """GCN and MLP: weights and bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.lin = plain(inputs, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor, stream: torch.Generator | None) -> torch.Tensor:
        """(nodes, inputs) -> (nodes, outputs)."""
        values = self.lin(x)
        if MODEL == "gcn":
            degree = torch.bincount(TARGET, minlength=COUNT).clamp_min(1).float()
            weight = {
                "symmetric": (degree[TARGET] * degree[SOURCE]).rsqrt(),
                "row": 1 / degree[TARGET],
                "none": torch.ones(len(TARGET), device=DEVICE),
            }[NORMALISATION]
            values = summed(weight[:, None] * values[SOURCE], TARGET)
        return values + self.bias


class Gat(nn.Module):
    """Attention over sources; heads side by side, or their mean."""

    def __init__(self, inputs: int, outputs: int, heads: int, concat: bool) -> None:
        super().__init__()
        self.heads, self.outputs, self.concat = heads, outputs, concat
        self.lin = plain(inputs, heads * outputs)
        self.att_src = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, heads, outputs)))
        self.att_dst = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, heads, outputs)))
        self.bias = nn.Parameter(torch.zeros(heads * outputs if concat else outputs))

    def weights(self, values: torch.Tensor) -> torch.Tensor:
        """(edges, heads): softmax over the sources of each target."""
        scores = (values * self.att_dst).sum(2)[TARGET] + (values * self.att_src).sum(2)[SOURCE]
        scores = F.leaky_relu(scores, 0.2)
        to = TARGET[:, None].expand_as(scores)
        largest = scores.new_zeros(COUNT, self.heads).scatter_reduce(0, to, scores, "amax", include_self=False)
        powers = (scores - largest.detach()[TARGET]).exp()
        return powers / summed(powers, TARGET)[TARGET]

    def forward(self, x: torch.Tensor, stream: torch.Generator | None) -> torch.Tensor:
        """(nodes, inputs) -> (nodes, heads × outputs), or (nodes, outputs) of averaged heads."""
        values = self.lin(x).view(COUNT, self.heads, self.outputs)
        weights = dropped(self.weights(values).T.flatten(), GAT_DROPOUT, stream).view(self.heads, -1).T
        heard = summed(weights[..., None] * values[SOURCE], TARGET)
        return (heard.flatten(1) if self.concat else heard.mean(1)) + self.bias


class Sage(nn.Module):
    """What the aggregate of the transformed sources says, and the node itself."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.lin_l = nn.Linear(inputs, outputs)
        self.lin_r = nn.Linear(inputs, outputs, bias=False) if SELF_TERM else None

    def forward(self, x: torch.Tensor, stream: torch.Generator | None) -> torch.Tensor:
        """(nodes, inputs) -> (nodes, outputs)."""
        values = x @ self.lin_l.weight.T
        if AGGREGATOR in ("mean", "sum"):
            heard = summed(values[SOURCE], TARGET)
            if AGGREGATOR == "mean":
                heard = heard / torch.bincount(TARGET, minlength=COUNT).clamp_min(1)[:, None]
        else:
            rows = []
            for node in range(COUNT):
                near = values[SOURCE[TARGET == node]]
                nothing = torch.zeros_like(values[0])
                rows.append((near.amax(0) if AGGREGATOR == "max" else near.median(0)[0]) if len(near) else nothing)
            heard = torch.stack(rows)
        return heard + self.lin_l.bias + (self.lin_r(x) if self.lin_r else 0)


class Net(nn.Module):
    """Layers with ReLU (GAT: ELU) between them, and dropout before each."""

    def __init__(self) -> None:
        super().__init__()
        width, self.layers = HEAD_WIDTH if GAT else HIDDEN, nn.ModuleList()
        for number in range(1, LAYERS + 1):
            last = number == LAYERS
            inputs = FEATURES.shape[1] if number == 1 else width * (HEADS if GAT else 1)
            outputs = GROUPS if last else width
            if GAT:
                self.layers.append(Gat(inputs, outputs, OUTPUT_HEADS if last else HEADS, not last))
            else:
                self.layers.append((Sage if MODEL == "sage" else Layer)(inputs, outputs))

    def forward(self, stream: torch.Generator | None = None) -> list:
        """What every layer puts out."""
        found = []
        for layer in self.layers:
            if found:
                x = dropped(found[-1], RATE, stream)
            else:  # zeros stay zeros: only the others are drawn for
                x = torch.zeros_like(FEATURES)
                x[WORDS] = dropped(FEATURES[WORDS], RATE, stream)
            out = layer(x, stream)
            found.append(out if len(found) == LAYERS - 1 else F.elu(out) if GAT else F.relu(out))
        return found


def right(logits: torch.Tensor, nodes: torch.Tensor) -> float:
    """Accuracy in %."""
    return 100 * (logits[nodes].argmax(1) == LABELS[nodes]).double().mean().item()


def train(seed: int) -> None:
    """Train one net; then the weights of the lowest validation loss on the test nodes."""
    nodes, validation, test = split(LABELS.cpu().numpy(), seed)
    torch.manual_seed(seed)
    net, stream = Net().to(DEVICE), torch.Generator(DEVICE).manual_seed(seed)
    rate = GAT_LEARNING_RATE if GAT else LEARNING_RATE
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    lowest, highest, stale, epoch, best = float("inf"), -1.0, 0, 0, None
    while epoch < EPOCHS and stale <= PATIENCE:
        epoch += 1
        optimiser.zero_grad()
        loss = F.cross_entropy(net(stream)[-1][nodes], LABELS[nodes])
        loss.backward()
        optimiser.step()
        with torch.inference_mode():
            outputs = net()
        held, accuracy = (
            F.cross_entropy(outputs[-1][validation], LABELS[validation]).item(),
            right(outputs[-1], validation),
        )
        print(f"seed={seed} epoch={epoch} training_loss={loss.item():.6f} validation_loss={held:.6f}", end=" ")
        print(f"validation_accuracy={accuracy:.4f} training_accuracy={right(outputs[-1], nodes):.4f}", end=" ")
        variances = [(x - x.mean(0)).square().sum() / x.square().sum() for x in outputs]
        print(*[f"feature_variance_{place}={one:.6f}" for place, one in enumerate(variances, 1)], flush=True)
        stale += 1
        if held < lowest:
            lowest, stale, best = held, 0, copy.deepcopy(net.state_dict())
        if accuracy > highest:
            highest, stale = accuracy, 0
    net.load_state_dict(best or net.state_dict())  # none where the loss never was a number
    with torch.inference_mode():
        print(f"seed={seed} epoch={epoch} test_accuracy={right(net()[-1], test):.4f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    labels, edges, features = {"karate": karate, "generated": generated, "cora": cora, "own": own}[GRAPH]()
    pairs = np.sort(np.concatenate(with_noise(edges, labels)))
    COUNT, GROUPS = len(labels), CLASSES if GRAPH == "generated" else len(set(labels.tolist()))
    own = np.arange(COUNT if SELF_TERM and MODEL in ("gcn", "gat") else 0)
    one, other = pairs // COUNT, pairs % COUNT
    keys = np.sort(np.concatenate([one * COUNT + other, other * COUNT + one, own * COUNT + own]))
    TARGET, SOURCE = (torch.from_numpy(part).to(DEVICE) for part in (keys // COUNT, keys % COUNT))
    LABELS = torch.from_numpy(labels).to(DEVICE)
    sizes = np.abs(features).sum(1, keepdims=True)
    FEATURES = torch.from_numpy(features / np.where(sizes > 0, sizes, 1)).float().to(DEVICE)
    WORDS = FEATURES.nonzero(as_tuple=True)
    for seed in SEEDS:
        train(seed)
