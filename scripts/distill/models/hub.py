"""Repositories of the Hugging Face hub, downloaded at one commit."""

from collections.abc import Sequence
from pathlib import Path

from distill.runtime.errors import InputError, first_line

# What the library ends with where an answer is not the JSON that it takes it for; names that are none are ValueErrors.
_NO_HUB = (ValueError, KeyError, TypeError, AttributeError)


def snapshot(kind: str, hub: str, revision: str, patterns: Sequence[str] | None) -> Path:
    """Return the folder of one commit of a hub repository of a `kind` (`model` or `dataset`), downloaded if needed.

    `patterns` (globs) limits the files. Raises InputError when it is neither cached nor to be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(hub, repo_type=kind, revision=revision, allow_patterns=patterns))
    except (OSError, HfHubHTTPError, *_NO_HUB) as error:
        raise InputError(f"hub {kind} {hub} at {revision}: cannot be downloaded ({_why(error)})") from None


def _why(error: Exception) -> str:
    """Return what the hub says, and what to do about it."""
    from huggingface_hub import errors

    said = first_line(error)
    if isinstance(error, _NO_HUB) and not isinstance(error, errors.HFValidationError):
        return f"what answers is no hub: {said}; does a proxy ask for a login?"
    if isinstance(error, errors.GatedRepoError):
        return f"{said} It is gated: ask for access on its page, and give a token that has it in HF_TOKEN"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{said} There is none of this name, or it is private: give a token that may read it in HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{said} It has no such commit: `revision` is one of those that its page lists"
    if isinstance(error, OSError) and error.filename:
        return f"{said}; HF_HOME names the folder that downloads go to"
    return said
