"""What containers add to the contract, and a student's first layer."""

import copy

import numpy as np
import pytest

from gradcheck import check_layer
from layers import (
    Affine,
    BatchNorm,
    Branch,
    Container,
    Dropout,
    Flatten,
    Layer,
    Parallel,
    ReLU,
    Residual,
    Sequential,
)
from optim import SGD


class Scale(Layer):
    """y = gamma * x.   Shapes: x (N, D), gamma (D,)."""

    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        x = self.cache
        return upstream * self.params["gamma"], {"gamma": (upstream * x).sum(axis=0)}


class Gated(Container):
    """y = f(x) * g(x): a container of one's own."""

    def __init__(self, features):
        self.f, self.g = Affine(features, features, rng=0), Scale(features)

    def forward(self, x):
        self.cache = a, b = self.forward_child("f", x), self.forward_child("g", x)
        return a * b

    def backward(self, upstream):
        a, b = self.cache
        dx_f, grads_f = self.backward_child("f", upstream * b)
        dx_g, grads_g = self.backward_child("g", upstream * a)
        return dx_f + dx_g, grads_f | grads_g


def network():
    return Sequential(
        Affine(3, 4, rng=0), ReLU(), Residual(Affine(4, 4, rng=1), BatchNorm(4)), Affine(4, 2, rng=2)
    )


def test_a_students_layer_needs_nothing_more():
    layer = Scale(3)
    assert layer.training
    assert layer.buffers == {}
    with pytest.raises(
        RuntimeError, match=r"Scale\(\): backward called before forward; call forward\(x\) first"
    ):
        layer.backward(np.ones((2, 3)))
    layer.forward(np.full((2, 3), 5.0))
    dx, grads = layer.backward(np.ones((2, 3)))
    np.testing.assert_array_equal(dx, 1)
    np.testing.assert_array_equal(grads["gamma"], 10)
    assert layer.astype(np.float32).params["gamma"].dtype == np.float32


def test_students_layers_do_not_share_state():
    class Bare(Layer):
        pass

    first, second = Bare(), Bare()
    first.params["W"] = np.ones(1)
    first.cache = 1
    assert second.params == {}
    with pytest.raises(RuntimeError, match="backward called before forward"):
        second.cache  # noqa: B018  (reading it is the point)
    with pytest.raises(NotImplementedError, match=r"Bare\(\): expected a forward\(self, x\) of its own"):
        first.forward(1)
    with pytest.raises(
        NotImplementedError, match=r"Bare\(\): expected a backward\(self, upstream\) of its own"
    ):
        first.backward(1)


def test_params_are_the_childrens_arrays_under_dotted_names():
    net = network()
    names = ["0.W", "0.b", "2.main.0.W", "2.main.0.b", "2.main.1.gamma", "2.main.1.beta", "3.W", "3.b"]
    assert list(net.params) == names
    assert net.params["0.W"] is net.layers[0].params["W"]
    assert list(net.buffers) == ["2.main.1.running_mean", "2.main.1.running_var"]
    net.forward(np.ones((5, 3)))
    _, grads = net.backward(np.ones((5, 2)))
    assert list(grads) == names


def test_params_change_in_place_and_are_not_replaced():
    net = network()
    W = net.layers[0].params["W"]
    net.params["0.W"] -= 1
    net.params["0.W"][...] += 1
    assert net.params["0.W"] is W
    with pytest.raises(ValueError, match=r"params\['0.W'\]: expected a change in place, got another array"):
        net.params["0.W"] = W + 1
    with pytest.raises(AttributeError, match="Sequential: expected params to be the children's"):
        net.params = {}


def test_a_held_params_dict_follows_astype():
    net = network()
    held = net.params
    net.astype(np.float64)
    assert all(held[name] is array for name, array in net.params.items())
    assert {array.dtype for array in held.values()} == {np.dtype(np.float64)}
    assert {array.dtype for array in net.buffers.values()} == {np.dtype(np.float64)}
    with pytest.raises(ValueError, match=r"expected a floating dtype, got int64; try np\.float64"):
        Affine(2, 2).astype(np.int64)


