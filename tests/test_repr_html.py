"""What notebooks show: tables and pictures that are well-formed, with every text escaped."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from pictures import gates, run

from gradcheck import check_layer, check_network
from gradcheck.report import Finding, Report, Result
from layers import Affine, BatchNorm, Elementwise, Graph, Layer, ReLU, Residual, Sequential
from losses import MSE


class Reader(HTMLParser):
    """The cells of all tables, row by row; every tag that opens must close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "tr" in self.open:
            self.rows[-1][-1] += data


def rows(shown):
    return Reader(shown._repr_html_()).rows


def test_a_network_is_a_table_of_its_layers():
    model = Sequential(Affine(3, 4), Residual(BatchNorm(4), ReLU()), Affine(4, 250))
    assert rows(model) == [
        ["name", "layer", "parameters"],
        ["", "Sequential", ""],
        ["0", "Affine(3 -> 4)", "16"],
        ["1", "Residual", ""],
        ["1.main", "Sequential", ""],
        ["1.main.0", "BatchNorm(4)", "8"],
        ["1.main.1", "ReLU()", "0"],
        ["2", "Affine(4 -> 250)", "1,250"],
        ["", "total", "1,274"],
    ]
    model.freeze("0.*")
    assert rows(model)[-2:] == [["", "total", "1,258"], ["", "frozen", "16"]]


def test_a_layer_alone_is_a_row():
    assert rows(Affine(3, 4)) == [["name", "layer", "parameters"], ["", "Affine(3 -> 4)", "16"]]


class Odd(Layer):
    def __repr__(self):
        return "<script>alert(1)</script> & \x00"


def test_texts_are_escaped():
    html = Sequential(Odd())._repr_html_()
    assert "<script" not in html
    assert rows(Sequential(Odd()))[2][1] == r"<script>alert(1)</script> & \x00"


def test_a_graph_is_its_picture():
    graph = run(gates(), -2, 5, -4)
    picture = ElementTree.fromstring(graph._repr_html_())
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    for text in ("x", "y", "z", "+", "×", "−2", "5", "3", "−12", "1"):
        assert text in texts
    assert texts.count("−4") == 4  # z, and df/dx, df/dy, df/dq
    width, height = (float(size) for size in picture.get("viewBox").split()[2:])
    for element in picture.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(element.get("x")) < width
        assert 0 < float(element.get("y")) < height


def test_a_graph_of_strange_names_is_well_formed():
    graph = Graph(inputs=("<x>", "&", '"', "\x00", "\udcff"), output="]]>")
    graph.add("]]>", Elementwise(abs, abs), *graph.inputs)
    html = graph._repr_html_()
    html.encode()
    picture = ElementTree.fromstring(html)
    texts = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"<x>", "&", '"', r"\x00", r"\udcff", "]]>", "abs"}


def test_a_graph_without_nodes_is_a_table():
    assert rows(Graph(inputs="x", output="x"))[1] == ["", "Graph", ""]


class Wrong(Layer):
    """y = x², dx without its sign."""

    def forward(self, x):
        self.cache = x
        return x * x

    def backward(self, upstream):
        return -2 * self.cache * upstream, {}


def test_a_report_shows_its_verdict_its_gradients_and_what_was_found():
    report = check_layer(Wrong(), (3, 4))
    html = report._repr_html_()
    assert "FAIL</b>" in html
    assert "color: #c62828" in html
    table = rows(report)
    assert table[0][:2] == ["dx", "WRONG"]
    assert table[0][2].startswith("max rel 2")
    assert ["cause", "sign: dx has the wrong sign everywhere"] in table
    assert ["look at", "a minus too many, or too few"] in table


def test_a_report_that_passed_is_green_and_has_no_cause():
    report = check_layer(Affine(3, 2, rng=0), (4, 3))
    html = report._repr_html_()
    assert "ok</b>" in html
    assert "#c62828" not in html
    table = rows(report)
    assert [row[:2] for row in table[:3]] == [["dx", "ok"], ["dW", "ok"], ["db", "ok"]]
    assert "cause" not in [row[0] for row in table]


def test_a_report_on_a_network_names_the_layer():
    model = Sequential(Affine(4, 4, rng=0), Wrong(), Affine(4, 2, rng=1))
    rng = np.random.default_rng(0)
    report = check_network(model, MSE(), rng.standard_normal((3, 4)), rng.standard_normal((3, 2)))
    assert any(row[0] == "cause" and "1.x" in row[1] for row in rows(report)), rows(report)


@pytest.mark.parametrize("text", ["<b>", "a & b", "</td>", '"', "\x00"])
def test_texts_of_a_report_are_escaped(text):
    finding = Finding("unknown", "dx", f"{text}: {text}; {text}")
    report = Report(text, [finding], [Result(text, "WRONG", text)], text, [text])
    said = [cell for row in rows(report) for cell in row]
    shown = text.replace("\x00", r"\x00")
    assert sum(shown in cell for cell in said) >= 5
