"""The networks of steps.py in JAX, the whole step compiled: the gradient, and Adam by its formulas."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Params(dict):
    """Arrays by name, started as they are first asked for: apply(params, x) runs once to make them."""

    rng = np.random.default_rng(0)

    def get_or_start(self, name, shape, scale):
        if name not in self:
            self[name] = jnp.asarray(scale * self.rng.standard_normal(shape), jnp.float32)
        return self[name]


def affine(p, name, x, m):
    n = x.shape[-1]
    return x @ p.get_or_start(f"{name}.W", (n, m), n**-0.5) + p.get_or_start(f"{name}.b", (m,), 0.0)


def conv(p, name, x, m, k, padding):
    W = p.get_or_start(f"{name}.W", (m, x.shape[1], k, k), (x.shape[1] * k * k) ** -0.5)
    return lax.conv_general_dilated(x, W, (1, 1), [(padding, padding)] * 2)


def scaled(p, name, x, axes, shape):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    gamma, beta = (p.get_or_start(f"{name}.{key}", shape, 0.0) for key in ("gamma", "beta"))
    return (1 + gamma) * (x - mean) / jnp.sqrt(var + 1e-5) + beta


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def mlp(p, x, sizes):
    for i, m in enumerate(sizes[1:-1]):
        x = jax.nn.relu(affine(p, f"{i}", x, m))
    return affine(p, "last", x, sizes[-1])


def lenet(p, x, sizes):
    for i, (m, padding) in enumerate(((6, 2), (16, 0))):
        b = p.get_or_start(f"conv{i}.b", (m, 1, 1), 0.0)
        x = pool(jax.nn.relu(conv(p, f"conv{i}", x, m, 5, padding) + b))
    return mlp(p, x.reshape(len(x), -1), (400, 120, 84, 10))


def resnet(p, x, sizes):
    def normed(name, x, m):
        return scaled(p, name, conv(p, name, x, m, 3, 1), (0, 2, 3), (m, 1, 1))

    x = jax.nn.relu(normed("a", x, 16))
    x = pool(jax.nn.relu(x + normed("c", jax.nn.relu(normed("b", x, 16)), 16)))
    return affine(p, "last", jax.nn.relu(normed("d", x, 32)).mean((2, 3)), 10)


def lstm(p, x, sizes):
    H = sizes[2]
    a_x = affine(p, "x", x, 4 * H).swapaxes(0, 1)
    W_h = p.get_or_start("h.W", (H, 4 * H), H**-0.5)

    def one(state, a):
        h, c = state
        i, f, g, o = jnp.split(a + h @ W_h, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    start = jnp.zeros((len(x), H), jnp.float32)
    (h, _), _ = lax.scan(one, (start, start), a_x)
    return affine(p, "last", h, 10)


def transformer(p, x, sizes):
    T, dim, heads = sizes
    mask = np.where(np.tri(T, dtype=bool), 0, -np.inf).astype(np.float32)
    for b in range(2):
        z = scaled(p, f"{b}.norm1", x, -1, (dim,))
        q, k, v = (affine(p, f"{b}.{n}", z, dim).reshape(len(x), T, heads, -1).swapaxes(1, 2) for n in "qkv")
        A = jax.nn.softmax(q @ k.swapaxes(2, 3) * (dim // heads) ** -0.5 + mask)
        x = x + affine(p, f"{b}.o", (A @ v).swapaxes(1, 2).reshape(x.shape), dim)
        z = jax.nn.gelu(affine(p, f"{b}.in", scaled(p, f"{b}.norm2", x, -1, (dim,)), 4 * dim), False)
        x = x + affine(p, f"{b}.out", z, dim)
    return affine(p, "last", scaled(p, "norm", x, -1, (dim,)), 10)


def network(kind, sizes, batch):
    """(params, apply, x, target)"""
    shape = {"mlp": sizes[:1], "lstm": sizes[:2], "transformer": sizes[:2]}.get(kind, sizes)
    rng, params, net = np.random.default_rng(0), Params(), globals()[kind]
    x = jnp.asarray(rng.standard_normal((batch, *shape)), jnp.float32)
    net(params, x, sizes)  # starts the parameters
    if sizes[-1] == 1:
        target = jnp.asarray(rng.standard_normal((batch, 1)), jnp.float32)
    else:
        steps = shape[:1] if kind == "transformer" else ()  # it has a target at every step
        target = jnp.asarray(rng.integers(10, size=(batch, *steps)))
    return dict(params), lambda p, x: net(Params(p), x, sizes), x, target


def training(kind, sizes, batch):
    params, apply, x, target = network(kind, sizes, batch)

    def loss(p):
        scores = apply(p, x)
        if sizes[-1] == 1:
            return jnp.mean((scores - target) ** 2)
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), target[..., None], -1).mean()

    @jax.jit
    def update(p, m, v, t):
        value, g = jax.value_and_grad(loss)(p)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        scale, rate = jnp.sqrt(1 - 0.999**t), 1e-3 / (1 - 0.9**t)
        p = jax.tree.map(lambda p, m, v: p - rate * scale * m / (jnp.sqrt(v) + 1e-8 * scale), p, m, v)
        return p, m, v, t + 1, value

    zeros = jax.tree.map(jnp.zeros_like, params)
    state = [params, zeros, zeros, jnp.float32(1)]

    def step():
        *state[:], value = update(*state)
        jax.block_until_ready((state, value))

    return step


def prediction(kind, sizes, batch):
    params, apply, x, _ = network(kind, sizes, batch)
    predict = jax.jit(apply)
    return lambda: jax.block_until_ready(predict(params, x))