def test_a_held_params_dict_follows_a_child_that_was_converted_alone():
    net = Sequential(Affine(3, 2, rng=0), ReLU())
    held = net.params
    net.layers[0].astype(np.float64)
    net.backward(net.forward(np.ones((4, 3))))
    assert held["0.W"] is net.layers[0].params["W"]


def test_a_copied_containers_params_are_its_own():
    net = network()
    twin = copy.deepcopy(net)
    twin.params["0.W"][...] = 0
    assert net.params["0.W"].any()
    assert not twin.layers[0].params["W"].any()


def test_a_container_of_ones_own_gathers_its_attributes():
    net = Gated(3)
    assert list(net.params) == ["f.W", "f.b", "g.gamma"]
    net.eval()
    assert not net.f.training
    with pytest.raises(ValueError, match=r"Gated: .* got Affine\(3 -> 3\) at f and again"):
        net.again = net.f


def test_an_error_names_its_place():
    net = network()
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 3\), got \(5, 7\)") as caught:
        net.forward(np.ones((5, 7)))
    assert caught.value.__notes__ == ["in layer 0, Affine(3 -> 4)"]
    with pytest.raises(ValueError, match="expected more than one value") as caught:
        net.forward(np.ones((1, 3)))
    assert caught.value.__notes__ == [
        "in layer 1, BatchNorm(4)",
        "in layer main, Sequential",
        "in layer 2, Residual",
    ]
    net.forward(np.ones((5, 3)))
    with pytest.raises(ValueError, match="expected upstream of shape") as caught:
        net.backward(np.ones((5, 9)))
    assert caught.value.__notes__ == ["in layer 3, Affine(4 -> 2)"]


@pytest.mark.parametrize("container", [Sequential, Residual, Branch, Parallel])
def test_one_layer_object_in_two_places_is_refused(container):
    layer = Affine(3, 3)
    with pytest.raises(
        ValueError, match=r"expected every layer object in one place, got Affine\(3 -> 3\) at .*0 and .*2"
    ):
        container(layer, ReLU(), layer)
    with pytest.raises(ValueError, match=r"at .*0 and .*1\.main\.1; build one for each place"):
        container(layer, Residual(ReLU(), layer))


def test_what_is_no_layer_is_refused():
    with pytest.raises(
        TypeError, match=r"Sequential: expected a layer at 0, got list; write Sequential\(layer, layer"
    ):
        Sequential([ReLU()])
    with pytest.raises(TypeError, match="Sequential: expected a layer at 1, got the class ReLU; call it"):
        Sequential(Affine(2, 2), ReLU)


class Returns(Layer):
    """A layer whose backward returns what it is told to."""

    def __init__(self, value, params=()):
        self.value, self.params = value, {name: np.ones(2) for name in params}

    def forward(self, x):
        return x

    def backward(self, upstream):
        return self.value


@pytest.mark.parametrize(
    ("value", "params", "text"),
    [
        (np.ones(2), (), r"expected backward to return \(dx, grads\), got ndarray; grads is a dict"),
        (({}, np.ones(2)), (), r"expected backward to return \(dx, grads\), got \(dict, ndarray\)"),
        (None, (), r"expected backward to return \(dx, grads\), got NoneType"),
        ((np.ones(2), {}), ("W",), r"expected grads with the keys of params, \['W'\], got \[\]"),
        ((np.ones(2), {"w": 1}), ("W",), r"expected grads with the keys of params, \['W'\], got \['w'\]"),
    ],
)
def test_a_backward_that_returns_something_else_is_named(value, params, text):
    net = Sequential(ReLU(), Returns(value, params))
    net.forward(np.ones(2))
    with pytest.raises((TypeError, ValueError), match=text) as caught:
        net.backward(np.ones(2))
    assert caught.value.__notes__ == ["in layer 1, Returns()"]


