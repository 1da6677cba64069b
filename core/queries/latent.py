"""What a trained autoencoder can still answer: reconstructions, its cloud of codes, walks, and what few labels buy.

Each is a query: f(model, config, device=..., ...) -> Arrays. "shape" says how one input is looked at: (100,) or
(height, width). Samples are of the test split, which the autoencoder has not seen, unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data import vectors
from core.data.vectors import Vectors
from core.events import Arrays
from core.nn.autoencoder import Autoencoder
from core.queries.linear_probe import probe_accuracy

Numbers = NDArray[np.float64]
STEPS = 1000  # of every probe in few_labels, so that few labels are not also few steps
PROBE_BATCH = 200


def effective_rank(features: NDArray[np.floating]) -> float:
    """Entropy-based rank of a feature cloud, in dimensions (1 to width).

    features: (samples, width), centred here.
    Raises ValueError if all rows are equal. Source: Roy & Vetterli 2007, section 2.
    """
    singular = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)
    if singular.sum() <= 1e-12:
        raise ValueError("The effective rank needs rows that differ; all of them are equal. Train for longer.")
    share = singular / singular.sum()
    share = share[share > 0]  # 0 log 0 is taken as 0
    return float(np.exp(-(share * np.log(share)).sum()))


def reconstruct(
    model: Autoencoder,
    config: Any,
    *,
    device: torch.device,
    indices: Sequence[int] = (0, 1, 2, 3, 4, 5, 6, 7),
    picture: Sequence[float] | None = None,
) -> Arrays:
    """What goes in, what is seen of it, what comes out.

    indices: of the test split; or picture: one input of one's own, flattened or not. "inputs", "seen" (corrupted as in
    training, always with the same numbers), "reconstructions" (of what is seen) and "clean" (of the input itself): each
    (n, *shape); "error" (n,): squared error of "clean", summed over features; "labels" (n,), -1 for one's own.
    Raises ValueError for a sample that is not there and a picture of another size.
    """
    data = _data(config)
    if picture is None:
        chosen = [_checked(index, data) for index in indices]
        inputs, labels = torch.from_numpy(data.test.inputs[chosen]), data.test.labels[chosen]
    else:
        inputs, labels = _own(picture, data), np.array([-1])
    seen = _corrupted(inputs, config)
    shown, clean = (_apply(model, one, device) for one in (seen, inputs))
    return Arrays(
        0,
        {
            "inputs": _shaped(inputs, data),
            "seen": _shaped(seen, data),
            "reconstructions": _shaped(shown, data),
            "clean": _shaped(clean, data),
            "error": (clean - inputs).square().sum(dim=1).numpy(),
            "labels": labels,
        },
    )


def cloud(model: Autoencoder, config: Any, *, device: torch.device, count: int = 1000, dimensions: int = 2) -> Arrays:
    """The codes of the first test samples in 2 or 3 dimensions.

    "points" (n, dimensions): the codes themselves where they have no more numbers than that ("direct" is 1), else their
    first principal components; "labels" (n,), "indices" (n,) of the test split; "spectrum" (latent,): eigenvalues of
    the codes' covariance, largest first; "effective rank" (): of the codes; "share" (): of the variance on show.
    Raises ValueError for other dimensions or fewer than two samples.
    """
    if dimensions not in (2, 3) or count < 2:
        raise ValueError(f"dimensions must be 2 or 3 and count at least 2; got {dimensions} and {count}.")
    data = _data(config)
    codes = _codes(model, torch.from_numpy(data.test.inputs[:count]), device).double().numpy()
    centred = codes - codes.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(codes))
    spectrum = np.maximum(values[::-1], 0.0)
    direct = codes.shape[1] <= dimensions
    points = codes if direct else centred @ _upright(axes[:, ::-1][:, :dimensions])
    return Arrays(
        0,
        {
            "points": points.astype(np.float32),
            "labels": data.test.labels[:count],
            "indices": np.arange(len(codes)),
            "spectrum": spectrum,
            "effective rank": np.array(effective_rank(codes)),
            "share": np.array(spectrum[: points.shape[1]].sum() / spectrum.sum()),
            "direct": np.array(int(direct)),
        },
    )


def code(model: Autoencoder, config: Any, *, device: torch.device, index: int = 0) -> Arrays:
    """Where sliders begin: "code" (latent,) of a test sample, and "low", "high" (latent,): the range of 500 samples."""
    data = _data(config)
    codes = _codes(model, torch.from_numpy(data.test.inputs[:500]), device).numpy()
    own = _codes(model, torch.from_numpy(data.test.inputs[[_checked(index, data)]]), device).numpy()[0]
    return Arrays(0, {"code": own, "low": np.minimum(codes.min(0), own), "high": np.maximum(codes.max(0), own)})


def directions(model: Autoencoder, config: Any, *, device: torch.device, index: int = 0, count: int = 8) -> Arrays:
    """Along what a code may be moved by hand, from that of a test sample.

    "code" (latent,) of the sample; "axes" (latent, c), orthonormal: the numbers of a code one by one where it has at
    most `count` ("direct" is 1), else the first `count` principal directions of 500 samples' codes; "std" (c,): how
    far those lie apart along each. Raises ValueError for a sample that is not there and a count below 1.
    """
    data = _data(config)
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}. Try count=8.")
    codes = _codes(model, torch.from_numpy(data.test.inputs[:500]), device).double().numpy()
    own = _codes(model, torch.from_numpy(data.test.inputs[[_checked(index, data)]]), device).double().numpy()[0]
    direct = model.latent <= count
    axes = np.eye(model.latent) if direct else principal_axes(codes, count)[1]
    return Arrays(0, {"code": own, "axes": axes, "std": (codes @ axes).std(axis=0), "direct": np.array(int(direct))})


def moved(start: Mapping[str, NDArray[Any]], steps: Sequence[float]) -> NDArray[np.float32]:
    """The code (latent,) that lies `steps` (c,) standard deviations from the sample's. start: of `directions`."""
    code: NDArray[np.float32] = (start["code"] + start["axes"] @ (start["std"] * np.asarray(steps))).astype(np.float32)
    return code


