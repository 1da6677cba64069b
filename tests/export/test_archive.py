"""Weights and event files: what other programs read from them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from core.export.archive import tensorboard, weights_file
from tests.export.samples import KETTLE, finished

WEIGHTS = {seed: {"weight": np.arange(6, dtype=np.float32).reshape(2, 3).T + seed} for seed in (4, 5)}


def unzipped(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_weights_of_several_seeds_are_a_zip_of_safetensors() -> None:
    files = unzipped(weights_file(KETTLE, finished(), WEIGHTS))
    assert list(files) == ["seed-4.safetensors", "seed-5.safetensors"]
    np.testing.assert_array_equal(safetensors.numpy.load(files["seed-5.safetensors"])["weight"], WEIGHTS[5]["weight"])


@pytest.mark.parametrize("snapshot", [finished(seeds=(4,)), finished(recorded="recorded one day")])
def test_weights_of_one_seed_are_the_file_itself(snapshot: object, tmp_path: object) -> None:
    path = tmp_path / "one.safetensors"  # type: ignore[operator]
    path.write_bytes(weights_file(KETTLE, snapshot, {4: WEIGHTS[4]}))  # type: ignore[arg-type]
    with safe_open(path, framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("weight"), WEIGHTS[4]["weight"])
        facts = file.metadata()
    assert json.loads(facts["settings"])["water"] == "hard"
    assert (facts["seed"], facts["experiment"]) == ("4", "kettle")


def test_no_weights_is_said() -> None:
    with pytest.raises(ValueError, match="No seed of this run has weights yet"):
        weights_file(KETTLE, finished(), {})


def test_event_files_have_a_folder_a_seed_and_every_scalar() -> None:
    files = unzipped(tensorboard(KETTLE, finished()))
    found = {name: list(scalars(body)) for name, body in files.items() if "tfevents" in name}
    first, second = (f"kettle/seed {seed}/events.out.tfevents.1760000000.layerlab" for seed in (4, 5))
    assert found[second] == [("heat", 1, 25.5), ("heat", 2, 45.0)]
    within = "steam, hot (step: epoch/1000)"
    expected = [("heat", 1, 24.5), ("heat", 2, 44.0), ("steam, hot", 1, 1 / 3)]
    expected += [(within, 250, 0.1), (within, 500, 0.2), (within, 1000, 1 / 3)]
    assert [(tag, step) for tag, step, _ in found[first]] == [(tag, step) for tag, step, _ in expected]
    assert [value for *_, value in found[first]] == pytest.approx([value for *_, value in expected])
    assert json.loads(files["kettle/seed 4/settings.json"])["seed"] == 4


def test_the_same_run_gives_the_same_bytes() -> None:
    assert tensorboard(KETTLE, finished()) == tensorboard(KETTLE, finished())


def scalars(body: bytes) -> Iterator[tuple[str, int, float]]:
    """Tag, step and value of every scalar, by TensorBoard's own schema."""
    from tensorboardX.proto.event_pb2 import Event

    events = [Event.FromString(record) for record in records(body)]
    assert events[0].file_version == "brain.Event:2"
    for event in events[1:]:
        (value,) = event.summary.value
        yield value.tag, event.step, value.simple_value


def records(body: bytes) -> Iterator[bytes]:
    """The TFRecord framing, checksums included: length, its CRC, data, their CRC."""
    while body:
        (length, length_crc), body = struct.unpack("<QI", body[:12]), body[12:]
        data, (data_crc,), body = body[:length], struct.unpack("<I", body[length : length + 4]), body[length + 4 :]
        assert masked_crc32c(struct.pack("<Q", length)) == length_crc
        assert masked_crc32c(data) == data_crc
        yield data


def masked_crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, rotated and shifted as TFRecord asks."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_our_checksum_is_the_published_one() -> None:
    assert masked_crc32c(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
