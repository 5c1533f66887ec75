"""`kiosk intake`: one person, in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from agent.commands import finger_exceptions, portrait_orders
from agent.commands.exit_codes import ExitCode
from agent.commands.flash_screen import FlashScreen
from agent.commands.screen import Screen
from agent.console.client import KioskClient
from agent.console.errors import RemoteError
from agent.words import KioskError, Words

POLL_S = 0.1

STAGES = {
    "chip": Words("Chip thẻ căn cước", "Chip"),
    "portrait": Words("Ảnh chân dung", "Portrait"),
    "liveness": Words("Người thật", "Liveness"),
    "match": Words("So khuôn mặt với chip", "Match with the chip"),
    "fingerprints": Words("Vân tay", "Fingerprints"),
}

Event = Mapping[str, Any]  # Any: JSON from the daemon


def discard(client: KioskClient, screen: Screen) -> ExitCode:
    """Drop the visit that was cut off."""
    client.discard_intake()
    if screen.as_json:
        screen.json({"discarded": True})
    else:
        screen.line("✓ Đã bỏ lượt dang dở.", "The unfinished visit was discarded.", "green")
    return ExitCode.OK


def typed(read_line: Callable[[], str]) -> dict[str, str]:
    """Return what was typed or scanned as a caller: a number, QR text or a zone. What it is worth the daemon says."""
    from agent.capture.chip import collect_scan  # noqa: PLC0415 # the other commands start faster without it

    text = collect_scan(read_line)
    kind = "qr" if "|" in text else "mrz" if "\n" in text or "<" in text else "number"
    return {kind: text}


def scanned(client: KioskClient, screen: Screen) -> dict[str, str]:
    """Ask for the card before the camera and return its QR text as a caller; raises RemoteError."""
    if not screen.as_json:
        screen.line("• Đưa mã QR trên thẻ trước camera.", "Hold the card's QR code before the camera.")
    return {"qr": client.scan_card()}


class IntakeScreen:
    """Shows a visit as it happens and answers its questions, by the person or, with `yes`, by agreement beforehand."""

    def __init__(
        self,
        client: KioskClient,
        screen: Screen,
        *,
        yes: bool,
        wait_receipt_s: float,
        flash: FlashScreen | None = None,
    ) -> None:
        self._flash = flash
        self._client, self._screen, self._yes, self._wait_receipt_s = client, screen, yes, wait_receipt_s
        self._rows: list[tuple[str, str, str, str]] = []
        self._stored: Event | None = None
        self._code = ExitCode.FAILED
        self._seen = 0
        self._cancelled = False

    def declare(self, visit_id: str, exceptions: Mapping[str, str]) -> None:
        """Except fingers (finger -> reason) before they are asked for; when that is refused the visit is cancelled."""
        try:
            for finger, reason in exceptions.items():
                if not self._yes:
                    finger_exceptions.before_photo(self._screen, self._client.fingers(visit_id), reason)
                self._client.except_finger(visit_id, finger, reason)
        except (KioskError, EOFError, KeyboardInterrupt):
            self._client.cancel(visit_id)
            raise

    def follow(self, visit_id: str) -> ExitCode:
        """Follow the visit to its end.

        Ctrl-C cancels it at the daemon; its end is told as it came, since a record that was being sealed is kept.
        """
        if self._flash is not None:
            self._flash.announce(visit_id)
        try:
            self._watch(visit_id)
        except (KeyboardInterrupt, EOFError):
            self._cancelled = True
            self._client.cancel(visit_id)
            self._watch(visit_id)
        if self._stored is not None:
            self._code = self._await_receipt(self._stored)
        return self._code

    def _watch(self, visit_id: str) -> None:
        for event in self._client.events(visit_id, self._seen):
            self._seen = event["number"]
            self._show(visit_id, event)

    def _show(self, visit_id: str, event: Event) -> None:
        if self._screen.as_json:
            self._screen.json(event)
        match event["kind"]:
            case "guidance":
                self._guide(event)
            case "stage_ended":
                self._stage_ended(event)
            case "question" if not self._cancelled:
                self._answer(visit_id, event)
            case "flash" if self._flash is not None and not self._cancelled:
                self._flash.show(visit_id, event)
            case "durable":
                self._stored = event
            case "ended":
                self._ended(event)

    def _guide(self, event: Event) -> None:
        if self._screen.as_json:
            return
        progress = f" {event['done']}/{event['total']}" if event.get("total") else ""
        if "remedy" in event:
            self._screen.error(_remote(event))
        elif not event.get("done") or event["done"] == event["total"]:
            self._screen.line("• " + event["words"]["vi"] + progress, event["words"]["en"])

    def _stage_ended(self, event: Event) -> None:
        name = STAGES.get(event["stage"], Words(event["stage"], event["stage"]))
        self._rows.append(
            (f"{name.vi} · {name.en}", event["verdict"], f"{event['took_ms'] / 1000:.2f} s", event["reason"])
        )

    def _answer(self, visit_id: str, event: Event) -> None:
        try:
            self._client.answer(visit_id, event["question"], self._choose(visit_id, event))
        except RemoteError as error:
            # It came too late: the visit's own end, which follows, names the cause.
            if error.code != "intake.no_such_question":
                raise

    def _choose(self, visit_id: str, event: Event) -> str:
        if self._yes:
            # Agreement beforehand answers only what agreement can: a failed stage is never waved through.
            return "cancel" if event["code"] == "stage_failed" else "yes"
        for label, value in event.get("shown", {}).items():
            self._screen.line(f"{label}: {value}", "")
        own = [(c["code"], _line(c["words"])) for c in event["choices"]]
        if event["code"] == "stage_failed" and event.get("stage") == "portrait":
            return self._about_portrait(visit_id, event["words"], own)
        if event.get("stage") == "fingerprints":
            return self._about_fingers(visit_id, event["words"], own)
        return self._screen.ask(event["words"]["vi"], event["words"]["en"], own)

    def _about_fingers(self, visit_id: str, words: Event, own: list[tuple[str, str]]) -> str:
        """Offer to except a finger, too; the question stays open meanwhile."""
        choices = [*own, finger_exceptions.OFFERED]
        while (chosen := self._screen.ask(words["vi"], words["en"], choices)) == finger_exceptions.EXCEPT:
            finger_exceptions.declare(self._client, self._screen, visit_id)
        return chosen

    def _about_portrait(self, visit_id: str, words: Event, own: list[tuple[str, str]]) -> str:
        """Offer what the policy lets people decide, too; an order is followed by another try."""
        while True:
            choices = self._client.portrait_choices(visit_id)
            chosen = self._screen.ask(words["vi"], words["en"], own + portrait_orders.offered(choices))
            if chosen in {code for code, _ in own}:
                return chosen
            try:
                portrait_orders.order(self._client, self._screen, visit_id, chosen, choices)
            except RemoteError as error:
                self._screen.error(error)
                continue
            return "retry"

    def _ended(self, event: Event) -> None:
        if not self._screen.as_json and self._rows:
            self._screen.table(
                "Lượt thu nhận · Intake",
                ("Bước · Stage", "Kết quả · Verdict", "Thời gian · Time", "Lý do · Reason"),
                self._rows,
            )
        if "error" in event:
            error = _remote(event["error"])
            self._code = ExitCode.ENDED_BY_PEOPLE if event["state"] == "cancelled" else ExitCode.FAILED
            if not self._screen.as_json:
                self._screen.error(error)

    def _await_receipt(self, stored: Event) -> ExitCode:
        self._tell(stored, "durable")
        deadline = time.monotonic() + self._wait_receipt_s
        state = "durable"
        while time.monotonic() < deadline:
            state = self._client.record_state(stored["epoch"], stored["seq"])
            if state == "acknowledged":
                self._tell(stored, state)
                return ExitCode.OK
            time.sleep(POLL_S)
        if self._wait_receipt_s > 0:
            self._tell(stored, "waiting")
            return ExitCode.NO_RECEIPT_YET
        return ExitCode.OK

    def _tell(self, stored: Event, state: str) -> None:
        record = stored["record_id"]
        if self._screen.as_json:
            self._screen.json({"kind": "record", "record_id": record, "state": state})
        elif state == "durable":
            self._screen.line(
                f"✓ Hồ sơ {record} đã lưu an toàn tại kiosk.",
                f"Record {record} is durable on this kiosk.",
                "green",
            )
        elif state == "acknowledged":
            self._screen.line("✓ Trung tâm đã ký nhận hồ sơ.", "The collector's signed receipt is here.", "green")
        else:
            self._screen.line(
                "… Chưa có biên nhận của trung tâm; hồ sơ vẫn an toàn và sẽ được gửi sau.",
                "No receipt yet; the record is safe and will be sent later.",
                "yellow",
            )


def _line(words: Mapping[str, str]) -> str:
    return f"{words['vi']} · {words['en']}"


def _remote(told: Event) -> RemoteError:
    return RemoteError(told["code"], Words(**told["words"]), Words(**told["remedy"]), told["detail"])
