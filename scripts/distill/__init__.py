"""The library of the programs: pure functions, importable without torch and without Snakemake."""