def decode(model: Autoencoder, config: Any, *, device: torch.device, code: Sequence[float]) -> Arrays:
    """What the decoder makes of a code (latent,): "output" (*shape). Raises ValueError for a code of another length."""
    values = np.asarray(code, dtype=np.float32)
    if values.shape != (model.latent,) or not np.isfinite(values).all():
        raise ValueError(
            f"A code of this net has {model.latent} finite numbers; got shape {values.shape}. Give it one number for "
            "each latent dimension."
        )
    with torch.inference_mode():
        output = model.decoder(torch.from_numpy(values).to(device)[None]).cpu()
    return Arrays(0, {"output": _shaped(output, _data(config))[0]})


def walk(model: Autoencoder, config: Any, *, device: torch.device, a: int = 0, b: int = 1, steps: int = 9) -> Arrays:
    """From one test sample to another.

    "outputs" (steps, *shape): decoded from the straight line between their codes, which "codes" (steps, latent) holds;
    "blend" (steps, *shape): the two inputs faded into each other, without any net. Raises ValueError for a sample that
    is not there or fewer than 2 steps.
    """
    data = _data(config)
    if not 2 <= steps <= 100:
        raise ValueError(f"steps must be from 2 to 100; got {steps}. Try steps=9.")
    ends = torch.from_numpy(data.test.inputs[[_checked(a, data), _checked(b, data)]])
    along = torch.linspace(0, 1, steps)[:, None]  # (steps, 1)
    first, last = _codes(model, ends, device)
    codes = torch.lerp(first, last, along)
    with torch.inference_mode():
        outputs = model.decoder(codes.to(device)).cpu()
    blend = torch.lerp(ends[0], ends[1], along)
    return Arrays(0, {"outputs": _shaped(outputs, data), "codes": codes.numpy(), "blend": _shaped(blend, data)})


