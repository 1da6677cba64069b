"""What attention costs: peak bytes and seconds of one kernel against the number of tokens.

Needs torch only. An "epoch" is one length. Bytes are the allocator's own record of one call, beyond the inputs, and
repeat with the same torch; seconds are medians of three calls on your machine, and do not.
"""

import math
import statistics
import time
from collections import Counter
from contextlib import nullcontext
from functools import cache
from itertools import accumulate, combinations_with_replacement

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.checkpoint import checkpoint

# --- settings: begin
KERNEL = "linear"  # Kernel: softmax, written, linear, quadratic, cubic, favor, cosine, rbf, argmax, window, low_rank
BACKEND = "auto"  # Backend of torch's softmax: auto, math, flash, efficient, cudnn
FORM = "cheaper"  # Form: cheaper, pairs, features
CAUSAL = False  # Causal
LENGTHS = "256,512,1024,2048,4096,8192"  # Lengths n (tokens)
WIDTH = 64  # Width d of a head, numbers
HEADS = 2  # Heads
TIMED = "forward"  # Measure: forward, both
SEEDS = (0, 1)
DEVICE = "cpu"
# --- settings: end

NAMES = {"math": "MATH", "flash": "FLASH_ATTENTION", "efficient": "EFFICIENT_ATTENTION", "cudnn": "CUDNN_ATTENTION"}
DEGREES = {"quadratic": 2, "cubic": 3}
FEATURES, REACH, RANK = 256, 64, 16  # of favor, window and low_rank
CHUNK, PIECE, CAUSAL_PIECE = 64, 2**19, 128
COUNTS = {"linear": WIDTH, "cosine": WIDTH + 1, "favor": FEATURES}
COUNTS |= {name: math.comb(WIDTH + degree, degree) for name, degree in DEGREES.items()}


@cache
def roots(degree):
    """Roots of the multinomial coefficients."""
    terms = combinations_with_replacement(range(WIDTH + 1), degree)
    counts = [math.prod(map(math.factorial, Counter(term).values())) for term in terms]
    return torch.tensor([math.sqrt(math.factorial(degree) / one) for one in counts], dtype=torch.float64)


