"""The report's pages served to this machine's own browser, with corrections as clicks."""
