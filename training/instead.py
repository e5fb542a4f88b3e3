"""What train.py is asked for instead of a training: it answers, and leaves nothing behind."""

from __future__ import annotations

from .errors import Diverged
from .find_lr import find_lr, shuffled
from .find_lr import table as rates_table
from .options import Options
from .overfit import one_batch, overfit, reached, verdict
from .plan import Plan
from .prepare import Prepared
from .profile import profile
from .profile import table as times_table
from .rule import make_rule
from .screen import say, show


def instead(options: Options, prepared: Prepared, plan: Plan) -> bool:
    """Answer --dry-run, --profile, --find-lr or --overfit-batch; whether one of them was asked for.

    Raises: Diverged where --overfit-batch finds that the batch cannot be learnt.
    """
    train = prepared.parts["train"]
    x, target = train.x, train.target
    if options.dry_run:
        say("dry run", "nothing was trained, and nothing is left behind")
    elif options.profile:
        size = plan.batch_size
        print()
        show(times_table(profile(plan.model, plan.loss, x[:size], target[:size]), size))
    elif options.find_lr:
        print()
        parts = list(shuffled((x, target), plan.batch_size, options.seed))
        found = find_lr(
            plan.model,
            plan.loss,
            lambda params, lr: make_rule(options.optimizer, params, lr, options.weight_decay),
            parts,
        )
        show(rates_table(*found))
    elif options.overfit_batch:
        x, target = one_batch(x, target, plan.batch_size)
        optimizer = make_rule(options.optimizer, plan.model.params, lambda step: plan.rate, 0.0)
        losses = overfit(plan.model, plan.loss, optimizer, x, target)
        said = verdict(losses, plan.model, target)
        if not reached(losses):
            raise Diverged(f"--overfit-batch: {said}")
        say("overfit", said)
    else:
        return False
    return True
