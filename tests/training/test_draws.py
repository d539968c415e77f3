"""What a student draws: its own distribution, and the same whatever rows stand beside a row."""

import numpy as np
import pytest
import torch

from distill.training.draws import Draws, numbers

P = [0.5, 0.0, 0.25, 0.125, 0.125]
LOGITS = torch.tensor([P]).log()


def token(number: float, logits: torch.Tensor = LOGITS, temperature: float = 1.0) -> int:
    """The token that a number draws, the second of its row."""
    scores = Draws(np.array([[0.0, number]]), 3, temperature)(torch.zeros((1, 4), dtype=torch.long), logits)
    assert scores.isneginf().sum() == scores.numel() - 1
    assert scores.max() == 0
    return int(scores.argmax())


@pytest.mark.parametrize(
    ("number", "drawn"), [(0.0, 0), (0.499, 0), (0.501, 2), (0.749, 2), (0.751, 3), (0.876, 4), (1 - 2**-53, 4)]
)
def test_a_number_draws_the_token_whose_cumulated_probability_exceeds_it(number: float, drawn: int) -> None:
    assert token(number) == drawn


def test_the_temperature_divides_the_logits() -> None:
    # Divided by 1/2 the probabilities are squared: 4, 0, 1, 1/4, 1/4 parts of 5.5.
    assert [token(number, temperature=0.5) for number in (4 / 5.5 - 1e-6, 4 / 5.5 + 1e-6)] == [0, 2]
    assert [token(number, temperature=0.5) for number in (5 / 5.5 - 1e-6, 5 / 5.5 + 1e-6)] == [2, 3]


def test_all_tokens_come_as_often_as_they_should() -> None:
    drawn = [token(float(number)) for number in numbers(1, 2, [3], 4000)[0]]
    assert np.bincount(drawn, minlength=5) / 4000 == pytest.approx(P, abs=0.03)


def test_logits_that_are_no_numbers_stay_so() -> None:
    scores = Draws(np.zeros((2, 1)), 4, 1.0)(torch.zeros((2, 4)), torch.tensor([[torch.nan, 0.0], [0.0, 0.0]]))
    assert scores[0].isnan().all()
    assert scores[1].tolist() == [0.0, -torch.inf]


def test_numbers_are_those_of_the_row() -> None:
    whole = numbers(1, 2, range(4), 8)
    assert whole.shape == (4, 8)
    assert np.array_equal(whole[2:], numbers(1, 2, range(2, 4), 8))
    others = [numbers(2, 2, range(4), 8), numbers(1, 3, range(4), 8)]
    assert len(np.unique(np.concatenate([whole, *others]))) == 3 * 32
    assert ((whole >= 0) & (whole < 1)).all()
