"""Who is told the metrics: on loopback this machine only, elsewhere whoever reaches the port, never another website."""

import httpx2
import pytest

from remit.server.api import Bind, listening
from remit.server.exporting.scraping import PATH, scraped

ELSEWHERE = {"Host": "metrics.example:9464"}
WEBSITE = {"Sec-Fetch-Site": "cross-site"}


class Looked:
    """Tells how often it looked, and what was accepted."""

    def __init__(self) -> None:
        self.times = 0

    async def look(self) -> None:
        self.times += 1

    def text(self, accept: str = "") -> tuple[bytes, str]:
        return f"looks {self.times}\n".encode(), accept


@pytest.mark.parametrize(
    ("loopback", "headers", "status"),
    [(True, {}, 200), (True, ELSEWHERE, 403), (True, WEBSITE, 403), (False, ELSEWHERE, 200), (False, WEBSITE, 403)],
)
async def test_it_tells_who_may_know(*, loopback: bool, headers: dict[str, str], status: int) -> None:
    looked = Looked()
    site = scraped(looked, looked.look, loopback=loopback)
    async with listening(site, Bind(port=0)) as url, httpx2.AsyncClient(base_url=url) as http:
        answer = await http.get(PATH, headers={"Accept": "text/plain", **headers})
    assert answer.status_code == status
    assert looked.times == (status == 200)
    if status == 200:
        assert (answer.text, answer.headers["content-type"]) == ("looks 1\n", "text/plain; charset=utf-8")
        assert answer.headers["cache-control"] == "no-store"


async def test_there_is_nothing_else() -> None:
    looked = Looked()
    site = scraped(looked, looked.look)
    async with listening(site, Bind(port=0)) as url, httpx2.AsyncClient(base_url=url) as http:
        assert (await http.get("/v1/sessions")).status_code == 404
        assert (await http.post(PATH)).status_code == 405