def test_a_missing_dx_is_named_where_somebody_needs_it():
    net = Sequential(Affine(2, 2), Returns((None, {})), ReLU())
    net.forward(np.ones((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"Returns\(\): expected dx, got None; layer 0, Affine\(2 -> 2\)"):
        net.backward(np.ones((3, 2)))
    net = Sequential(Flatten(), Returns((None, {})), ReLU())
    net.forward(np.ones((3, 2)))
    assert net.backward(np.ones((3, 2))) == (None, {})


def test_a_container_hands_the_wish_for_no_dx_to_its_first_layer():
    x = np.random.default_rng(0).standard_normal((5, 3, 1))
    net = Sequential(Flatten(), Sequential(Affine(3, 4, rng=0), ReLU()), Affine(4, 2, rng=1))
    y = net.forward(x)
    dx, expected = net.backward(y)
    assert dx.shape == x.shape
    net.input_grad = False
    assert not net.layers[1].layers[0].input_grad
    assert net.layers[2].input_grad
    dx, grads = net.backward(y)
    assert dx is None
    assert all(np.array_equal(grads[name], expected[name]) for name in expected)
    net.input_grad = True
    assert net.backward(y)[0].shape == x.shape


@pytest.mark.parametrize("container", [Residual, Branch])
def test_the_wish_for_no_dx_reaches_into_branches(container):
    net = container(Affine(3, 3, rng=0))
    net.input_grad = False
    y = net.forward(np.ones((2, 3)))
    assert net.backward(y)[0] is None


def test_residual_adds_the_identity_path():
    layer = Residual(Affine(2, 2, bias=False)).astype(np.float64)
    layer.params["main.0.W"][...] = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 1.0]])), [[1 + 3, 1 + 7]])
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 0.0]]))[0], [[1 + 1, 2]])
    with pytest.raises(ValueError, match=r"Residual: expected f\(x\) of shape \(4, 3\), got \(4, 2\)"):
        Residual(Affine(3, 2)).forward(np.ones((4, 3)))


def test_branch_adds_what_comes_back():
    layer = Branch(Scale(2), Scale(2))
    layer.params["1.gamma"][...] = 10
    x = np.array([[1.0, 2.0]])
    y = layer.forward(x)
    np.testing.assert_array_equal(y[1], [[10, 20]])
    np.testing.assert_array_equal(layer.backward((x, x))[0], [[11, 22]])


def test_branch_takes_a_tuple_of_inputs():
    layer = Branch(Parallel(Scale(2), Scale(2)), Parallel(Scale(2), Scale(2)))
    x = np.array([[1.0, 2.0]])
    y = layer.forward((x, 3 * x))
    dx, grads = layer.backward(y)
    np.testing.assert_array_equal(dx[0], 2 * x)
    np.testing.assert_array_equal(dx[1], 6 * x)
    assert list(grads) == ["0.0.gamma", "0.1.gamma", "1.0.gamma", "1.1.gamma"]


def test_parallel_refuses_another_number_of_inputs():
    with pytest.raises(ValueError, match="Parallel: expected x to be a tuple of 2, got 3"):
        Parallel(ReLU(), ReLU()).forward((np.ones(1),) * 3)


def test_load_state_lists_what_does_not_fit():
    net = network()
    state = net.state()
    del state["0.b"]
    state["9.W"] = np.ones(2)
    state["3.W"] = np.ones((9, 9))
    before = net.state()
    text = r"missing: 0\.b; extra: 9\.W; mis-shaped: 3\.W \(expected \(2, 4\), got \(9, 9\)\)"
    with pytest.raises(ValueError, match=text):
        net.load_state(state)
    assert all(np.array_equal(before[name], array) for name, array in net.state().items())


def test_repr_draws_the_network():
    assert repr(network()) == (
        "Sequential(\n"
        "  0: Affine(3 -> 4)\n"
        "  1: ReLU()\n"
        "  2: Residual(\n"
        "    main: Sequential(\n"
        "      0: Affine(4 -> 4)\n"
        "      1: BatchNorm(4)\n"
        "    )\n"
        "  )\n"
        "  3: Affine(4 -> 2)\n"
        ")"
    )
    assert repr(Sequential()) == "Sequential()"
    assert repr(Dropout(0.3)) == "Dropout(0.3)"


def test_frozen_parameters_leave_params_for_buffers():
    model = network()
    names, state = list(model.params), model.state()
    model.freeze("0.*", "*.gamma")
    assert list(model.params) == [name for name in names if name not in {"0.W", "0.b", "2.main.1.gamma"}]
    assert {"0.W", "0.b", "2.main.1.gamma"} <= set(model.buffers)
    assert model.state().keys() == state.keys()
    assert model.buffers["0.W"] is model.layers[0].params["W"]
    assert check_layer(model, (5, 3)).passed