@cache
def directions():
    """FAVOR+'s orthogonal directions, (features, width)."""
    stream = torch.Generator().manual_seed(0)
    squares = torch.randn(-(-FEATURES // WIDTH), WIDTH, WIDTH, generator=stream, dtype=torch.float64)
    lengths = torch.randn(FEATURES, WIDTH, generator=stream, dtype=torch.float64).norm(dim=1, keepdim=True)
    return torch.linalg.qr(squares)[0].mT.flatten(0, 1)[:FEATURES] * lengths


def favor_logits(x):
    """w·x − |x|²/2 of the scaled tokens."""
    x = x * math.sqrt(1 / math.sqrt(WIDTH))
    return x @ directions().to(x).mT - x.square().sum(-1, keepdim=True) / 2


def phi(x):
    """The feature map (…, n, C)."""
    if KERNEL == "linear":
        return (x + 1).clamp_min_(x.clamp_max(0).exp_())
    if KERNEL == "cosine":
        return F.pad(F.normalize(x, dim=-1), (1, 0), value=math.sqrt(1.01))
    if KERNEL == "favor":
        logits = favor_logits(x)
        return (logits - logits.amax(dim=-1, keepdim=True).detach()).exp()
    columns = F.pad(x, (1, 0), value=1.0).mT.contiguous()
    products = columns
    for degree in range(2, DEGREES[KERNEL] + 1):
        counts = [math.comb(WIDTH + 1 - place + degree - 2, degree - 1) for place in range(WIDTH + 1)]
        parts = [columns[..., place, None, :] * products[..., -count:, :] for place, count in enumerate(counts)]
        products = torch.cat(parts, dim=-2)
    return (products * roots(DEGREES[KERNEL]).to(x)[:, None]).mT


def keys(k):
    """Features of keys, and the log of a factor that FAVOR+ takes out."""
    if KERNEL != "favor":
        return phi(k), None
    logits = favor_logits(k)
    largest = logits.amax(dim=(-2, -1), keepdim=True).detach()
    return (logits - largest).exp(), largest


def far(scores):
    """Pairs out of reach."""
    places = torch.arange(scores.shape[-1], device=scores.device)
    return (places[:, None] - places).abs() > REACH


def later(scores):
    """Pairs whose key comes after the query."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)


def weights(q, k):
    """(…, n, n): all pairs, rows divided by their sums."""
    if KERNEL in ("written", "window", "low_rank", "rbf", "argmax"):
        if KERNEL == "rbf":
            squares = q.square().sum(-1, keepdim=True) + k.square().sum(-1)[..., None, :] - 2 * q @ k.mT
            scores = -squares.clamp(min=0) / 2
        else:
            scores = q @ k.mT if KERNEL == "argmax" else q @ k.mT * (1 / math.sqrt(WIDTH))
        if KERNEL == "window":
            scores = scores.masked_fill(far(scores), -math.inf)
        hidden = scores.masked_fill(later(scores), -math.inf) if CAUSAL else scores
        if KERNEL == "argmax":
            return F.one_hot(hidden.argmax(dim=-1), k.shape[-2]).to(q.dtype) + 0 * scores
        found = hidden.softmax(dim=-1)
        if KERNEL == "low_rank":
            left, values, right = torch.linalg.svd(found, full_matrices=False)
            return (left[..., :RANK] * values[..., None, :RANK]) @ right[..., :RANK, :]
        return found
    if KERNEL in DEGREES:
        found = (q @ k.mT + 1) ** DEGREES[KERNEL]
    else:
        found = phi(q) @ keys(k)[0].mT
    found = found.tril() if CAUSAL else found
    return found / found.sum(dim=-1, keepdim=True)


def through_features(q, k, v):
    """A narrow map: all features at once; causal ones in chunks."""
    left, right = phi(q), keys(k)[0]
    if not CAUSAL:
        return (left @ (right.mT @ v)).div_(left @ right.sum(dim=-2, keepdim=True).mT)
    q, k, tokens = left, right, q.shape[-2]
    if tokens % CHUNK:
        q, k, v = (F.pad(one, (0, 0, 0, -tokens % CHUNK)) for one in (q, k, v))
    q, k, v = (one.unflatten(-2, (-1, CHUNK)) for one in (q, k, v))
    within = (q @ k.mT).tril_()
    above, below = within @ v, within.sum(dim=-1, keepdim=True)
    if q.shape[-3] > 1:
        later, earlier = q[..., 1:, :, :], k[..., :-1, :, :]
        above[..., 1:, :, :] += later @ running(earlier.mT @ v[..., :-1, :, :])
        below[..., 1:, :, :] += later @ running(earlier.sum(dim=-2, keepdim=True).mT)
    above, below = (one.flatten(-3, -2)[..., :tokens, :] for one in (above, below))
    return above.div_(below)


def running(parts):
    """Sums along the chunks."""
    return torch.stack(list(accumulate(parts.unbind(dim=-3), torch.add)), dim=-3)


def in_pieces(q, k, v):
    """A wide map: features of a piece of the tokens at a time."""
    v, sums, outputs = F.pad(v, (0, 1), value=1.0), None, []
    size = max(1, min(CAUSAL_PIECE if CAUSAL else PIECE, PIECE // COUNTS[KERNEL]))
    pieces = [slice(start, start + size) for start in range(0, q.shape[-2], size)]
    for piece in pieces:
        if CAUSAL:
            output, sums = lean(causal_piece, q[..., piece, :], k[..., piece, :], v[..., piece, :], sums)
            outputs.append(output)
        else:
            sums = lean(with_keys, k[..., piece, :], v[..., piece, :], sums)
    return torch.cat(outputs or [lean(read, q[..., piece, :], sums) for piece in pieces], dim=-2)


def lean(part, *arguments):
    """For gradients it is computed again."""
    if TIMED == "both":
        return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)
    return part(*arguments)


def with_keys(k, v, before):
    """Sums over keys."""
    features, log = keys(k)
    return added(before, (features.mT @ v, log))


def added(one, other):
    """Two sums as one."""
    if one is None:
        return other
    if one[1] is None:
        return one[0] + other[0], None
    largest = torch.maximum(one[1], other[1])
    return one[0] * (one[1] - largest).exp() + other[0] * (other[1] - largest).exp(), largest


def read(q, sums):
    """Outputs of some queries."""
    return divided(phi(q) @ sums[0])


def causal_piece(q, k, v, before):
    """Outputs of some queries, and the sums up to here."""
    left, (right, log) = phi(q), keys(k)
    whole = ((left @ right.mT).tril_() @ v, log)
    if before is not None:
        whole = added((left @ before[0], before[1]), whole)
    return divided(whole[0]), added(before, (right.mT @ v, log))


def divided(whole):
    """Rows by their last number."""
    return whole[..., :-1] / whole[..., -1:]


def attention(q, k, v):
    """The call that is measured."""
    chosen = sdpa_kernel(getattr(SDPBackend, NAMES[BACKEND])) if BACKEND in NAMES else nullcontext()
    with torch.set_grad_enabled(TIMED == "both"), chosen:
        if KERNEL == "softmax":
            return F.scaled_dot_product_attention(q, k, v, is_causal=CAUSAL, scale=1 / math.sqrt(WIDTH))
        count, tokens = COUNTS.get(KERNEL), q.shape[-2]
        mapping = (count or 0) * (WIDTH if KERNEL == "favor" else 1)
        few = count is None or tokens * 2 * WIDTH <= 2 * (count * WIDTH + mapping)
        if count is None or FORM == "pairs" or (FORM == "cheaper" and few):
            return weights(q, k) @ v
        return in_pieces(q, k, v) if count > 2 * WIDTH else through_features(q, k, v)


def peak_bytes(call):
    """The most that stood in memory at once."""
    if DEVICE == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        call()
    events = [one for one in record.profiler.kineto_results.events() if one.name() == "[memory]"]
    return max(accumulate(one.nbytes() for one in sorted(events, key=lambda one: one.start_ns())))


def seconds(call):
    """Of one call."""
    began = time.perf_counter()
    call()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(seed, length):
    """One line."""
    stream = torch.Generator().manual_seed(seed)
    inputs = [torch.randn((1, HEADS, length, WIDTH), generator=stream).to(DEVICE) for _ in range(3)]
    for one in inputs:
        one.requires_grad_(TIMED == "both")
    attention(*inputs)
    whole = lambda: torch.autograd.grad(attention(*inputs).sum(), inputs)  # noqa: E731
    numbers = {"peak_bytes": peak_bytes(whole if TIMED == "both" else lambda: attention(*inputs))}
    numbers["forward_seconds"] = statistics.median(seconds(lambda: attention(*inputs)) for _ in range(3))
    if TIMED == "both":
        output = attention(*inputs)
        back = lambda: torch.autograd.grad(output, inputs, torch.ones_like(output), retain_graph=True)  # noqa: E731
        numbers["backward_seconds"] = statistics.median(seconds(back) for _ in range(3))
    print(f"seed={seed} epoch={length}", " ".join(f"{name}={value:.9g}" for name, value in numbers.items()), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in SEEDS:
        for length in sorted({int(one) for one in LENGTHS.split(",")}):
            measure(seed, length)
