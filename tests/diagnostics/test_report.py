"""The readiness report: one page that stands alone, Vietnamese first, with nothing that could run or load."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from agent.diagnostics.catalogue import FAMILIES
from agent.diagnostics.finding import Finding, Verdict
from agent.diagnostics.report import Subject, page
from agent.words import Words

SUBJECT = Subject("kiosk-1", "Công an phường <Hạc Thành>", "abc", "0.1.0", 1_800_000_000)
LOADING = {"script", "img", "link", "iframe", "object", "embed", "video", "audio", "base", "form"}


def finding(verdict: Verdict, evidence: str = "") -> Finding:
    """Return a finding of the queue."""
    words = Words("Nguyên nhân <b>", "Cause <b>")
    return Finding("queue.depth", Words("Hồ sơ", "Records"), "queue.depth", verdict, words, evidence, words, 0.1)


class Page(HTMLParser):
    """Reads a page: tags in order, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Demand that tags close in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.text += data


def test_it_loads_and_runs_nothing() -> None:
    """No tag or attribute that fetches or executes, and a policy that forbids it."""
    read = Page(page(SUBJECT, [finding(Verdict.ERROR, "<script>alert(1)</script>")], FAMILIES))
    assert not LOADING & set(read.tags)
    assert not [name for name, _ in read.attributes if name in {"src", "href", "srcset"} or name.startswith("on")]
    assert any("default-src 'none'" in (value or "") for _, value in read.attributes)
    assert read.open == []
    assert "<script>alert(1)</script>" in read.text
    assert "url(" not in page(SUBJECT, [], FAMILIES)


@pytest.mark.parametrize(
    ("verdict", "vi", "en"),
    [
        (Verdict.ERROR, "CHƯA SẴN SÀNG", "NOT READY"),
        (Verdict.WARN, "SẴN SÀNG, CÓ ĐIỂM CẦN CHÚ Ý", "READY, WITH WARNINGS"),
        (Verdict.OK, "SẴN SÀNG", "READY"),
        (Verdict.NOT_ASSESSED, "SẴN SÀNG", "READY"),
    ],
)
def test_the_conclusion_is_by_the_worst(verdict: Verdict, vi: str, en: str) -> None:
    """Vietnamese first."""
    text = Page(page(SUBJECT, [finding(Verdict.OK), finding(verdict)], FAMILIES)).text
    assert f"{vi} {en}" in text


def test_whose_it_is() -> None:
    """Kiosk, station, machine, version and time; foreign text is text."""
    text = Page(page(SUBJECT, [finding(Verdict.OK, "25 records")], FAMILIES)).text
    for told in ("kiosk-1", "Công an phường <Hạc Thành>", "abc", "0.1.0", "2027-01-1", "25 records", "Nguyên nhân <b>"):
        assert told in text


def test_only_families_that_were_looked_at_are_shown() -> None:
    """No empty table."""
    text = Page(page(SUBJECT, [finding(Verdict.OK)], FAMILIES)).text
    assert "Hàng đợi hồ sơ" in text
    assert "Máy ảnh" not in text
