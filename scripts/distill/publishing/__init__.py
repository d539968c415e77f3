"""Datasets, models and scores for others: their licences, cards, and the folder or hub that they go to."""
