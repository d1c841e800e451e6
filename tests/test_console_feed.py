import asyncio
from collections.abc import AsyncIterator

from console.feed import Feed, FeedMessage


async def take(line: AsyncIterator[FeedMessage], n: int) -> list[FeedMessage]:
    return [await asyncio.wait_for(anext(line), 5) for _ in range(n)]


async def opened(feed: Feed, lines: int) -> None:
    while feed.lines < lines:
        await asyncio.sleep(0)


def test_a_line_gets_what_comes_after_it_opened():
    async def story() -> None:
        feed = Feed(boot="b")
        feed.publish("changes", {"n": 0})
        line = feed.follow()
        waiting = asyncio.create_task(take(line, 2))
        await opened(feed, 1)
        feed.publish("changes", {"n": 1})
        feed.publish("pulse", {"n": 2})
        assert [(m.id, m.event, m.data) for m in await waiting] == [
            ("b:2", "changes", '{"n":1}'), ("b:3", "pulse", '{"n":2}'),
        ]  # fmt: skip
        await line.aclose()
        assert feed.lines == 0

    asyncio.run(story())


def test_a_line_that_comes_back_misses_nothing_and_sees_nothing_twice():
    async def story() -> None:
        feed = Feed(boot="b")
        for n in range(200):
            feed.publish("changes", n)
        line = feed.follow("b:150")
        replayed = await take(line, 50)
        assert [m.data for m in replayed] == [str(n) for n in range(150, 200)]
        feed.publish("changes", 200)
        assert [m.data for m in await take(line, 1)] == ["200"]

    asyncio.run(story())


def test_an_id_that_cannot_be_continued_is_reset():
    async def story() -> None:
        feed = Feed(ring=10, boot="b")
        for n in range(30):
            feed.publish("changes", n)
        for stranger in ("a:29", "b:19", "b:31", "b:x", "nonsense"):
            (first,) = await take(feed.follow(stranger), 1)
            assert (first.event, first.id) == ("reset", "b:30"), stranger
        assert [m.data for m in await take(feed.follow("b:20"), 10)] == [str(n) for n in range(20, 30)]

    asyncio.run(story())


def test_a_line_that_does_not_keep_up_is_reset_and_slows_nobody():
    async def story() -> None:
        feed = Feed(queue=5, boot="b")
        slow, quick = feed.follow(), feed.follow()
        first = asyncio.create_task(take(slow, 1)), asyncio.create_task(take(quick, 1))
        await opened(feed, 2)
        feed.publish("changes", "first")
        await asyncio.gather(*first)
        seen = []
        for n in range(20):
            feed.publish("changes", n)
            seen += [m.data for m in await take(quick, 1)]
        assert seen == [str(n) for n in range(20)]
        (said,) = await take(slow, 1)
        assert (said.event, said.id) == ("reset", "b:21")
        feed.publish("changes", "after")
        assert [m.data for m in await take(slow, 1)] == ['"after"']
        assert feed.resets == 1

    asyncio.run(story())
