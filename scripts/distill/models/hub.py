"""Repositories of the Hugging Face hub, downloaded at one commit."""

from collections.abc import Sequence
from pathlib import Path

from distill.runtime.errors import InputError, first_line


def snapshot(kind: str, hub: str, revision: str, patterns: Sequence[str] | None) -> Path:
    """Return the folder of one commit of a hub repository of a `kind` (`model` or `dataset`), downloaded if needed.

    `patterns` (globs) limits the files. Raises InputError when it is neither cached nor to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(hub, repo_type=kind, revision=revision, allow_patterns=patterns))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise InputError(f"hub {kind} {hub} at {revision}: cannot be downloaded ({first_line(error)})") from None
