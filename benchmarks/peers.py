"""The same style transfers in PyTorch, written from the publications.

Needs torch, which nothing else here does:

    uv pip install torch==2.13.0 --torch-backend cpu
"""

from typing import Any

import numpy as np

try:
    import torch  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise SystemExit(
        "PyTorch is needed: uv pip install torch==2.13.0 --torch-backend cpu"
    ) from error

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """What PyTorch computes on."""
    return torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU"


def synchronise() -> None:
    """Wait for the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def _rows(x: np.ndarray) -> torch.Tensor:
    """`frames channels` as PyTorch's convolutions want it: 1, channels, frames."""
    return torch.as_tensor(np.ascontiguousarray(x.T)[None], dtype=torch.float32, device=DEVICE)


def _gram(f: torch.Tensor) -> torch.Tensor:
    return f @ f.T / f.shape[1]


def _style(f: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return ((_gram(f) - target) ** 2).sum() / (4 * f.shape[0] ** 2)


class Ulyanov:
    """Ulyanov & Lebedev (2016): one layer of random ReLU filters over the STFT's bins, L-BFGS.

    Args:
        content, style: `frames bins`, log-magnitudes from 0 (silence) to 1.
        filters, width: of the one convolution.
        alpha: weight of the mean squared difference of the activations, halved; that of style is 1.
    """

    def __init__(
        self,
        content: np.ndarray,
        style: np.ndarray,
        *,
        filters: int,
        width: int,
        alpha: float,
        seed: int = 0,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        channels = content.shape[1]
        shape, scale = (filters, channels, width), (2 / (channels * width)) ** 0.5
        self.kernel = (torch.randn(*shape, generator=generator) * scale).to(DEVICE)
        self.x = _rows(content).requires_grad_()
        self.alpha = alpha
        with torch.no_grad():
            self.content = self._activations(self.x)
            self.style = _gram(self._activations(_rows(style)))
        self.scale = 1.0
        self.scale = 1.0 / self.loss().item()  # or the gradient is below L-BFGS's smallest numbers

    def _activations(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.nn.functional.conv1d(x, self.kernel))[0]

    def loss(self) -> torch.Tensor:
        """alpha * content + style, scaled to start at 1."""
        f = self._activations(self.x)
        content = 0.5 * ((f - self.content) ** 2).mean()
        return self.scale * (self.alpha * content + _style(f, self.style))

    def evaluate(self) -> torch.Tensor:
        """The loss and its gradient: what each evaluation of L-BFGS costs."""
        self.x.grad = None
        loss = self.loss()
        loss.backward()
        synchronise()
        return loss

    def run(self, evaluations: int) -> np.ndarray:
        """L-BFGS with at most so many evaluations; the spectrogram, `frames bins`."""
        optimizer = torch.optim.LBFGS(
            [self.x],
            max_iter=evaluations,
            max_eval=evaluations,
            history_size=10,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )
        optimizer.step(self.evaluate)  # type: ignore[arg-type]
        return self.x.detach()[0].T.cpu().numpy()


class Paper:
    """The loop of the source paper: random convolutions, content and Gram losses, Adam on pixels.

    Args:
        content_db, style_db: `frames mels`.
        kernels: of each layer, `size channels features`.
        floor_db: 0 for the encoder; 0 dB is 1.
        layer_weight: of each layer, in content and in style.
        learning_rate, eps: of Adam.
    """

    def __init__(
        self,
        content_db: np.ndarray,
        style_db: np.ndarray,
        kernels: list[np.ndarray],
        *,
        floor_db: float,
        alpha: float,
        beta: float,
        layer_weight: float,
        learning_rate: float,
        eps: float,
    ) -> None:
        self.kernels = [
            torch.as_tensor(np.ascontiguousarray(k.transpose(2, 1, 0)), device=DEVICE)
            for k in kernels
        ]
        self.floor_db, self.alpha, self.beta = floor_db, alpha, beta
        self.layer_weight = layer_weight
        self.x = _rows(content_db).requires_grad_()
        with torch.no_grad():
            self.content = self._activations(self.x)
            self.style = [_gram(f) for f in self._activations(_rows(style_db))]
        self.optimizer = torch.optim.Adam([self.x], lr=learning_rate, eps=eps)

    def _activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        x, found = 1 - x / self.floor_db, []
        for kernel in self.kernels:
            x = torch.relu(torch.nn.functional.conv1d(x, kernel))
            found.append(x[0])
        return found

    def loss(self) -> torch.Tensor:
        """alpha * content + beta * style."""
        total: Any = 0.0
        for f, p, a in zip(self._activations(self.x), self.content, self.style, strict=True):
            content = 0.5 * ((f - p) ** 2).sum()
            total = total + self.layer_weight * (self.alpha * content + self.beta * _style(f, a))
        return total

    def run(self, n_steps: int) -> float:
        """Make `n_steps` updates; the loss then."""
        for _ in range(n_steps):
            self.optimizer.zero_grad()
            self.loss().backward()
            self.optimizer.step()
        with torch.no_grad():
            return float(self.loss())
