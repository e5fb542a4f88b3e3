"""Rules, clipping and schedules against PyTorch, on the same numbers."""

import warnings

import numpy as np
import pytest

import optim
from optim import clip_by_norm
from optim.schedules import Constant, Cosine, Step, Warmup

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
SHAPES = {"0.W": (4, 3), "0.b": (4,), "1.s": (), "2.W": (2, 3, 2, 2)}

RULES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ("RMSProp", {"lr": 0.01}),
    ("RMSProp", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.05}),
    ("RMSProp", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.05}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.05}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("Adam", {"lr": 0.05, "betas": (0.0, 0.9), "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    ("Adadelta", {"lr": 1.0}),
    ("Adadelta", {"lr": 3.0, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.05}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.05}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.05, "momentum_decay": 0.5}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.05}),
    ("RAdam", {"lr": 0.05, "betas": (0.9, 0.5)}),
]
every_rule = pytest.mark.parametrize(("name", "options"), RULES, ids=lambda value: str(value))


@pytest.fixture(autouse=True)
def quiet_torch():
    """What PyTorch warns of is not ours; all other warnings stay errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"torch(\.|$)")
        yield


@pytest.fixture
def float64_scalars():
    """PyTorch keeps NAdam's product of mu in its default dtype, which is float32."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def theirs(name):
    return getattr(torch.optim, {"RMSProp": "RMSprop"}.get(name, name))


def numbers(rng, dtype):
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in SHAPES.items()}


def tensors(named):
    return {name: torch.tensor(array, requires_grad=True) for name, array in named.items()}


def walk(optimizer, params, peer, peers, dtype, steps=25, after=lambda: None, draw=numbers, tolerance=None):
    """Both take the same steps along the same random gradients, of which one is zero now and then."""
    rng = np.random.default_rng(1)
    for step in range(steps):
        grads = draw(rng, dtype)
        if step % 5 == 0:
            grads[list(grads)[1]] *= 0
        optimizer.step(grads)
        for name, tensor in peers.items():
            tensor.grad = torch.tensor(grads[name])
        peer.step()
        after()
    tolerance = tolerance or (1e-9 if dtype == np.float64 else 1e-4)
    for name, tensor in peers.items():
        expected = tensor.detach().numpy()
        assert params[name].dtype == dtype
        np.testing.assert_allclose(params[name], expected, rtol=tolerance, atol=tolerance, err_msg=name)


@every_rule
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.usefixtures("float64_scalars")
def test_25_steps_are_those_of_pytorch(name, options, dtype):
    params = numbers(np.random.default_rng(0), dtype)
    peers = tensors(params)
    optimizer = getattr(optim, name)(params, **{"lr": 1e-3, **options})
    walk(optimizer, params, theirs(name)(peers.values(), **{"lr": 1e-3, **options}), peers, dtype)


def matrices(rng, dtype):
    shapes = {"wide": (3, 7), "tall": (7, 3), "square": (4, 4), "row": (1, 5)}
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in shapes.items()}


has_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has Muon from 2.9 on")
MUON = pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.8, "nesterov": False, "weight_decay": 0.3}, {"momentum": 0.0, "weight_decay": 0.0}],
    ids=str,
)


