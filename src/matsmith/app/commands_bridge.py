"""`matsmith serve-reasoner` and `matsmith probe`: play the model yourself; find out what a model's server can do."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matsmith.app.guard import guarded, stoppable
from matsmith.core.errors import SettingsError

if TYPE_CHECKING:
    from matsmith.agents.reasoners.probe import Findings


@guarded
def serve_reasoner(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="where requests are written and answers are read")
    ],
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one")] = 8766,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="how long a request waits for its answer")
    ] = "1h",
) -> None:
    r"""Be the language model: each request becomes a file, and the answer is the file that you write.

    \b
    DIR/0001.request.md says what is asked and how to answer; write DIR/0001.answer.json, for
    example {"content": {"queries": ["oxide perovskites"]}}. What is wrong with an answer stands
    in DIR/0001.problem.txt. Any program that speaks chat completions may ask.

    \b
    Example:
      matsmith serve-reasoner --dir answers &
      OPENAI_BASE_URL=http://127.0.0.1:8766/v1 MATSMITH_MODEL_TIMEOUT_S=3600 \
        matsmith design "a stable oxide, no cobalt" --reasoner openai
    """
    from matsmith.agents.reasoners.bridge import Bridge
    from matsmith.app.console import make_console
    from matsmith.app.durations import parse_duration

    console = make_console()

    def note(line: str) -> None:
        console.print(f" {line}", highlight=False, markup=False)

    timeout_s = parse_duration(timeout)
    bridge = Bridge(folder, port=port, timeout_s=timeout_s, note=note)
    note(f"Requests go to {folder.resolve()}; end with Ctrl-C. In another terminal:")
    note(f"export OPENAI_BASE_URL={bridge.base_url} MATSMITH_MODEL_TIMEOUT_S={timeout_s:g}")
    note(f"then read {shlex.quote(str(folder / 'NNNN.request.md'))} and write NNNN.answer.json beside it.")
    with stoppable():
        try:
            bridge.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            note("Ended; requests that still wait are answered when they are asked again.")
        finally:
            bridge.closing.set()
            bridge.server_close()


@guarded
def probe(
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="the model of which role, when roles have their own")
    ] = "chat",
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> None:
    r"""Find out by a few short requests what the language model's server takes, and keep it.

    \b
    Example:
      OPENAI_BASE_URL=http://localhost:11434/v1 MATSMITH_MODEL=llama3.1 matsmith probe
    """
    from matsmith.agents.reasoners.probe import probe_role
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import MODEL_ROLES, load_settings

    if role not in MODEL_ROLES:
        raise SettingsError(f"There is no role {role!r}.", hint=f"Roles are {', '.join(MODEL_ROLES)}.")
    findings = probe_role(load_settings(), role=role)
    if as_json:
        write_json(findings.model_dump(mode="json"))
        return
    console = make_console()
    for name, value in _rows(findings):
        console.print(f" {name:<22}{value}", highlight=False, markup=False)


def _rows(findings: Findings) -> list[tuple[str, str]]:
    """The findings in words."""
    held = "held to it" if findings.schema_held else "not held to it, so it is told in words too"
    output = findings.dialect.output.value
    return [
        ("model", findings.model),
        ("server", findings.server),
        ("structured output", f"{output} ({held})" if output == "JSON schema" else output),
        ("tools", {True: "yes", False: "no", None: "accepted, but not called when asked to"}[findings.tools]),
        ("streaming", f"yes, first words after {findings.first_words_s:.2f} s" if findings.streams else "no"),
        ("token counts", "reported" if findings.counts else "not reported: they are estimated"),
        ("seed", "taken" if findings.dialect.takes_seed else "not taken"),
        ("spent", findings.usage.in_words),
    ]