def test_training_changes_all_but_what_is_frozen():
    model = network()
    model.freeze("0.W", "3.*")
    before = model.state()
    optimizer = SGD(model.params, lr=0.1)
    rng = np.random.default_rng(0)
    for _ in range(2):
        y = model.forward(rng.standard_normal((5, 3)))
        optimizer.step(model.backward(rng.standard_normal(y.shape))[1])
    after = model.state()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"0.W", "3.W", "3.b"}


def test_parameters_can_be_given_back_to_training():
    model = network()
    names = list(model.params)
    model.freeze("*")
    assert model.params == {}
    model.unfreeze("3.*")
    assert list(model.params) == ["3.W", "3.b"]
    model.unfreeze("*")
    assert list(model.params) == names
    assert not model.frozen


def test_a_frozen_part_of_a_network_is_frozen_in_the_whole():
    model = network()
    held = model.params
    model.layers[2].freeze("main.0.*")
    assert "2.main.0.W" not in model.params
    assert held is model.params
    assert "2.main.0.W" in model.buffers
    model.forward(np.ones((5, 3)))
    assert model.backward(np.ones((5, 2)))[1].keys() == model.params.keys()


def test_an_optimizer_that_was_made_before_the_freeze_says_so():
    model = network()
    optimizer = SGD(model.params, lr=0.1)
    model.freeze("0.*")
    model.forward(np.ones((5, 3)))
    _, grads = model.backward(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"expected the parameters it was made with, .*make a new optimizer"):
        optimizer.step(grads)


def test_a_frozen_model_keeps_its_freeze_in_copies_and_its_dtype_in_astype():
    model = network()
    model.freeze("0.*")
    twin = copy.deepcopy(model).astype(np.float64)
    assert "0.W" not in twin.params
    assert twin.buffers["0.W"].dtype == np.float64


def test_a_pattern_that_matches_nothing_is_refused():
    model = network()
    with pytest.raises(
        ValueError, match=r"freeze: expected a pattern that matches .*got '1\.W'; did you mean"
    ):
        model.freeze("0.*", "1.W")
    assert not model.frozen
    with pytest.raises(ValueError, match=r"got '0\.W'; there are none"):
        model.unfreeze("0.W")


def test_freezing_reaches_the_innermost_container_and_can_be_undone_from_any():
    model = network()
    main = model.layers[2].main
    model.freeze("2.main.0.*")
    assert list(main.params) == ["1.gamma", "1.beta"]
    assert main.frozen == ["0.W", "0.b"]
    assert model.frozen == ["2.main.0.W", "2.main.0.b"]
    main.unfreeze("0.b")
    assert model.frozen == ["2.main.0.W"]
    model.unfreeze("2.*")
    assert list(model.params) == list(network().params)


def test_freezing_twice_is_freezing_once():
    model = network()
    model.layers[2].freeze("*")
    model.freeze("2.*")
    model.freeze("2.*", "0.W")
    model.unfreeze("*")
    assert list(model.params) == list(network().params)


def test_a_state_goes_from_a_frozen_model_to_one_that_is_not_and_back():
    frozen, model = network(), network()
    frozen.freeze("0.*", "2.*")
    frozen.params["3.W"][...] = 7
    model.load_state(frozen.state())
    assert (model.params["3.W"] == 7).all()
    model.params["0.W"][...] = 8
    frozen.load_state(model.state())
    assert (frozen.layers[0].params["W"] == 8).all()


@pytest.mark.parametrize("call", ["freeze", "unfreeze"])
def test_what_is_no_pattern_is_refused(call):
    model = network()
    model.freeze("0.*")
    with pytest.raises(ValueError, match=rf'{call}: expected a pattern .*, got none; write {call}\("\*"\)'):
        getattr(model, call)()
    with pytest.raises(TypeError, match=rf'{call}: expected a pattern .*, got list; write {call}\("0\.\*"'):
        getattr(model, call)(["0.*"])
    assert model.frozen == ["0.W", "0.b"]