def few_labels(
    model: Autoencoder,
    config: Any,
    *,
    device: torch.device,
    counts: Sequence[int] = (10, 50, 200, 1000, 5000),
    seed: int = 0,
) -> Arrays:
    """What labels buy with each kind of feature: accuracy in % of a linear probe on the test split.

    "counts" (c,): labelled samples, the first of the validation split, all of it where more are asked for; "pixels",
    "pca", "untrained", "trained" (c,): the probe on raw inputs, on as many principal components of the unlabelled
    training inputs as the code has numbers, on codes of the same encoder untrained (from `seed`), and on its codes.
    Every probe takes about 1000 steps of Adam, however few its labels. Raises ValueError for a count below 1.
    """
    data = _data(config)
    if not len(counts) or min(counts) < 1:
        raise ValueError(f"counts must be whole numbers from 1 up; got {list(counts)}. Try counts=[10, 200].")
    kept = [min(int(count), len(data.validation.labels)) for count in counts]
    both = [torch.from_numpy(part.inputs).to(device) for part in (data.validation, data.test)]
    kinds = _feature_kinds(model, config, data, seed, device)
    labels = [torch.from_numpy(part.labels).to(device) for part in (data.validation, data.test)]
    found: dict[str, NDArray[np.generic]] = {"counts": np.array(kept)}
    for name, make in kinds.items():
        learned, scored = (make(one)[None] for one in both)
        found[name] = np.array(
            [
                probe_accuracy(
                    (learned[:, :count], scored),
                    (labels[0][:count], labels[1]),
                    data.classes,
                    [seed],
                    -(-STEPS // -(-count // PROBE_BATCH)),
                )[0]
                for count in kept
            ]
        )
    return Arrays(0, found)


def _feature_kinds(
    model: Autoencoder, config: Any, data: Vectors, seed: int, device: torch.device
) -> Mapping[str, Callable[[Tensor], Tensor]]:
    """Name -> inputs (n, features) to what a probe is given (n, width)."""
    torch.manual_seed(seed)
    untrained = Autoencoder(model.input_size, config.hidden_sizes, config.activation).to(device)
    mean, axes = principal_axes(data.train.inputs, model.latent)
    centre, onto = (torch.from_numpy(one.astype(np.float32)).to(device) for one in (mean, axes))
    return {
        "pixels": lambda inputs: inputs,
        "pca": lambda inputs: (inputs - centre) @ onto,
        "untrained": lambda inputs: _codes(untrained, inputs, device).to(device),
        "trained": lambda inputs: _codes(model, inputs, device).to(device),
    }


def principal_axes(samples: NDArray[np.floating], count: int) -> tuple[Numbers, Numbers]:
    """Mean (features,) and the first `count` principal axes in columns (features, count); all where there are fewer."""
    mean = samples.mean(axis=0, dtype=np.float64)
    centred = samples - mean
    axes = np.linalg.eigh(centred.T @ centred / len(samples))[1]
    return mean, _upright(axes[:, ::-1][:, :count])


def _upright(axes: Numbers) -> Numbers:
    """Columns turned so that their largest entry is positive: a picture does not flip from one epoch to the next."""
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    turned: Numbers = axes * np.where(largest < 0, -1.0, 1.0)
    return turned


def _data(config: Any) -> Vectors:
    return vectors.load(config.dataset, config.unlabelled)


def _codes(model: Autoencoder, inputs: Tensor, device: torch.device) -> Tensor:
    with torch.inference_mode():
        codes: Tensor = model.encoder(inputs.to(device)).cpu()
    return codes.clone()  # an ordinary tensor, which may be changed


def _apply(model: Autoencoder, inputs: Tensor, device: torch.device) -> Tensor:
    with torch.inference_mode():
        outputs: Tensor = model(inputs.to(device)).cpu()
    return outputs


def _corrupted(inputs: Tensor, config: Any) -> Tensor:
    """As in training, from a stream of its own: the same picture at every epoch of the scrubber."""
    stream = torch.Generator().manual_seed(0)
    if config.kind == "denoising":
        inputs = inputs + torch.randn(inputs.shape, generator=stream) * config.noise
    elif config.kind == "masked":
        inputs = inputs * (torch.rand(inputs.shape, generator=stream) >= config.mask_probability)
    return inputs


def _own(picture: Sequence[float], data: Vectors) -> Tensor:
    try:
        values = np.asarray(picture, dtype=np.float32)
    except ValueError:
        values = np.empty(0, dtype=np.float32)  # ragged rows
    size = int(np.prod(data.shape))
    if values.shape not in (data.shape, (size,)) or not np.isfinite(values).all():
        wanted = "×".join(map(str, data.shape))
        got = "×".join(map(str, values.shape)) or "one number"
        raise ValueError(f"An input of this net has {wanted} finite numbers; got {got}. Resize it to {wanted}.")
    return torch.from_numpy(values.reshape(1, size))


def _checked(index: int, data: Vectors) -> int:
    if not 0 <= index < len(data.test.labels):
        raise ValueError(f"There is no test sample {index}. Choose an index from 0 to {len(data.test.labels) - 1}.")
    return int(index)


def _shaped(rows: Tensor, data: Vectors) -> NDArray[np.generic]:
    found: NDArray[np.generic] = rows.numpy().reshape(len(rows), *data.shape)
    return found


QUERIES: Mapping[str, Callable[..., Arrays]] = {
    "reconstruct": reconstruct,
    "cloud": cloud,
    "code": code,
    "directions": directions,
    "decode": decode,
    "walk": walk,
    "few_labels": few_labels,
}
