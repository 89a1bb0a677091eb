"""Coding agents that work through the gateway.

`rows` has one row for each agent: how it is started (`understudy launch`) and what its own configuration needs
(`understudy setup`). `gateway` finds the gateway or starts one, `child` runs the agent, `temporary` makes the files
that exist only while it runs. `edits` changes single values in the text of configuration files, `changes` decides what
to write or restore, `files` and `record` do it.
"""
