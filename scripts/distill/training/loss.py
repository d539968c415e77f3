"""The loss of a step, summed over its tokens, without the logits of a large vocabulary standing in memory in full."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from distill.training.distillation import Taught

IGNORED = -100
# Held at once: 0.5 GB in float32. A step of 32,768 tokens and a vocabulary of 150,000 has 37 times that.
LOGITS = 1 << 27


class Head:
    """The output layer of a model, which may be applied to some positions at a time.

    Their logits are made again for the gradients, so that those of no more than one piece stand in memory: the step's
    layers of attention would otherwise have to make room for them. `logits` are the most that one piece has;
    `autocast` gives the arithmetic that the model's own forward has.
    """

    def __init__(self, layer: Any, vocabulary: int, logits: int, autocast: Callable[[], AbstractContextManager[Any]]):
        self._layer, self._autocast = layer, autocast
        self.positions = max(1, logits // vocabulary)

    @classmethod
    def of(
        cls, model: Any, longest: int, autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
        logits: int = LOGITS,
    ) -> "Head | None":  # fmt: skip
        """Return the head of a model, None where it is not needed for steps of `longest` tokens, or not all there is.

        Some models scale or cap what their output layer gives (Gemma 2, Cohere, Granite): their logits are left whole.
        """
        layer, vocabulary = model.get_output_embeddings(), model.config.get_text_config().vocab_size
        if layer is None or longest * vocabulary <= logits:
            return None
        head = cls(layer, vocabulary, logits, autocast)
        return head if head._is_all_of(model) else None

    def _is_all_of(self, model: Any) -> bool:
        """Whether the layer on what the model gives without it is, to the bit, what the model gives."""
        import torch

        ids = torch.arange(2, 10, device=next(model.parameters()).device)[None]
        was_training = model.training
        model.eval()
        with torch.no_grad(), self._autocast():  # flash-attention has no float32
            whole = model(input_ids=ids, use_cache=False).logits
            with self.left_out():
                hidden = model(input_ids=ids, use_cache=False).logits
            same = hidden.shape != whole.shape and torch.equal(self._layer(hidden), whole)
        model.train(was_training)
        return same

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Let the model give what goes into the layer in place of logits."""
        own, had_own = self._layer.forward, "forward" in vars(self._layer)
        self._layer.forward = lambda hidden: hidden
        try:
            yield
        finally:
            if had_own:
                self._layer.forward = own
            else:
                del self._layer.forward

    def loss(self, hidden: Any, targets: Any, taught: Taught | None) -> Any:
        """Return the loss of positions [positions, width] in nats, summed; `targets` [positions]."""
        from torch.utils.checkpoint import checkpoint

        def piece(start: int, hidden: Any) -> Any:
            own = targets[start : start + len(hidden)]
            with self._autocast():
                logits = self._layer(hidden).float()
            before = int((targets[:start] != IGNORED).sum())
            counted = int((own != IGNORED).sum())
            return of_logits(logits, own, taught and taught.part(before, before + counted))

        parts = zip(range(0, len(hidden), self.positions), hidden.split(self.positions), strict=True)
        return sum(checkpoint(piece, start, part, use_reentrant=False) for start, part in parts)


def summed_loss(model: Any, step: dict[str, Any], taught: Taught | None = None, head: Head | None = None) -> Any:
    """Return the loss of a step in nats, summed over the tokens of responses, in float32.

    It is the cross-entropy; where the rows are `taught`, (1 - weight) of it and `weight` of the divergence. With a
    `head` the logits of a large step are made piece by piece.
    """
    inputs = {name: value for name, value in step.items() if name != "targets"}
    targets = step["targets"].flatten()
    if head is None or len(targets) <= head.positions:
        return of_logits(model(**inputs, use_cache=False).logits.flatten(0, 1).float(), targets, taught)
    with head.left_out():
        hidden = model(**inputs, use_cache=False).logits.flatten(0, 1)
    return head.loss(hidden, targets, taught)


def of_logits(logits: Any, targets: Any, taught: Taught | None) -> Any:
    """Return the loss of logits [positions, vocabulary] in nats, summed over the positions that have a target."""
    from torch.nn.functional import cross_entropy

    loss = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
    if taught is None:
        return loss
    return (1 - taught.weight) * loss + taught.weight * taught.divergence(logits[targets != IGNORED])
