from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.proto.stream import Ack, Open, Pushback, Reject, RejectCode, Request, Response, Resume, SealedRecord
from agent.sealing import Receipt, RecipientPrivateKey, verify_receipt
from collector.errors import StoreFailed
from collector.service import CollectorService
from collector.sql_store import SqlStore
from collector.store import KioskPosition
from tests.collector.conftest import BOTH_STORES, world_on
from tests.collector.world import EPOCH, KIOSK, OTHER_KIOSK, Chain, World


@pytest.fixture(params=BOTH_STORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Set a collector and two kiosks up, once on each kind of store."""
    return world_on(request, tmp_path)


@pytest.fixture
def service(world: World, store: SqlStore) -> Iterator[CollectorService]:
    """Return the service over the store."""
    made = world.service(store, open_within_s=5)
    yield made
    made.close()


async def exchange(service: CollectorService, requests: Sequence[Request], peer_name: str = KIOSK) -> list[Response]:
    """Send everything at once, end the stream, and return all answers."""

    async def sent() -> AsyncIterator[Request]:
        for request in requests:
            yield request

    return [response async for response in service.append(sent(), peer_name)]


def greeting(chain: Chain, kiosk: str = KIOSK) -> Open:
    """Return the greeting of a kiosk that stands where `chain` stands."""
    return Open(kiosk, EPOCH, chain.next_seq, chain.head)


def receipt_of(world: World, response: Response) -> Receipt:
    """Return the receipt in an acknowledgement, checked with the keys that kiosks hold."""
    assert isinstance(response, Ack)
    return verify_receipt(response.receipt, world.trust().receipt_keys)


def refusal(responses: list[Response]) -> RejectCode:
    """Return why the stream ended; nothing follows a Reject."""
    last = responses[-1]
    assert isinstance(last, Reject)
    return last.code


async def test_records_are_stored_and_signed_for(world: World, service: CollectorService, chain: Chain) -> None:
    """Resume tells the start; the last receipt names kiosk, epoch, seq and head of everything sent."""
    records = [chain.record() for _ in range(5)]
    resume, *acks = await exchange(service, [greeting(chain), *records])
    assert isinstance(resume, Resume)
    assert resume.next_seq == 0
    receipt = receipt_of(world, acks[-1])
    assert (receipt.kiosk, receipt.epoch, receipt.through_seq, receipt.head) == (KIOSK, EPOCH, 4, chain.head)
    assert receipt.collector == "centre"
    assert len(world.stored_ids()) == 5


async def test_an_opened_stream_gets_the_receipt_it_may_have_missed(
    world: World, service: CollectorService, chain: Chain
) -> None:
    """A kiosk that died between sending and the receipt gets it at once, though it has nothing new to send."""
    await exchange(service, [greeting(chain), chain.record()])
    resume, ack = await exchange(service, [greeting(chain)])
    assert isinstance(resume, Resume)
    assert resume.next_seq == 1
    assert receipt_of(world, ack).through_seq == 0


async def test_a_new_kiosk_gets_no_receipt_before_its_first_record(service: CollectorService, chain: Chain) -> None:
    """There is nothing to sign for yet."""
    assert [type(r) for r in await exchange(service, [greeting(chain)])] == [Resume]


async def test_a_known_record_is_skipped_and_acknowledged_again(
    world: World, service: CollectorService, chain: Chain
) -> None:
    """The same bytes under a lower number store nothing and are signed for."""
    records = [chain.record() for _ in range(3)]
    await exchange(service, [greeting(chain), *records])
    responses = await exchange(service, [greeting(chain), *records])
    assert receipt_of(world, responses[-1]).through_seq == 2
    assert len(world.stored_ids()) == 3


async def test_a_gap_is_out_of_range(world: World, service: CollectorService, chain: Chain) -> None:
    """A seq above the expected one stores nothing."""
    first, _, third = (chain.record() for _ in range(3))
    responses = await exchange(service, [greeting(chain), first, third])
    assert refusal(responses) is RejectCode.OUT_OF_RANGE
    assert len(world.stored_ids()) == 1


async def test_what_came_before_a_refused_record_is_acknowledged_first(
    world: World, service: CollectorService, chain: Chain
) -> None:
    """A bad record takes away nothing from the good ones in the same batch."""
    good, bad = chain.record(), chain.record()
    responses = await exchange(service, [greeting(chain), good, replace(bad, ciphertext=b"x" + bad.ciphertext)])
    assert refusal(responses) is RejectCode.INVALID_RECORD
    assert receipt_of(world, responses[-2]).through_seq == 0


@pytest.mark.parametrize(
    "forge",
    [
        lambda r: replace(r, ciphertext=bytes(len(r.ciphertext))),
        lambda r: replace(r, ciphertext=r.ciphertext[:-1]),
        lambda r: replace(r, cose_sign1=r.cose_sign1[:-1] + bytes([r.cose_sign1[-1] ^ 1])),
        lambda r: replace(r, cose_sign1=r.cose_sign1[:-1]),
        lambda r: replace(r, cose_sign1=b""),
        lambda r: replace(r, cose_sign1=b"\xff" * 200),
    ],
    ids=["other ciphertext", "cut ciphertext", "signature", "cut cose", "no cose", "garbage"],
)
async def test_forged_records_are_refused_and_change_nothing(
    world: World, service: CollectorService, chain: Chain, forge: Callable[[SealedRecord], SealedRecord]
) -> None:
    """A wrong signature or layout is INVALID_RECORD, the position stays."""
    responses = await exchange(service, [greeting(chain), forge(chain.record())])
    assert refusal(responses) is RejectCode.INVALID_RECORD
    assert world.stored_ids() == []


async def test_another_kiosks_record_is_refused(world: World, service: CollectorService, chain: Chain) -> None:
    """A record signed by another kiosk's key cannot enter this kiosk's chain."""
    stranger = world.chain(OTHER_KIOSK).record()
    assert refusal(await exchange(service, [greeting(chain), stranger])) is RejectCode.INVALID_RECORD


async def test_a_record_cannot_take_another_number(service: CollectorService, chain: Chain) -> None:
    """The number is in the signature."""
    first, second = chain.record(), chain.record()
    assert refusal(await exchange(service, [greeting(chain), replace(second, seq=0), first])) is (
        RejectCode.INVALID_RECORD
    )


async def test_a_name_other_than_the_certificates_is_refused(
    world: World, service: CollectorService, chain: Chain
) -> None:
    """A rogue kiosk cannot open a stream in another's name."""
    responses = await exchange(service, [greeting(chain), chain.record()], peer_name=OTHER_KIOSK)
    assert refusal(responses) is RejectCode.UNKNOWN_KIOSK
    assert world.stored_ids() == []


async def test_an_unregistered_kiosk_is_refused(service: CollectorService, chain: Chain) -> None:
    """A certificate alone is not enough."""
    responses = await exchange(service, [greeting(chain, "kiosk-9")], peer_name="kiosk-9")
    assert refusal(responses) is RejectCode.UNKNOWN_KIOSK


async def test_another_epoch_is_refused(service: CollectorService, chain: Chain) -> None:
    """Opening a new epoch is an act of its own."""
    responses = await exchange(service, [replace(greeting(chain), epoch=2)])
    assert refusal(responses) is RejectCode.UNKNOWN_EPOCH


async def test_a_fork_is_refused_and_overwrites_nothing(
    world: World, service: CollectorService, store: SqlStore, chain: Chain
) -> None:
    """A cloned disk that signs another record under a used number is told so; the first record stays as it was."""
    clone = world.chain()
    original, copy = chain.record(b"original"), clone.record(b"clone")
    await exchange(service, [greeting(chain), original])
    attempts: list[list[Request]] = [
        [greeting(clone), copy],
        [greeting(chain), copy],
        [greeting(chain), clone.record()],
    ]
    for requests in attempts:
        assert refusal(await exchange(service, requests)) is RejectCode.FORK
    (stored,) = store.records(10)
    assert store.load(stored) == original


async def test_a_kiosk_set_back_to_an_older_disk_is_refused(service: CollectorService, chain: Chain) -> None:
    """A kiosk that knows fewer records than we hold for it is a restored copy."""
    before = greeting(chain)
    await exchange(service, [before, chain.record()])
    assert refusal(await exchange(service, [before])) is RejectCode.FORK


async def test_two_streams_of_one_kiosk_cannot_harm_each_other(
    world: World, service: CollectorService, store: SqlStore, chain: Chain
) -> None:
    """A half-dead old stream that stands at a stale position skips what the new one has stored, and goes on."""
    before = greeting(chain)
    first, second = chain.record(b"first"), chain.record(b"second")
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[Request]:
        yield before
        await go_on.wait()
        yield first
        yield second

    old = service.append(slow(), KIOSK)
    assert isinstance(await anext(old), Resume)
    await exchange(service, [before, first])
    go_on.set()
    rest = [response async for response in old]
    assert receipt_of(world, rest[-1]).through_seq == 1
    assert [store.load(stored) for stored in store.records(10)] == [second, first]


async def test_a_clone_on_a_stale_stream_overwrites_nothing(
    world: World, service: CollectorService, store: SqlStore, chain: Chain
) -> None:
    """Two disks with one key at the same position: whoever comes second is a fork, and the stored bytes stay."""
    before, clone = greeting(chain), world.chain()
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[Request]:
        yield before
        await go_on.wait()
        yield clone.record(b"clone")

    old = service.append(slow(), KIOSK)
    await anext(old)
    original = chain.record(b"original")
    await exchange(service, [before, original])
    go_on.set()
    assert refusal([response async for response in old]) is RejectCode.FORK
    (stored,) = store.records(10)
    assert store.load(stored) == original


async def test_test_records_are_refused_in_production(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A record from mock devices never enters a production store."""
    world = World.make(tmp_path_factory.mktemp("production"), development=False)
    chain = world.chain()
    before = greeting(chain)
    with world.store() as store:
        service = world.service(store)
        responses = await exchange(service, [before, chain.record(test=True)])
        service.close()
    assert refusal(responses) is RejectCode.TEST_RECORD
    assert world.stored_ids() == []


@pytest.mark.parametrize("case", ["kiosk", "recipient", "size"])
async def test_valid_signature_with_bad_content_is_quarantined_and_the_chain_goes_on(
    world: World, service: CollectorService, store: SqlStore, chain: Chain, case: str
) -> None:
    """The bad record is kept, named in every receipt, and blocks nobody behind it."""
    stranger = RecipientPrivateKey.create(world.folder / "stranger.key").public
    bad = {
        "kiosk": lambda: chain.record(kiosk=OTHER_KIOSK),
        "recipient": lambda: chain.record(recipient=stranger),
        "size": lambda: chain.record(bytes(world.config.max_record_bytes)),
    }[case]()
    responses = await exchange(service, [greeting(chain), bad, chain.record()])
    receipt = receipt_of(world, responses[-1])
    assert (receipt.through_seq, receipt.quarantined) == (1, (0,))
    last, first = store.records(10)
    assert first.quarantined
    assert not last.quarantined


@pytest.mark.parametrize(
    "requests",
    [lambda c: [c.record()], lambda c: [greeting(c), greeting(c)], lambda _: []],
    ids=["no greeting", "two greetings", "nothing"],
)
async def test_a_stream_out_of_order_is_refused(
    service: CollectorService, chain: Chain, requests: Callable[[Chain], list[Request]]
) -> None:
    """A stream starts with Open, once."""
    assert refusal(await exchange(service, requests(chain))) is RejectCode.INVALID_RECORD


async def test_a_client_that_never_says_open_is_let_go(world: World, store: SqlStore) -> None:
    """A silent connection does not stay for ever."""
    service = world.service(store, open_within_s=0.05)

    async def silent() -> AsyncIterator[Request]:
        await asyncio.Event().wait()
        yield Open("", 0, 0, b"")

    assert [response async for response in service.append(silent(), KIOSK)] == []
    service.close()


async def test_a_failing_store_acknowledges_nothing_and_asks_to_wait(
    service: CollectorService, store: SqlStore, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kiosk keeps its record, and comes again when the disk may be back."""

    def full(position: KioskPosition, *_: object) -> KioskPosition:
        raise StoreFailed(f"{position.kiosk}: no space left on device")

    before, record = greeting(chain), chain.record()
    with monkeypatch.context() as broken:
        broken.setattr(store, "append", full)
        resume, answer = await exchange(service, [before, record])
    assert isinstance(resume, Resume)
    assert isinstance(answer, Pushback)
    assert answer.wait_ms > 0
    responses = await exchange(service, [before, record])
    assert isinstance(responses[-1], Ack)


async def test_draining_stores_what_has_arrived_and_ends_the_stream(
    world: World, service: CollectorService, chain: Chain
) -> None:
    """On SIGTERM nothing that arrived is left unanswered, and the kiosk is asked to come back a little later."""
    before = greeting(chain)
    waiting = asyncio.Event()

    async def requests() -> AsyncIterator[Request]:
        yield before
        yield chain.record()
        waiting.set()
        await asyncio.Event().wait()

    stream = service.append(requests(), KIOSK)
    await anext(stream)
    first = await anext(stream)
    await waiting.wait()
    await service.drain()
    rest = [response async for response in stream]
    assert receipt_of(world, first).through_seq == 0
    assert [type(response) for response in rest] == [Pushback]
    assert [type(response) for response in await exchange(service, [greeting(chain)])] == [Resume, Ack, Pushback]


async def test_logs_tell_kiosk_and_seq_but_nothing_of_the_content(
    service: CollectorService, chain: Chain, world: World
) -> None:
    """One event per fact."""
    with capture_logs() as events:
        await exchange(service, [greeting(chain), chain.record(kiosk=OTHER_KIOSK)])
    assert [event["event"] for event in events] == [
        "collector.stream_opened",
        "collector.stored",
        "collector.quarantined",
    ]
    assert events[2]["seq"] == 0
