from __future__ import annotations

from pathlib import Path

import pytest
from firmware_mocks.chip_card.trust_files import State

from agent.capture.chip.errors import NoSuchAnchor, NotTrusted
from agent.capture.chip.trust_store import TrustStore


@pytest.fixture(scope="module")
def state() -> State:
    """Make a state with a CSCA."""
    return State.make()


@pytest.fixture
def store(tmp_path: Path, state: State) -> TrustStore:
    """Make a store that trusts it."""
    made = TrustStore(tmp_path / "trust")
    made.add(state.csca.der)
    return made


def test_an_empty_store_trusts_nobody(tmp_path: Path) -> None:
    """Its folder need not be there."""
    store = TrustStore(tmp_path / "none")
    assert (store.anchors().certificates, store.entries()) == ((), [])


def test_what_comes_in_stays(store: TrustStore, tmp_path: Path, state: State) -> None:
    """Another process finds it, once, whatever how often it was imported."""
    store.add(state.csca.der)
    again = TrustStore(tmp_path / "trust")
    assert [anchor.dump() for anchor in again.anchors().certificates] == [state.csca.der]
    assert [(entry.kind, entry.name) for entry in again.entries()] == [("csca", "CSCA")]


def test_master_list_link_and_revocations(store: TrustStore, state: State) -> None:
    """Each is checked by what is in the store already."""
    _, link = state.linked()
    store.add(link)
    store.add(state.master_list([State.make("A").csca.der, State.make("B").csca.der]))
    store.add(state.crl([7, 8]))
    assert sorted((entry.kind, entry.name) for entry in store.entries()) == [
        ("crl", "CSCA: 2"),
        ("csca", "A"),
        ("csca", "B"),
        ("csca", "CSCA"),
        ("link", "CSCA"),
    ]
    assert store.anchors().revoked[0].serials == {7, 8}


def test_what_is_not_trusted_leaves_no_trace(store: TrustStore) -> None:
    """Not even a file."""
    before = store.entries()
    with pytest.raises(NotTrusted):
        store.add(State.make("Stranger").master_list([]))
    assert store.entries() == before


def test_removing_needs_one_fingerprint(store: TrustStore, state: State) -> None:
    """By its beginning, six characters at least; a list whose CSCA is gone does not count any more."""
    store.add(state.crl([7]))
    csca = next(entry for entry in store.entries() if entry.kind == "csca")
    for prefix in ("", csca.fingerprint[:5], "0" * 64):
        with pytest.raises(NoSuchAnchor):
            store.remove(prefix)
    assert store.remove(csca.fingerprint[:8].upper()).fingerprint == csca.fingerprint
    assert (store.anchors().certificates, store.anchors().revoked) == ((), ())
    assert "no CSCA" in store.entries()[0].name


def test_a_torn_import_is_not_read(store: TrustStore, tmp_path: Path) -> None:
    """Power went in the middle: a scratch file is left behind, and nobody's anchor."""
    (tmp_path / "trust" / "torn.new").write_bytes(b"\x30\x82")
    assert len(store.anchors().certificates) == 1
