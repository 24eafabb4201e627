"""``rmfer config``: see `rmset_builder.core.config_command`."""

from __future__ import annotations

from rmset_builder.core.config_command import config_command

command = config_command("rmfer")
