"""Audit: what stands under `results/`, compared with its records and with configuration and code as they are."""