@MUON
@has_muon
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_25_steps_of_muon_are_those_of_pytorch_without_its_rounding(options, dtype, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    params = matrices(np.random.default_rng(0), dtype)
    peers = tensors(params)
    optimizer = optim.Muon(params, lr=0.02, **options)
    walk(optimizer, params, torch.optim.Muon(peers.values(), lr=0.02, **options), peers, dtype, draw=matrices)


@MUON
@has_muon
def test_25_steps_of_muon_are_about_those_of_pytorch_with_its_rounding(options):
    params = matrices(np.random.default_rng(0), np.float32)
    peers = tensors(params)
    optimizer = optim.Muon(params, lr=0.02, **options)
    peer = torch.optim.Muon(peers.values(), lr=0.02, **options)
    walk(optimizer, params, peer, peers, np.float32, draw=matrices, tolerance=2e-2)


DEFAULTS = [
    ("SGD", "lr"), ("RMSProp", "lr"), ("Adagrad", "lr"), ("Adam", ""), ("AdamW", ""), ("Adadelta", ""),
    ("Adamax", ""), ("NAdam", ""), ("RAdam", ""),
    pytest.param("Muon", "betas eps", marks=has_muon),
]  # fmt: skip


@pytest.mark.parametrize(("name", "own"), DEFAULTS)
def test_default_hyperparameters_are_those_of_pytorch(name, own):
    ours = getattr(optim, name)({"p": np.ones(1)}, **({"lr": 0.1} if own == "lr" else {}))
    group = theirs(name)([torch.ones(1, 1)]).param_groups[0]
    shown = eval(repr(ours).replace(name, "dict", 1))
    assert shown.keys() >= set(own.split())
    shared = shown.keys() - own.split()
    assert {key: shown[key] for key in shared} == {key: group[key] for key in shared}


def test_every_exported_rule_but_lion_and_muon_has_a_row():
    rules = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)} - {"Optimizer", "EMA"}
    assert {name for name, _ in RULES} == rules - {"Lion", "Muon"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_averages_of_the_weights_are_those_of_pytorch(dtype):
    # AveragedModel's first update copies; EMA is that copy from the start, so it has one update fewer
    params = numbers(np.random.default_rng(0), dtype)
    model = torch.nn.ParameterList(tensors(params).values())
    peer = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    ema = optim.EMA(params, decay=0.9)
    peer.update_parameters(model)
    rng = np.random.default_rng(1)
    for _ in range(25):
        for (name, change), tensor in zip(numbers(rng, dtype).items(), model, strict=True):
            params[name] += change
            tensor.data.copy_(torch.tensor(params[name]))
        ema.update()
        peer.update_parameters(model)
    assert peer.n_averaged == ema.steps + 1
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for name, tensor in zip(params, peer.module, strict=True):
        expected = tensor.detach().numpy()
        np.testing.assert_allclose(ema.average[name], expected, rtol=tolerance, atol=tolerance, err_msg=name)


def test_groups_are_pytorchs_parameter_groups():
    params = numbers(np.random.default_rng(0), np.float64)
    peers = tensors(params)
    groups = {"*.b": {"weight_decay": 0.0}, "2.*": {"lr": 0.02, "betas": (0.5, 0.9)}}
    optimizer = optim.AdamW(params, lr=0.05, weight_decay=0.3, groups=groups)
    peer = torch.optim.AdamW(
        [
            {"params": [peers["0.b"]], "weight_decay": 0.0},
            {"params": [peers["2.W"]], "lr": 0.02, "betas": (0.5, 0.9)},
            {"params": [peers["0.W"], peers["1.s"]]},
        ],
        lr=0.05,
        weight_decay=0.3,
    )
    walk(optimizer, params, peer, peers, np.float64)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_training_with_a_schedule_is_that_of_pytorch(name):
    params = numbers(np.random.default_rng(0), np.float64)
    peers = tensors(params)
    options = {"weight_decay": 0.1, **({"momentum": 0.9} if name == "SGD" else {})}
    optimizer = getattr(optim, name)(params, lr=Cosine(0.1, steps=25, end=0.01), **options)
    peer = theirs(name)(peers.values(), lr=0.1, **options)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(peer, T_max=25, eta_min=0.01)
    walk(optimizer, params, peer, peers, np.float64, after=scheduler.step)


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("max_norm", [1e-7, 0.5, 7.0, 1e3])
def test_clipping_is_that_of_pytorch(max_norm, dtype):
    grads = numbers(np.random.default_rng(0), dtype)
    peers = tensors(grads)
    for name, tensor in peers.items():
        tensor.grad = torch.tensor(grads[name])
    expected = torch.nn.utils.clip_grad_norm_(peers.values(), max_norm).item()
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    assert clip_by_norm(grads, max_norm) == pytest.approx(expected, rel=tolerance)
    for name, tensor in peers.items():
        np.testing.assert_allclose(grads[name], tensor.grad.numpy(), rtol=tolerance, err_msg=name)


def test_clipping_tiny_gradients_has_pytorchs_millionth_in_the_factor():
    grads, tensor = {"W": np.array([3e-6, 4e-6])}, torch.ones(2, dtype=torch.float64)
    tensor.grad = torch.tensor(grads["W"])
    torch.nn.utils.clip_grad_norm_([tensor], 3e-6)
    clip_by_norm(grads, 3e-6)
    np.testing.assert_allclose(grads["W"], tensor.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(grads["W"], [1.5e-6, 2e-6], rtol=1e-14)  # 3e-6 / (5e-6 + 1e-6) = 1/2


def rates(build, lr=0.1, steps=200):
    """The learning rates of a PyTorch scheduler before each of `steps` updates."""
    tensor = torch.ones(1)
    tensor.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([tensor], lr=lr)
    scheduler, found = build(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_constant_is_pytorchs_constant():
    expected = rates(lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0))
    assert [Constant(0.1)(step) for step in range(200)] == expected


@pytest.mark.parametrize(("every", "factor"), [(30, 0.1), (1, 0.99), (7, 0.5)])
def test_step_is_pytorchs_step(every, factor):
    expected = rates(lambda o: torch.optim.lr_scheduler.StepLR(o, every, gamma=factor))
    np.testing.assert_allclose([Step(0.1, every, factor)(step) for step in range(200)], expected, rtol=1e-12)


@pytest.mark.parametrize("end", [0.0, 0.02])
def test_cosine_is_pytorchs_cosine_up_to_its_end_and_then_stays(end):
    schedule = Cosine(0.1, steps=150, end=end)
    expected = rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=150, eta_min=end))
    found = [schedule(step) for step in range(200)]
    np.testing.assert_allclose(found[:151], expected[:151], rtol=1e-9, atol=1e-15)
    assert found[150:] == [end] * 50


def test_warmup_is_pytorchs_linear_start_one_step_on():
    # LinearLR may not start at 0: from lr/20 in 19 steps it is one step ahead
    expected = rates(lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / 20, total_iters=19))
    schedule = Warmup(20, Constant(0.1))
    np.testing.assert_allclose([schedule(step) for step in range(1, 201)], expected, rtol=1e-12)


def test_warmup_then_cosine_is_pytorchs_sequence_of_both():
    def sequence(optimizer):
        up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 20)
        down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=180)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [up, down], milestones=[20])

    schedule = Warmup(20, Cosine(0.1, steps=180))
    found = [schedule(step) for step in range(200)]
    np.testing.assert_allclose(found, rates(sequence), rtol=1e-9, atol=1e-15)
