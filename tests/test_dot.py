"""to_dot: text that Graphviz reads, with the numbers of the picture, whatever the names are."""

import re
import threading
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from pictures import gates, nets, numbers, random_graph, run

from layers import Affine, Branch, Graph, Mul, ReLU, Residual, Sequential, Tanh
from losses import MSE

NODE = re.compile(r"(\w+) \[(.*)\]")
EDGE = re.compile(r"(\w+) -> (\w+)(?: \[(.*)\])?")
RED, GREEN = "#c62828", "#1a7f37"


def attributes(text):
    """{name: value} of what stands in brackets: words, quoted strings, well-formed HTML labels."""
    found = {}
    while text:
        name, _, rest = text.partition("=")
        if rest.startswith("<"):
            depth = end = 0
            while not end or depth:
                depth += {"<": 1, ">": -1}.get(rest[end], 0)
                end += 1
            value = ElementTree.fromstring(f"<label>{rest[1 : end - 1]}</label>")
        elif rest.startswith('"'):
            end = re.match(r'"(?:[^"\\]|\\.)*"', rest).end()
            value = rest[1 : end - 1]
        else:
            end = re.match(r"[\w.]+", rest).end()
            value = rest[:end]
        found[name], text = value, rest[end:]
        assert not text or text.startswith(", ")
        text = text.removeprefix(", ")
    return found


def read(dot):
    """(attributes of every node, [(from, to, attributes of the edge)]) of a text, one a line."""
    first, *lines, last = dot.splitlines()
    assert (first, last) == ("digraph {", "}")
    assert dot.endswith("}\n")
    nodes, edges = {}, []
    assert lines.pop(0) == "  rankdir=LR"
    for line in lines:
        assert line.startswith("  ")
        edge, node = EDGE.fullmatch(line[2:]), NODE.fullmatch(line[2:])
        if edge:
            edges.append((edge[1], edge[2], attributes(edge[3] or "")))
        else:
            assert node[1] not in nodes
            nodes[node[1]] = attributes(node[2])
    defaults = nodes.pop("node"), nodes.pop("edge")
    assert all("label" not in default for default in defaults)
    assert {name for edge in edges for name in edge[:2]} <= nodes.keys()
    return nodes, edges


def words(label, color=None):
    """The lines of a label, or those of one colour."""
    if not isinstance(label, ElementTree.Element):
        return [label] if label else []
    if color:
        return [part.text for part in label.iter("font") if part.get("color") == color]
    return ["".join(line) for line in lines_of(label)]


def lines_of(label):
    lines = [[label.text or ""]]
    for part in label:
        if part.tag == "br":
            lines.append([])
        lines[-1] += [part.text or "", part.tail or ""]
    return lines


def labels(edges, color):
    return Counter(word for *_, edge in edges for word in words(edge.get("label"), color))


def test_the_gates_have_their_values_and_adjoints_on_the_edges():
    nodes, edges = read(run(gates(), -2, 5, -4).to_dot())
    names = {name: words(node["label"]) for name, node in nodes.items()}
    assert list(names.values()) == [["x"], ["y"], ["z"], ["q", "+"], ["f", "×"], []]
    wired = [("".join(names[a])[0], "".join(names[b])[:1]) for a, b, _ in edges]
    assert sorted(wired) == sorted([("x", "q"), ("y", "q"), ("q", "f"), ("z", "f"), ("f", "")])
    by_ends = {
        ends: (words(edge["label"], GREEN), words(edge["label"], RED))
        for ends, (*_, edge) in zip(wired, edges, strict=True)
    }
    assert by_ends == {
        ("x", "q"): (["-2"], ["-4"]),
        ("y", "q"): (["5"], ["-4"]),
        ("z", "f"): (["-4"], ["3"]),
        ("q", "f"): (["3"], ["-4"]),
        ("f", ""): (["-12"], ["1"]),
    }


def test_before_the_passes_edges_have_no_labels_and_after_the_forward_no_adjoints():
    graph = gates()
    assert all(edge == {} for *_, edge in read(graph.to_dot())[1])
    graph.forward(numbers(-2, 5, -4))
    _, edges = read(graph.to_dot())
    assert labels(edges, GREEN) == Counter(["-2", "5", "-4", "3", "-12"])
    assert labels(edges, RED) == Counter()


