"""Scheduled runs: when they are due is decided by pure functions; the service only waits, starts and tells.

`cron` knows when a job is due, `plan` is the schedule file, `windows` and `decide` say whether a due job starts,
`service` runs it as a child process, `notify` tells changes, `endpoint` shows health and metrics, `export` writes the
same schedule for cron, GitHub Actions, Kubernetes and systemd.
"""
