"""What containers add to the contract: names, places, states, and what is refused; a student's layer."""

import copy

import numpy as np
import pytest
from small_networks import Gated, Scale, network

from layers import Affine, Branch, Container, Dropout, Layer, Parallel, ReLU, Residual, Sequential


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