def test_a_shared_value_forks_in_a_point_and_its_edges_have_the_parts():
    square = Graph(inputs="x", output="f")
    square.add("f", Mul(), "x", "x")
    nodes, edges = read(run(square, 3).to_dot())
    (point,) = [name for name in nodes if name.startswith("w")]
    assert nodes[point]["shape"] == "point"
    (into,) = [edge for _, end, edge in edges if end == point]
    assert (words(into["label"], GREEN), words(into["label"], RED)) == (["3"], ["6"])
    assert into["arrowhead"] == "none"
    assert [words(edge["label"]) for start, _, edge in edges if start == point] == [["3"], ["3"]]


@pytest.mark.parametrize(("net", "x"), [net[1:] for net in nets()], ids=[net[0] for net in nets()])
def test_every_network_reads_and_has_a_number_for_every_parameter(net, x):
    nodes, edges = read(net.to_dot())
    assert labels(edges, GREEN) == labels(edges, RED) == Counter()
    nodes, edges = read(net.to_dot(x, np.zeros_like(net.forward(x))))
    notes = [
        note for node in nodes.values() for line in words(node["label"], RED) for note in line.split("   ")
    ]
    assert len(notes) == len(net.params)
    assert labels(edges, RED)["1"] >= 1


def test_the_gradients_are_those_of_the_loss():
    x, target = np.array([[1.0, 2.0]]), np.array([[10.0]])
    model = Sequential(Affine(2, 1, init="zeros", dtype=np.float64))
    nodes, edges = read(model.to_dot(x, target, loss=MSE()))  # y = 0, L = 100, dL/dy = -20
    assert words(nodes["n1"]["label"]) == ["0", "Affine", "2 → 1", "‖dW‖ 44.7", "‖db‖ 20"]
    assert ["n1", "n3", ["0"], ["-20"]] in [
        [a, b, words(edge.get("label"), GREEN), words(edge.get("label"), RED)] for a, b, edge in edges
    ]
    assert "MSE" in words(nodes["n3"]["label"])
    assert labels(edges, GREEN)["100"] == 1


@pytest.mark.parametrize("seed", range(8))
def test_graphs_wired_at_random_read(seed):
    graph = random_graph(seed)
    nodes, _ = read(graph.to_dot())
    shown = {word for node in nodes.values() for word in words(node["label"])}
    assert {*graph.inputs, *graph.sources} - {"+", "×", "max"} <= shown


STRANGE = [
    'q"uote',
    "<b>&amp;",
    "a\\",
    "]",
    "->",
    "größe 数",
    "%d {0} #",
    "\udcff",
    "\x00",
    "{",
    "//",
    "'",
    "two\nlines",
]


def test_strange_names_are_quoted():
    graph = Graph(inputs=tuple(STRANGE), output="f")
    graph.add("f", Branch(*(ReLU() for _ in STRANGE)), *STRANGE)
    dot = graph.to_dot()
    dot.encode()
    nodes, _ = read(dot)
    shown = [words(node["label"])[0] for node in nodes.values() if words(node["label"])]
    plain = {"\udcff": r"\udcff", "\x00": r"\x00", "two\nlines": "two lines"}
    assert shown[: len(STRANGE)] == [plain.get(name, name) for name in STRANGE]


def test_residuals_and_branches_are_wired_as_they_compute():
    nodes, edges = read(Residual(Tanh()).to_dot())
    names = {name: "".join(words(node["label"])) for name, node in nodes.items()}
    assert sorted((names[a], names[b]) for a, b, _ in edges) == sorted(
        [("x", ""), ("", "main.0Tanh"), ("", "+"), ("main.0Tanh", "+"), ("+", "y")]
    )
    nodes, edges = read(Branch(ReLU(), Tanh()).to_dot())
    assert len(edges) == 5  # x to the fork, to each, and out of each


def test_half_of_what_the_passes_need_is_refused():
    with pytest.raises(ValueError, match="expected both x and target, got no target; leave out both"):
        ReLU().to_dot(np.ones(3))


def test_a_layer_that_cannot_be_copied_is_named():
    layer = Tanh()
    layer.lock = threading.Lock()
    says = r"Tanh\(\): expected a layer that copy\.deepcopy can copy, got TypeError: .*; open files"
    with pytest.raises(TypeError, match=says):
        layer.to_dot(np.ones((2, 2)), np.ones((2, 2)))
