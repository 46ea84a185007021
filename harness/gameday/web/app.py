"""The routes of the console."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.gameday.director import Director, Refused
from harness.gameday.event_log import LogError
from harness.gameday.game import Person, Seat
from harness.gameday.streams import MAX_LISTENERS
from harness.gameday.web import pages
from harness.gameday.web.guard import Guard, Rates
from harness.gameday.web.keys import Keys
from harness.gameday.web.wishes import WISHES, BadWish

__all__ = ["create_app"]

_STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "chart.js": "text/javascript",
    "map.js": "text/javascript",
    "join.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
#: What a report may do. It must not be sandboxed: from an opaque origin a link to the other report would come without
#: the cookie that only our own pages send. Scripts run in the run's report alone, whose own policy names their hashes.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; {scripts}img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def create_app(director: Director, keys: Keys, folder: Path, *, rates: Rates | None = None) -> Starlette:
    """The console of a director; ``folder`` is the run's, from which the reports come when there are any."""
    console = _Console(director, keys, folder)
    port = keys.port
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"]

    def browser(headers: Headers) -> str:
        return console.person_id(headers) or "somebody"

    return Starlette(
        routes=[
            Route("/", console.page),
            Route("/join", console.join_page, methods=["GET"]),
            Route("/join", console.join, methods=["POST"]),
            Route("/me", console.me),
            Route("/events", console.events),
            Route("/do/{wish}", console.do, methods=["POST"]),
            Route("/report/{name}", console.report),
            Route("/static/{name}", console.static),
        ],
        middleware=[Middleware(Guard, hosts=hosts, rates=rates or Rates(), browser=browser)],
    )


class _Console:
    def __init__(self, director: Director, keys: Keys, folder: Path) -> None:
        self._director = director
        self._keys = keys
        self._folder = folder

    # -- who is it

    def person_id(self, headers: Headers) -> str | None:
        """The person whose cookie came with a request."""
        cookie: SimpleCookie = SimpleCookie()
        try:
            cookie.load(headers.get("cookie", "")[:4096])
        except Exception:  # the standard library's parser raises what it likes for garbage
            return None
        morsel = cookie.get(self._keys.cookie_name)
        return None if morsel is None else self._keys.person_of(morsel.value)

    def _person(self, request: Request) -> Person | None:
        return self._director.board.game.people.get(self.person_id(request.headers) or "")

    # -- pages

    async def page(self, request: Request) -> Response:
        """The console, for whoever has joined."""
        person = self._person(request)
        if person is None:
            return HTMLResponse(pages.stranger(), 401)
        components = [name for column in self._director.board.floor.columns for name in column]
        return HTMLResponse(pages.console(person, self._director.board.plan, components))

    async def join_page(self, request: Request) -> Response:
        """Where a link leads: who are you?"""
        token = request.query_params.get("token", "")
        seat = self._keys.seat_of(token)
        if seat is None:
            return HTMLResponse(pages.stranger(), 403)
        return HTMLResponse(pages.join_form(self._director.board.plan, seat, token))

    async def join(self, request: Request) -> Response:
        """Somebody joins; from then on a cookie says who they are."""
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        token, name, role = (form.get(key, [""])[0] for key in ("token", "name", "role"))
        seat = self._keys.seat_of(token)
        if seat is None:
            return HTMLResponse(pages.stranger(), 403)
        name = " ".join(name.split())[:60]
        roles = [role.name for role in self._director.board.plan.roles]
        if not name:
            return HTMLResponse(pages.join_form(self._director.board.plan, seat, token, "Say who you are."), 400)
        try:
            person = self._director.join(name, role if role in roles else "", seat)
        except (Refused, LogError) as error:
            return HTMLResponse(pages.join_form(self._director.board.plan, seat, token, str(error)), _status_of(error))
        answer = RedirectResponse("/", 303)
        cookie = self._keys.cookie(person.id)
        answer.set_cookie(self._keys.cookie_name, cookie, httponly=True, samesite="strict", path="/")
        return answer

    async def static(self, request: Request) -> Response:
        """Style and scripts: for everybody, they hold nothing."""
        name = request.path_params["name"]
        if name not in _STATIC:
            return Response("not found\n", 404)
        text = files("harness.gameday.web.static").joinpath(name).read_bytes()
        return Response(text, media_type=_STATIC[name])

    async def report(self, request: Request) -> Response:
        """The reports, when the gameday is over."""
        name = request.path_params["name"]
        if self._person(request) is None:
            return HTMLResponse(pages.stranger(), 401)
        path = self._folder / name
        if name not in ("gameday.html", "gameday.md", "report.html", "report.md") or not path.is_file():
            return Response("there is no report yet\n", 404)
        kind = "text/html" if name.endswith(".html") else "text/markdown; charset=utf-8"
        scripts = "script-src 'unsafe-inline'; " if name == "report.html" else ""
        return FileResponse(
            path, media_type=kind, headers={"content-security-policy": _REPORT_POLICY.format(scripts=scripts)}
        )

    # -- the console's own requests

    async def me(self, request: Request) -> Response:
        """Who the browser belongs to, and what they have answered."""
        person = self._person(request)
        if person is None:
            return _refusal("join first.", 401)
        answers = {
            question: event["text"]
            for (question, by), event in self._director.board.game.answers.items()
            if by == person.id
        }
        who = {"name": person.name, "role": person.role, "seat": person.seat.value}
        return JSONResponse({**who, "answers": answers})

    async def events(self, request: Request) -> Response:
        """The stream of the person's seat."""
        person = self._person(request)
        if person is None:
            return _refusal("join first.", 401)
        stream = self._director.streams[person.seat]
        if stream.listeners >= MAX_LISTENERS:
            return _refusal("too many browsers are connected.", 503)
        last_id = request.headers.get("last-event-id", "")

        async def text() -> AsyncIterator[str]:
            yield "retry: 1000\n\n"
            async for message in stream.listen(last_id):
                yield message

        return StreamingResponse(text(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def do(self, request: Request) -> Response:
        """Carries out what somebody wants."""
        person = self._person(request)
        if person is None:
            return _refusal("join first.", 401)
        wish = WISHES.get(request.path_params["wish"])
        if wish is None:
            return _refusal("there is nothing of that name to do.", 404)
        if person.seat is not Seat.FACILITATOR and not wish.allowed(self._director.board.plan):
            return _refusal("only the facilitator can do this.", 403)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refusal("expected JSON.", 415)
        try:
            fields = json.loads(await request.body() or b"{}")
            wish.carry_out(self._director, person, fields)
        except (ValueError, RecursionError):
            return _refusal("that is not JSON.", 400)
        except BadWish as error:
            return _refusal(str(error), 400)
        except (Refused, LogError) as error:
            return _refusal(str(error), _status_of(error))
        return JSONResponse({"ok": True})


def _status_of(error: Refused | LogError) -> int:
    return 507 if isinstance(error, LogError) else 409


def _refusal(why: str, status: int) -> JSONResponse:
    return JSONResponse({"ok": False, "why": why}, status)
