"""Task 3: the loss of a classifier, the cross entropy of a softmax."""

import numpy as np

from losses import Loss


class SoftmaxLoss(Loss):
    """L = mean over n of -log p_n,y(n),   p_nc = exp(s_nc) / sum_k exp(s_nk)

    s_n are the scores of example n, one for each class, and y(n) is its class, a whole number from 0.
    exp(1000) overflows, and a softmax does not change when the same number is taken from all scores of an
    example: subtract the largest one first. Take the logarithm of the sum, not of p, which may be 0.

    Shapes: scores (N, C), target (N,) of integers, dscores (N, C).
    """

    def forward(self, scores, target):
        """Return L, one number, and keep in self.cache what backward needs."""
        # --- solution
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.cache = np.exp(log_p), target
        return -log_p[np.arange(len(target)), target].mean()
        # --- end of solution

    def backward(self, upstream=1.0):
        """Return dscores, times upstream, which is one number."""
        # --- solution
        p, target = self.cache
        dscores = p.copy()
        dscores[np.arange(len(target)), target] -= 1
        return upstream * dscores / len(target)
        # --- end of solution
