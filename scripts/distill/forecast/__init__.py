"""Forecast: what is still missing of the chosen studies, and what it will take: hours, tokens, disk, price."""
