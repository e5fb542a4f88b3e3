"""Attention, its heads and the transformer's block equal PyTorch's, over seeded random configurations."""

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
F = torch.nn.functional

SEEDS = range(20)
PRECISION = {np.float64: 1e-9, np.float32: 2e-4}

both_dtypes = pytest.mark.parametrize("dtype", PRECISION)


def close(ours, theirs, dtype):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == dtype
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(ours, expected, rtol=PRECISION[dtype], atol=PRECISION[dtype] * scale)


def tensors(*arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def random_mask(rng, *shape):
    """A mask that leaves every query the first key."""
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True
    return mask


def random_padding(rng, n, keys):
    """A mask (N, 1, Tk) that keeps the first few keys of every row."""
    return (np.arange(keys) < rng.integers(1, keys + 1, n)[:, None])[:, None]


@both_dtypes
@pytest.mark.parametrize("kind", ["all", "causal", "mask", "broadcast mask"])
def test_scaled_dot_product_attention_equals_pytorchs(kind, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        lead = tuple(rng.integers(1, 4, rng.integers(1, 3)))
        queries, keys, features, values = rng.integers(1, 8, 4)
        scale = rng.choice([0.1, 1, 10])
        x = [
            (scale * rng.standard_normal((*lead, *shape))).astype(dtype)
            for shape in ((queries, features), (keys, features), (keys, values))
        ]
        mask = None
        if "mask" in kind:
            mask = random_mask(rng, *((1,) * len(lead) if "broadcast" in kind else lead), queries, keys)
        ours = L.ScaledDotProductAttention(causal=kind == "causal")
        y = ours.forward(tuple(x) if mask is None else (*x, mask))
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, _ = ours.backward(upstream)

        t = tensors(*x)
        attn_mask = None if mask is None else torch.tensor(mask)
        theirs = F.scaled_dot_product_attention(*t, attn_mask=attn_mask, is_causal=kind == "causal")
        theirs.backward(torch.tensor(upstream))
        close(y, theirs, dtype)
        for part, tensor in zip(dx, t, strict=False):
            close(part, tensor.grad, dtype)


def multihead_pair(rng, dtype, causal=False):
    heads = int(rng.integers(1, 5))
    dim, bias = heads * int(rng.integers(1, 5)), bool(rng.integers(2))
    ours = L.MultiHeadAttention(dim, heads, causal=causal, bias=bias, rng=rng).astype(dtype)
    theirs = torch.nn.MultiheadAttention(
        dim, heads, bias=bias, batch_first=True, dtype=torch.tensor(dtype()).dtype
    )
    for array in ours.params.values():
        array += rng.uniform(-0.5, 0.5, array.shape).astype(dtype)
    take_over(theirs, ours.params)
    return ours, theirs, dim


def take_over(theirs, params):
    """PyTorch stacks W_q, W_k, W_v in one array."""
    with torch.no_grad():
        for kind, stacked, out in (
            ("W", theirs.in_proj_weight, theirs.out_proj.weight),
            ("b", theirs.in_proj_bias, theirs.out_proj.bias),
        ):
            if stacked is not None:
                stacked[...] = torch.tensor(np.concatenate([params[f"{kind}_{name}"] for name in "qkv"]))
                out[...] = torch.tensor(params[f"{kind}_o"])


def close_grads(grads, theirs, dtype):
    stacked = {"W": theirs.in_proj_weight, "b": theirs.in_proj_bias}
    out = {"W": theirs.out_proj.weight, "b": theirs.out_proj.bias}
    for name, grad in grads.items():
        kind, part = name.split("_")
        expected = out[kind].grad if part == "o" else stacked[kind].grad.chunk(3)["qkv".index(part)]
        close(grad, expected, dtype)


@both_dtypes
@pytest.mark.parametrize(
    "kind", ["all", "causal", "(Tq, Tk)", "(N, Tq, Tk)", "(N, heads, Tq, Tk)", "padding"]
)
def test_self_attention_equals_pytorchs(kind, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, dim = multihead_pair(rng, dtype, causal=kind == "causal")
        n, steps = (int(size) for size in rng.integers(1, 7, 2))
        x = rng.standard_normal((n, steps, dim)).astype(dtype)
        t = torch.tensor(x, requires_grad=True)
        mask, forbidden = draw_mask(kind, rng, n, ours.heads, steps, steps)
        check_multihead(ours, theirs, x if mask is None else (x, mask), (t, t, t), forbidden, [t], dtype, rng)


@both_dtypes
@pytest.mark.parametrize("kind", ["all", "(Tq, Tk)", "(N, Tq, Tk)", "(N, heads, Tq, Tk)", "padding"])
def test_attention_to_others_equals_pytorchs(kind, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, dim = multihead_pair(rng, dtype)
        n, queries, keys = (int(size) for size in rng.integers(1, 7, 3))
        x = tuple(rng.standard_normal((n, steps, dim)).astype(dtype) for steps in (queries, keys, keys))
        t = tensors(*x)
        mask, forbidden = draw_mask(kind, rng, n, ours.heads, queries, keys)
        check_multihead(ours, theirs, x if mask is None else (*x, mask), t, forbidden, t, dtype, rng)


def draw_mask(kind, rng, n, heads, queries, keys):
    """Our mask, and PyTorch's options for the same: there True forbids, and heads are folded into N."""
    if kind == "all":
        return None, {}
    if kind == "causal":
        return None, {"attn_mask": torch.tensor(~np.tri(queries, dtype=bool))}
    if kind == "padding":
        mask = random_padding(rng, n, keys)
        return mask, {"key_padding_mask": torch.tensor(~mask[:, 0])}
    sizes = {"N": n, "heads": heads, "Tq": queries, "Tk": keys}
    mask = random_mask(rng, *(sizes[name] for name in kind.strip("()").split(", ")))
    theirs = mask
    if mask.ndim > 2:
        by_head = mask if mask.ndim == 4 else np.repeat(mask[:, None], heads, axis=1)
        theirs = by_head.reshape(n * heads, queries, keys)
    return mask, {"attn_mask": torch.tensor(~theirs)}


def check_multihead(ours, theirs, x, qkv, options, leaves, dtype, rng):
    y = ours.forward(x)
    upstream = rng.standard_normal(y.shape).astype(dtype)
    dx, grads = ours.backward(upstream)
    expected, _ = theirs(*qkv, need_weights=False, **options)
    expected.backward(torch.tensor(upstream))
    close(y, expected, dtype)
    for part, leaf in zip(dx if isinstance(dx, tuple) else (dx,), leaves, strict=False):
        close(part, leaf.grad, dtype)
    assert list(grads) == list(ours.params)
    close_grads(grads, theirs, dtype)


@both_dtypes
@pytest.mark.parametrize("kind", ["all", "causal", "padding", "causal and padding"])
def test_the_transformer_block_equals_pytorchs_encoder_layer(kind, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        heads = int(rng.integers(1, 4))
        dim, hidden = heads * int(rng.integers(2, 5)), int(rng.integers(1, 20))
        n, steps = rng.integers(1, 7, 2)
        ours = L.TransformerBlock(dim, heads, hidden, causal="causal" in kind, rng=rng).astype(dtype)
        theirs = torch.nn.TransformerEncoderLayer(
            dim, heads, hidden, dropout=0, activation="gelu", norm_first=True, batch_first=True,
            dtype=torch.tensor(dtype()).dtype,
        )  # fmt: skip
        p = ours.params
        for array in p.values():
            array += rng.uniform(-0.5, 0.5, array.shape).astype(dtype)
        peers = {
            "norm1.gamma": theirs.norm1.weight,
            "norm1.beta": theirs.norm1.bias,
            "norm2.gamma": theirs.norm2.weight,
            "norm2.beta": theirs.norm2.bias,
            "mlp.0.W": theirs.linear1.weight,
            "mlp.0.b": theirs.linear1.bias,
            "mlp.2.W": theirs.linear2.weight,
            "mlp.2.b": theirs.linear2.bias,
        }
        for name, tensor in peers.items():
            tensor.data[...] = torch.tensor(p[name])
        take_over(theirs.self_attn, ours.attention.params)

        x, options = rng.standard_normal((n, steps, dim)).astype(dtype), {}
        t, given = torch.tensor(x, requires_grad=True), x
        if "padding" in kind:
            mask = random_padding(rng, n, steps)
            given, options["src_key_padding_mask"] = (x, mask), torch.tensor(~mask[:, 0])
        if "causal" in kind:
            options["src_mask"] = torch.tensor(~np.tri(steps, dtype=bool))
        y = ours.forward(given)
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, grads = ours.backward(upstream)
        expected = theirs(t, **options)
        expected.backward(torch.tensor(upstream))
        close(y, expected, dtype)
        close(dx[0] if "padding" in kind else dx, t.grad, dtype)
        for name, tensor in peers.items():
            close(grads[name], tensor.grad, dtype)
        attention = {name: grad for name, grad in grads.items() if name.startswith("attention.")}
        assert set(grads) == {*peers, *attention}
        close_grads({name.split(".")[1]: grad for name, grad in attention.items()}, theirs.self_attn, dtype)


def test_learned_positions_equal_pytorchs_embedding_of_the_steps():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        steps, more, dim, n = rng.integers(1, 6, 4)
        ours = L.PositionalEncoding(steps + more, dim, learned=True, rng=rng, dtype=np.float64)
        x = rng.standard_normal((n, steps, dim))
        y = ours.forward(x)
        upstream = rng.standard_normal(y.shape)
        dx, grads = ours.backward(upstream)
        t, W = tensors(x, ours.params["W"])
        expected = t + F.embedding(torch.arange(int(steps)), W)
        expected.backward(torch.tensor(upstream))
        for mine, theirs in ((y, expected), (dx, t.grad), (grads["W"], W.grad)):
            close(mine, theirs, np.float64)
