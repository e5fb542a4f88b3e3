"""The assignment: its solutions get all points, a wrong answer loses those of its part and hears why."""

import importlib.util
import re
import textwrap
from pathlib import Path

import pytest
import right_answers
import wrong_answers

from coursework import dense, images, norms, rule, sequences
from coursework.task import Part, Task, judge
from coursework.tasks import TASKS

FOLDER = Path(__file__).parent.parent / "examples" / "coursework"
BY_NAME = {task.name: task for task in TASKS}
SOLUTION = re.compile(r"# --- solution\n(.*?)\n *# --- end of solution", re.DOTALL)
TRIALS = [
    pytest.param(task, trial, words, id=f"{trial.cls}{trial.options or ''}: {words}")
    for task, trial in [
        ("affine", dense.AFFINE),
        ("relu", dense.RELU),
        ("batchnorm", norms.BATCHNORM),
        ("layernorm", norms.LAYERNORM),
        ("conv", images.PLAIN),
        ("conv", images.STRIDED),
        ("maxpool", images.POOL),
        ("maxpool", images.OVERLAPPING),
        ("lstm", sequences.LSTM),
        ("attention", sequences.ATTENTION),
    ]
    for words in trial.wrong
]
tasks = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def module_of(path):
    spec = importlib.util.spec_from_file_location(f"answer_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged(task, path):
    """What each part earned, and all the feedback."""
    outcomes = judge(task, module_of(path))
    assert [outcome.part for outcome in outcomes] == [part.name for part in task.parts]
    assert all(outcome.earned in (0, outcome.points) for outcome in outcomes)
    assert all((outcome.earned == 0) == (outcome.feedback != "") for outcome in outcomes)
    lost = "/".join(outcome.part for outcome in outcomes if not outcome.earned)
    return lost, "\n".join(outcome.feedback for outcome in outcomes if outcome.feedback)


def written(folder, name, text):
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def solution(name):
    return (FOLDER / f"{name}.py").read_text()


def filled(name, body):
    """The file with another body for every method that the student writes."""
    return SOLUTION.sub(body, solution(name))


def test_every_file_of_the_assignment_has_a_task_of_ten_points():
    assert sorted(task.file for task in TASKS) == sorted(
        path.name for path in FOLDER.glob("*.py") if not path.name.startswith("test_")
    )
    assert len(BY_NAME) == len(TASKS) == 11
    for task in TASKS:
        assert task.points == sum(part.points for part in task.parts) == 10
        assert len({part.name for part in task.parts}) == len(task.parts)


@tasks
def test_the_solution_gets_all_points(task):
    assert judged(task, FOLDER / task.file) == ("", "")


@tasks
def test_what_is_not_done_yet_gets_none_and_makes_no_noise(task, tmp_path):
    text = filled(task.name, 'raise NotImplementedError("your code here")')
    lost, said = judged(task, written(tmp_path, task.name, text))
    assert lost == "/".join(part.name for part in task.parts)
    assert set(said.splitlines()) == {"not done yet"}


@tasks
def test_doing_nothing_gets_no_points(task, tmp_path):
    lost, _ = judged(task, written(tmp_path, task.name, filled(task.name, "pass")))
    assert lost == "/".join(part.name for part in task.parts)


@pytest.mark.parametrize("name", ["affine", "softmax_loss", "conv", "lstm", "attention"])
def test_a_forward_without_its_backward_gets_its_points(name, tmp_path):
    start, end = [match.span(1) for match in SOLUTION.finditer(solution(name))][1]
    text = f"{solution(name)[:start]}        raise NotImplementedError{solution(name)[end:]}"
    lost, said = judged(BY_NAME[name], written(tmp_path, name, text))
    assert "forward" not in lost
    assert "dx" in lost
    assert set(said.splitlines()) <= {"", "not done yet"}


@pytest.mark.parametrize(
    "wrong", wrong_answers.ALL, ids=lambda wrong: f"{wrong.task}: {str(wrong.wrong).splitlines()[0]}"
)
def test_a_wrong_answer_loses_its_part_and_hears_why(wrong, tmp_path):
    path = written(tmp_path, wrong.task, wrong.written(solution(wrong.task)))
    lost, said = judged(BY_NAME[wrong.task], path)
    assert (lost, wrong.says in said) == (wrong.lost, True), said


@pytest.mark.parametrize("right", right_answers.RIGHT, ids=lambda right: right.id)
def test_a_right_answer_of_another_kind_gets_all_points(right, tmp_path):
    head, rest = solution(right.task).split(f"def {right.method}(", 1)
    body = textwrap.indent(textwrap.dedent(right.body).strip(), " " * 8)
    text = f"{head}def {right.method}({SOLUTION.sub(lambda _: body.strip(), rest, count=1)}"
    assert judged(BY_NAME[right.task], written(tmp_path, right.task, text)) == ("", "")


@pytest.mark.parametrize(("task", "trial", "words"), TRIALS)
def test_every_known_mistake_of_forward_is_told(task, trial, words):
    module = module_of(FOLDER / f"{task}.py")
    wrong = trial.wrong[words]
    layer, x = trial.start(module)
    if wrong(layer, x).shape == (y := trial.right(layer, x)).shape and (wrong(layer, x) == y).all():
        return  # with these options it is no mistake
    setattr(module, trial.cls, type(trial.cls, (getattr(module, trial.cls),), {"forward": wrong}))
    assert words in trial.values(module)


@pytest.mark.parametrize("words", rule.WRONG_STEPS)
def test_every_known_mistake_of_a_step_is_told(words):
    module = module_of(FOLDER / "adam.py")

    def update(self, p, g, slots, lr, beta1, beta2, eps):
        slots["m"] += (1 - beta1) * (g - slots["m"])
        slots["v"] += (1 - beta2) * (g * g - slots["v"])
        p -= rule.WRONG_STEPS[words](slots["m"], slots["v"], g, self.steps)

    module.Adam.update = update
    outcomes = judge(BY_NAME["adam"], module)
    assert [outcome.part for outcome in outcomes if not outcome.earned] == ["update"]
    assert words in outcomes[1].feedback


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("return x @ unknown", "line 28, `return x @ unknown`: NameError: name 'unknown' is not defined"),
        ("raise SystemExit(3)", "line 28, `raise SystemExit(3)`: SystemExit: 3"),
        ("return x @ x", "line 28, `return x @ x`: ValueError: matmul"),
        ("return self.forward(x)", "RecursionError: maximum recursion depth exceeded"),
        ("return x.tolist()", "y is list: expected an array"),
        ("return (x @ self.params['W'].T) > 0", "y is wrong at"),
        ("return x @ self.params['W'].T * np.log(-1)", "y has nan at [0, 0]: mind a log"),
    ],
)
def test_an_error_names_the_students_line(line, says, tmp_path):
    text = solution("affine").replace("self.cache = x\n", f"self.cache = x\n        {line}\n")
    lost, said = judged(BY_NAME["affine"], written(tmp_path, "affine", text))
    assert lost.startswith("forward")
    assert says in said


def test_a_class_that_has_gone_is_named(tmp_path):
    lost, said = judged(BY_NAME["relu"], written(tmp_path, "relu", "class Relu:\n    pass\n"))
    assert lost == "forward/dx/contract"
    assert "expected a class ReLU in the file, found none; keep its name" in said


def test_parameters_of_other_names_are_put_down_to_the_constructor(tmp_path):
    text = solution("affine").replace('"W"', '"weights"')
    _, said = judged(BY_NAME["affine"], written(tmp_path, "affine", text))
    assert "KeyError: 'W'; has a name, an argument or __init__ been changed?" in said


def test_one_part_that_fails_leaves_the_others_their_points():
    def fails(module):
        raise ValueError("as it happens")

    task = Task("t", "A task", "t.py", (Part("a", 2, fails), Part("b", 3, lambda module: "")))
    outcomes = judge(task, module_of(FOLDER / "relu.py"))
    assert [(one.part, one.earned, one.feedback) for one in outcomes] == [
        ("a", 0, "ValueError: as it happens; has a name, an argument or __init__ been changed?"),
        ("b", 3, ""),
    ]
