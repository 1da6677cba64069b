"""What a language model says and looks at: the same text in any pieces, and what order means to whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.data import text as texts
from core.experiments.gpt import GptConfig, build
from core.nn.gpt import Gpt
from core.queries import gpt
from core.queries.gpt import attention, context_start, distances, lengths, order, say, windows, written
from core.queries.sampling import Sampling, drawn

CPU = torch.device("cpu")


def config(**changes: object) -> GptConfig:
    tiny = {"size": "own", "layers": 2, "heads": 2, "width": 16, "block": 16}
    return GptConfig.parse({**tiny, **changes})


def untrained(settings: GptConfig, scale: float = 15.0) -> Gpt:
    torch.manual_seed(0)
    net = build(settings).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(scale)
    assert isinstance(net, Gpt)
    return net


def asked(question, settings: GptConfig, **arguments):
    return question(untrained(settings), settings, device=CPU, **arguments).arrays


def test_a_context_is_all_of_a_text_up_to_a_block_and_then_at_least_half_of_one():
    starts = [context_start(length, 16) for length in range(1, 60)]
    read = [length - start for length, start in zip(range(1, 60), starts, strict=True)]
    assert read[:16] == list(range(1, 17))
    assert set(read[16:]) == set(range(9, 17))
    assert starts == sorted(starts) and {start % 8 for start in starts} == {0}


@pytest.mark.parametrize("kernel", ["softmax", "linear"])
@pytest.mark.parametrize("positions", ["none", "absolute", "rotary"])
def test_the_same_text_is_said_with_what_is_kept_and_without(kernel: str, positions: str):
    net, how = untrained(config(kernel=kernel, positions=positions)), Sampling(seed=2)
    kept = written(net, [3, 1, 4], how, 40)
    anew = written(net, [3, 1, 4], how, 40, cached=False)
    assert [one for one, _ in kept] == [one for one, _ in anew]
    assert len({one for one, _ in kept}) > 5
    np.testing.assert_allclose([one.numpy() for _, one in kept], [one.numpy() for _, one in anew], atol=1e-4)


def test_pieces_of_an_answer_are_the_answer():
    settings = config()
    names = texts.load("grammar").characters
    whole = asked(say, settings, prompt="the king", count=20, draw=5, temperature=0.8, top_k=9)
    said = "".join(names[one] for one in whole["text"])
    rest = asked(say, settings, prompt="the king", before=said[:7], count=13, draw=5, temperature=0.8, top_k=9)
    assert "".join(names[one] for one in rest["text"]) == said[7:]
    np.testing.assert_allclose(rest["logits"], whole["logits"][7:], atol=1e-4)


def test_every_character_was_drawn_from_the_logits_beside_it():
    how = Sampling(1.2, 6, 0.9, 4)
    found = asked(say, config(), prompt="hugo", count=30, temperature=1.2, top_k=6, top_p=0.9, draw=4)
    again = [drawn(row, even) for row, even in zip(how.probabilities(found["logits"]), how.draws(0, 30), strict=True)]
    assert again == found["text"].tolist()
    assert [chr(one) for one in found["characters"]] == list(texts.load("grammar").characters)


def test_an_empty_prompt_begins_somewhere():
    assert int(asked(say, config(), prompt="", count=1)["prompt"]) == 1
    assert (
        gpt.beginning(("\n", " ", "a")) == "\n"
        and gpt.beginning((" ", "a")) == " "
        and gpt.beginning(("a", "b")) == "a"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": "the café"}, "has never seen “é”"),
        ({"count": 2001}, "an answer from 1 to 2,000"),
        ({"prompt": "a" * 4001}, "A prompt may have 2,000 characters"),
        ({"temperature": -1.0}, "temperature must be from 0"),
    ],
)
def test_what_cannot_be_said_is_explained(arguments: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        asked(say, config(), **arguments)


def test_attention_is_of_the_typed_text():
    found = asked(attention, config(), text="the king and the queen")
    assert found["weights"].shape == (2, 2, 16, 16)  # no more than a block
    assert "".join(map(chr, found["text"])) == "the king and the"
    np.testing.assert_allclose(found["weights"].sum(-1), 1, atol=1e-5)
    assert found["logits"].shape == (16, 27)
    assert len(asked(attention, config())["text"]) == 16
    with pytest.raises(ValueError, match="two characters or more; got 1"):
        asked(attention, config(), text="a")


def test_attention_by_distance_is_the_mean_over_diagonals(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpt, "READ_BLOCKS", 2)
    settings = config()
    net, found = untrained(settings), asked(distances, settings)
    blocks = windows(texts.load("grammar").held_out, 16, 2)[:, :-1]
    weights = net.weights(blocks).detach().numpy()
    by_hand = [np.mean([weights[..., row, row - back] for row in range(8, 16)], axis=(0, 1)) for back in range(8)]
    np.testing.assert_allclose(found["attention"], np.stack(by_hand, axis=-1), atol=1e-5)
    np.testing.assert_allclose(found["even"], np.mean([1 / (row + 1) for row in range(8, 16)]), atol=1e-6)


def test_only_a_causal_stack_without_positions_sees_order():
    found = asked(order, config(layers=3, positions="none"))
    none = found["untrained"][found["positions"].tolist().index("none")]  # (depths, causal and full)
    assert none[0].max() < 1e-12  # one layer's last character: a bag
    assert none[:, 1].max() < 1e-12  # full attention, however deep: a bag
    assert none[1:, 0].min() > 1e-9  # causal layers upon one another: no bag
    assert found["untrained"][1:].min() > 1e-9  # positions: no bag
    trained = found["trained"]
    assert trained[0].max() < 1e-12 and trained[:, 1].max() < 1e-12 and trained[1:, 0].min() > 1e-4


def test_a_net_of_fewer_layers_is_asked_about_those():
    assert asked(order, config(layers=1))["trained"].shape == (1, 2)


def test_loss_by_place_goes_on_beyond_the_block():
    settings = config(positions="absolute")
    found = asked(lengths, settings)
    assert found["loss"].shape == found["error"].shape == (64,)
    held_out = texts.load("grammar").held_out
    one = windows(held_out, 64, gpt.LONG_BLOCKS)
    with torch.inference_mode():
        log = untrained(settings)(one[:, :-1]).log_softmax(-1)
    assert found["rise"].shape == (len(one),)
    assert found["rise"].mean() == pytest.approx(found["loss"][16:].mean() - found["loss"][8:16].mean(), abs=1e-6)
    np.testing.assert_allclose(found["loss"][40], -log[torch.arange(len(one)), 40, one[:, 41]].mean(), rtol=1e-4)
