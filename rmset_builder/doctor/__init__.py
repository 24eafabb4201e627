"""Checks whether a machine is fit for ``rmset extract``; a module for each kind of check."""
