"""Artefacts as repositories of the Hugging Face hub, one each."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from distill.publishing.contents import RECORDS, Artefact
from distill.runtime.errors import InputError, first_line

TOKEN = "HF_TOKEN"  # the variable that holds it
_GITS = ".gitattributes"


def upload(owner: str, private: bool, artefacts: Sequence[Artefact]) -> list[str]:
    """Put artefacts into repositories of an owner; return `ID at COMMIT` of each.

    The hub passes over what stands there already.

    Raises InputError without a token or network, for an owner that the token may not write to, and for repositories
    that hold files of others; all of it before the first is made.
    """
    token = os.environ.get(TOKEN)
    if not token:
        raise InputError(f"publish: to: hub needs a token that may write, in the variable {TOKEN}")
    from huggingface_hub import CommitOperationAdd, HfApi

    api, commits = HfApi(token=token), []
    with _told(token):
        _check_owner(api, owner)
        repositories = [(f"{owner}/{each.name}", "model" if each.kind == "models" else "dataset") for each in artefacts]
        for (name, kind), each in zip(repositories, artefacts, strict=True):
            _check_ours(api, name, kind, each)
        for (name, kind), each in zip(repositories, artefacts, strict=True):
            api.create_repo(name, repo_type=kind, private=private, exist_ok=True)
            operations = [
                CommitOperationAdd(path, source.encode() if isinstance(source, str) else str(source))
                for path, source in each.files.items()
            ]
            done = api.create_commit(name, operations, commit_message="Published by Mixdistill", repo_type=kind)
            commits.append(f"{name} at {done.oid}")
    return commits


def _check_owner(api: Any, owner: str) -> None:
    who = api.whoami()
    names = [who["name"], *(each["name"] for each in who.get("orgs", ()))]
    if owner not in names:
        raise InputError(f"publish: owner: the token of {TOKEN} is of {', '.join(names)}, not of {owner!r}")


def _check_ours(api: Any, name: str, kind: str, artefact: Artefact) -> None:
    """Raise InputError for a repository with a name the hub refuses, or with files that would not be written."""
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(name)
    if not api.repo_exists(name, repo_type=kind):
        return
    here = set(api.list_repo_files(name, repo_type=kind)) - {_GITS}
    if here and not here.issuperset(RECORDS):
        raise InputError(f"publish: the {kind} {name} of the hub is there, and not of an earlier `publish`")
    if strangers := sorted(here - artefact.files.keys()):
        raise InputError(f"publish: the {kind} {name} holds {strangers[0]}, which is not published; delete it there")


@contextmanager
def _told(token: str) -> Iterator[None]:
    """Tell errors of the hub in a line, in which the token does not stand."""
    # HTTPError is that of the client which the library speaks HTTP with: another one in other versions of it.
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        yield
    except (OSError, HTTPError, HFValidationError) as error:
        said = first_line(error).replace(token, "...")
        raise InputError(f"publish: the hub does not take it, or cannot be reached ({said})") from None
