"""The networks of steps.py in PyTorch, run eagerly."""

import itertools

import torch
from torch import nn


def mlp(sizes):
    rows = [[nn.Linear(n, m), nn.ReLU()] for n, m in itertools.pairwise(sizes[:-1])]
    return nn.Sequential(*itertools.chain(*rows), nn.Linear(*sizes[-2:]))


def lenet(sizes):
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), *mlp((400, 120, 84, 10))),
    )


def conv(n, m):
    return nn.Conv2d(n, m, 3, padding=1, bias=False), nn.BatchNorm2d(m)


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.main(x)


def resnet(sizes):
    return nn.Sequential(
        *(*conv(3, 16), nn.ReLU()),
        *(Residual(*conv(16, 16), nn.ReLU(), *conv(16, 16)), nn.ReLU(), nn.MaxPool2d(2)),
        *(*conv(16, 32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )


class lstm(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        _, D, H = sizes
        self.lstm, self.affine = nn.LSTM(D, H, batch_first=True), nn.Linear(H, 10)

    def forward(self, x):
        return self.affine(self.lstm(x)[0][:, -1])


class transformer(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        T, dim, heads = sizes
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 4 * dim, **options) for _ in range(2)
        )
        self.norm, self.affine = nn.LayerNorm(dim), nn.Linear(dim, 10)
        self.mask = nn.Transformer.generate_square_subsequent_mask(T)

    def forward(self, x):
        for block in self.blocks:
            x = block(x, src_mask=self.mask, is_causal=True)
        return self.affine(self.norm(x)).transpose(1, 2)  # CrossEntropyLoss has the classes second


def network(kind, sizes, batch):
    """(model, loss, x, target)"""
    torch.manual_seed(0)
    shape = {"mlp": sizes[:1], "lstm": sizes[:2], "transformer": sizes[:2]}.get(kind, sizes)
    model, x = globals()[kind](sizes), torch.randn(batch, *shape)
    if sizes[-1] == 1:
        return model, nn.MSELoss(), x, torch.randn(batch, 1)
    steps = shape[:1] if kind == "transformer" else ()  # it has a target at every step
    return model, nn.CrossEntropyLoss(), x, torch.randint(10, (batch, *steps))


def training(kind, sizes, batch, fused=False):
    model, loss, x, target = network(kind, sizes, batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step():
        optimizer.zero_grad()
        loss(model(x), target).backward()
        optimizer.step()

    return step


def prediction(kind, sizes, batch):
    model, _, x, _ = network(kind, sizes, batch)
    model.eval()

    @torch.inference_mode()
    def predict():
        return model(x)

    return predict
