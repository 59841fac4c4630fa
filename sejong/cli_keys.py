"""`sejong keys`: who may use a run's service."""

from typing import Annotated

import typer

from sejong.cli_parts import AsJson, Run, show

keys_app = typer.Typer(no_args_is_help=True, help="Create, list and revoke the service's API keys.")


@keys_app.command("create")
def keys_create(
    run: Run, name: Annotated[str, typer.Option(help="Whose key it is.")] = "default", as_json: AsJson = False
) -> None:
    """Create a key; it is shown once and stored only as a hash."""
    from sejong.serve import keys

    key = keys.create(run, name)
    show({"name": name, "key": key}, as_json, [key])


@keys_app.command("list")
def keys_list(run: Run, as_json: AsJson = False) -> None:
    """List the keys by name, with when they were made."""
    from sejong.serve import keys

    rows = keys.listed(run)
    show(
        {"keys": rows},
        as_json,
        [f"{one['name']:<20} {one['created']}  {'revoked' if one['revoked'] else 'valid'}" for one in rows],
    )


@keys_app.command("revoke")
def keys_revoke(run: Run, name: Annotated[str, typer.Argument(help="The key's name.")], as_json: AsJson = False) -> None:
    """Revoke every key of that name."""
    from sejong.serve import keys

    count = keys.revoke(run, name)
    show({"name": name, "revoked": count}, as_json, [f"revoked {count} keys"])
