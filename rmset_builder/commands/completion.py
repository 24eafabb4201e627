"""``rmset completion``: see `rmset_builder.core.completion_command`."""

from __future__ import annotations

from rmset_builder.core.completion_command import completion_command

command = completion_command("rmset")
