"""The console in the browser: Starlette, server-sent events, and hand-written pages without a build step."""