def test_an_unfrozen_part_still_gets_its_gradient_where_no_dx_was_asked_for_meanwhile():
    model, x = Sequential(Sequential(Affine(3, 4, rng=0)), Affine(4, 2, rng=1)), np.ones((5, 3), np.float32)
    model.freeze("0.*")
    model.input_grad = False
    assert model.backward(model.forward(x))[1].keys() == {"1.W", "1.b"}
    model.unfreeze("*")
    dx, grads = model.backward(model.forward(x))
    assert dx is None
    assert grads.keys() == {"0.0.W", "0.0.b", "1.W", "1.b"}


def test_a_missing_dx_does_not_matter_above_what_is_frozen():
    net = Sequential(Affine(2, 2), Returns((None, {})), ReLU())
    net.freeze("0.*")
    net.forward(np.ones((3, 2), np.float32))
    assert net.backward(np.ones((3, 2))) == (None, {})


def test_params_are_not_replaced_by_update_either():
    net = network()
    with pytest.raises(ValueError, match=r"params\['0.b'\]: expected a change in place, got another array"):
        net.params.update({"0.b": np.ones(4, np.float32)})
    net.params.update(net.params)


def test_layers_in_a_list_are_refused_as_nobody_would_find_their_parameters():
    class Stack(Container):
        def __init__(self, layers):
            self.blocks = layers

    for layers in ([Affine(3, 3), ReLU()], (ReLU(),), {"a": ReLU()}):
        with pytest.raises(
            ValueError, match=r"Stack: expected each layer in an attribute of its own, got a .* as 'blocks'"
        ):
            Stack(layers)
    net = Gated(3)
    net.order = [net.f, net.g]
    assert list(net.children) == ["f", "g"]


def test_the_name_of_no_child_is_refused():
    with pytest.raises(
        ValueError, match=r"Gated: expected the name of a layer inside, got 'h'; did you mean"
    ):
        Gated(3).forward_child("h", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Sequential: .* got '0'; it has none"):
        Sequential().backward_child("0", np.ones((2, 3)))


def test_a_state_comes_from_an_npz_file_in_any_kind_of_real_numbers(tmp_path):
    net, other = network(), network().astype(np.float64)
    net.params["0.b"][...] = [1, 2, 3, 4]
    np.savez(tmp_path / "state.npz", **net.state() | {"3.b": np.array([5, 6])})
    with np.load(tmp_path / "state.npz") as state:
        other.load_state(state)
    np.testing.assert_array_equal(other.params["0.b"], [1, 2, 3, 4])
    np.testing.assert_array_equal(other.params["3.b"], [5, 6])
    assert other.params["0.b"].dtype == np.float64


@pytest.mark.parametrize("values", [np.array(["a", "b"]), np.array([1j, 2]), np.array([None, 1])])
def test_a_state_of_no_real_numbers_changes_nothing(values):
    net = network()
    before = net.state()
    state = {name: array + 1 for name, array in before.items()} | {"3.b": values}
    with pytest.raises(ValueError, match=r"mis-typed: 3\.b \(expected float32, got "):
        net.load_state(state)
    assert all(np.array_equal(before[name], array) for name, array in net.state().items())
    for value in (None, [1, 2]):
        with pytest.raises(TypeError, match=r"expected state to be a dict, got .*; pass what state"):
            net.load_state(value)


def test_a_layer_that_would_be_no_child_is_refused():
    class Net(Sequential):
        def __init__(self):
            super().__init__(Affine(3, 3))
            self.head = Affine(3, 2)

    with pytest.raises(
        ValueError, match=r"Net: .* got Affine\(3 -> 2\) as the attribute 'head', .*; give it to"
    ):
        Net()
    net = network()
    net.first = net.layers[0]  # another name for one that it has
    assert list(net.children) == ["0", "1", "2", "3"]
    with pytest.raises(AttributeError, match="layers"):
        network().layers = (ReLU(),)


class Summed(Layer):
    """y = sum of x over its last axis, with a backward that forgets to copy upstream along it."""

    def forward(self, x):
        return x.sum(axis=1)

    def backward(self, upstream):
        return upstream, {}


def test_a_dx_of_another_shape_is_not_broadcast_into_a_sum():
    branch = Branch(Summed(), Flatten())
    branch.forward(np.ones((3, 3)))
    with pytest.raises(
        ValueError, match=r"the adjoints of one value to have one shape, got \(3,\) and \(3, 3\)"
    ):
        branch.backward((np.ones(3), np.ones((3, 3))))
