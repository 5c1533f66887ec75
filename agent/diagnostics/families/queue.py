"""The durable queue: what waits, how old it is, and whether it is whole."""

from __future__ import annotations

import shutil
import stat
import time

from agent.config import Config
from agent.diagnostics.check import Family
from agent.diagnostics.context import Context
from agent.diagnostics.finding import Outcome, error, not_assessed, ok, skipped, warn
from agent.diagnostics.limits import Limits, NotAssessed, SeeOther, Shared
from agent.diagnostics.queue_reading import QueueFacts, read_queue
from agent.provisioning import queue_folder
from agent.queue import OtherVersion

FAMILY = Family("queue", "Hàng đợi hồ sơ", "Record queue")

READ_WITHIN_S = 20.0
BODIES_S = 5.0
# A set of devices takes in 455 people on the busiest day of the campaign; a record is 2 MB at most.
PEOPLE_A_DAY = 455
RECORD_BYTES = 2_000_000
OLD_S, VERY_OLD_S = 3600.0, 24 * 3600.0

FOLDER_MISSING = error(
    "queue.folder.missing",
    "Chưa có thư mục hàng đợi.",
    "There is no queue folder.",
    "Kiểm tra kiosk.data_folder; thư mục được tạo khi kiosk chạy lần đầu (`systemctl start kiosk`).",
    "Check kiosk.data_folder; the daemon makes the folder at its first start (`systemctl start kiosk`).",
)
FOLDER_OPEN = error(
    "queue.folder.not_private",
    "Thư mục hàng đợi mở cho người khác; kiosk sẽ không khởi động.",
    "The queue's folder is open to others; the daemon refuses to start.",
    "Đặt chủ là người dùng kiosk và quyền 0700: chown kiosk, chmod 700.",
    "Give it to the kiosk's user, mode 0700: chown kiosk, chmod 700.",
)
FOREIGN = warn(
    "queue.folder.foreign_file",
    "Có tệp lạ trong thư mục hàng đợi.",
    "Files that are not the queue's lie in its folder.",
    "Xem tệp đó là gì rồi chuyển đi nơi khác; không xóa tệp segment-* hay acknowledged.",
    "Find out what they are and move them away; never delete segment-* or acknowledged.",
)
MANY = warn(
    "queue.depth.more_than_a_day",
    "Hồ sơ chờ gửi nhiều hơn một ngày làm việc.",
    "More than a day's records wait to be sent.",
    "Kiểm tra mạng: `kiosk doctor --only network`. Hồ sơ vẫn an toàn tại kiosk.",
    "Check the network: `kiosk doctor --only network`. The records are safe here.",
)
OLD = warn(
    "queue.age.hour",
    "Có hồ sơ chờ gửi hơn một giờ.",
    "A record has been waiting for more than an hour.",
    "Kiểm tra mạng: `kiosk doctor --only network`.",
    "Check the network: `kiosk doctor --only network`.",
)
VERY_OLD = error(
    "queue.age.day",
    "Có hồ sơ chờ gửi hơn một ngày.",
    "A record has been waiting for more than a day.",
    "Kiểm tra mạng và báo trung tâm; không tắt máy hay thay ổ đĩa trước khi hồ sơ được gửi hết.",
    "Check the network and tell the centre; do not retire the machine or its disk before all is sent.",
)
FUTURE = warn(
    "queue.age.future",
    "Hồ sơ chờ gửi có giờ ở tương lai: đồng hồ đã bị chỉnh lùi.",
    "A waiting record's time is in the future: the clock was turned back.",
    "Kiểm tra ngày giờ: `kiosk doctor --only machine.clock`.",
    "Check date and time: `kiosk doctor --only machine.clock`.",
)
LOST = error(
    "queue.lost.records",
    "Có hồ sơ đã hỏng và được cách ly.",
    "Stored records are damaged and were set aside.",
    "Báo trung tâm số hồ sơ; mời những người này thu nhận lại. Giữ thư mục quarantine.",
    "Tell the centre the numbers; take these people in again. Keep the quarantine folder.",
)
LITTLE_SPACE = warn(
    "queue.space.less_than_a_day",
    "Chỗ trống không đủ cho một ngày thu nhận khi mất mạng.",
    "The free space is less than a day's records without a network.",
    "Giải phóng ổ đĩa, hoặc khôi phục mạng để hồ sơ được gửi đi.",
    "Free disk space, or bring the network back so that records can leave.",
)
NO_SPACE = error(
    "queue.space.none",
    "Không còn chỗ: kiosk sẽ từ chối lượt thu nhận kế tiếp.",
    "There is no room: the kiosk will refuse the next visit.",
    "Giải phóng ổ đĩa ngay (du -x /), hoặc khôi phục mạng.",
    "Free disk space now (du -x /), or bring the network back.",
)
BROKEN = error(
    "queue.chain.broken",
    "Chuỗi hồ sơ bị đứt.",
    "The chain of records is broken.",
    "Dừng thu nhận, giữ nguyên ổ đĩa và gọi kỹ thuật viên của trung tâm.",
    "Stop taking people in, leave the disk as it is and call the centre's technicians.",
)
DAMAGED = error(
    "queue.chain.damaged",
    "Có hồ sơ trên đĩa bị hỏng.",
    "Stored records are damaged.",
    "Dừng thu nhận, sao chép thư mục hàng đợi, kiểm tra ổ đĩa: `kiosk doctor --only machine`.",
    "Stop taking people in, copy the queue's folder, check the disk: `kiosk doctor --only machine`.",
)
NO_POSITION = warn(
    "queue.receipt.position_missing",
    "Vị trí đã ký nhận bị mất; hồ sơ sẽ được gửi lại.",
    "The acknowledged position is missing; records are sent again.",
    "Không cần làm gì: trung tâm bỏ qua hồ sơ trùng. Kiểm tra ổ đĩa.",
    "Nothing to do: the collector skips what it has. Check the disk.",
)
REJECTED = error(
    "queue.rejected.records",
    "Trung tâm không dùng được một số hồ sơ.",
    "The collector cannot use some records.",
    "Mời những người này thu nhận lại; số hồ sơ ở phần chi tiết.",
    "Take these people in again; the evidence has the numbers.",
)
UNFINISHED = warn(
    "queue.visit.unfinished",
    "Có một lượt thu nhận bị ngắt giữa chừng.",
    "A visit was cut off in the middle.",
    "Tiếp tục lượt đó, hoặc hủy nó, trên màn hình của nhân viên.",
    "Go on with it or discard it on the operator's screen.",
)


@FAMILY.check(
    "folder", "Thư mục hàng đợi", "Queue folder", FOLDER_MISSING, FOLDER_OPEN, FOREIGN, within_s=READ_WITHIN_S
)
def _folder(context: Context, limits: Limits) -> Outcome:
    folder = queue_folder(_config(context, limits))
    facts = _reading(context, limits).get(limits)
    if facts is None:
        return FOLDER_MISSING.seen(str(folder))
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        return FOLDER_OPEN.seen(f"{folder}: mode {mode:04o}")
    if facts.foreign:
        return FOREIGN.seen(", ".join(facts.foreign[:5]))
    return ok(f"{folder}: {facts.segments} segments, epoch {facts.epoch}")


@FAMILY.check("depth", "Hồ sơ chờ gửi", "Records waiting", MANY, within_s=READ_WITHIN_S)
def _depth(context: Context, limits: Limits) -> Outcome:
    facts = _facts(context, limits)
    evidence = f"{facts.pending} records, {facts.pending_bytes / 1e6:.1f} MB"
    return MANY.seen(evidence) if facts.pending > PEOPLE_A_DAY else ok(evidence)


@FAMILY.check("age", "Hồ sơ chờ lâu nhất", "Oldest waiting record", OLD, VERY_OLD, FUTURE, within_s=READ_WITHIN_S)
def _age(context: Context, limits: Limits) -> Outcome:
    facts = _facts(context, limits)
    if not facts.pending:
        return ok("nothing waits")
    if facts.oldest_pending_ns is None:
        return not_assessed("Không đọc được giờ của hồ sơ.", "The record's time cannot be read.")
    age_s = context.system.clock() - facts.oldest_pending_ns / 1e9
    evidence = f"record {facts.acknowledged}, {age_s / 3600:.1f} h"
    if age_s < -60:
        return FUTURE.seen(evidence)
    if age_s > OLD_S:
        return (VERY_OLD if age_s > VERY_OLD_S else OLD).seen(evidence)
    return ok(evidence)


@FAMILY.check("lost", "Hồ sơ bị cách ly", "Quarantine", LOST, within_s=READ_WITHIN_S)
def _lost(context: Context, limits: Limits) -> Outcome:
    lost = _facts(context, limits).lost
    return LOST.seen(f"records {_numbers(lost)}") if lost else ok("none")


@FAMILY.check("space", "Chỗ trống cho hồ sơ", "Room for records", LITTLE_SPACE, NO_SPACE, within_s=READ_WITHIN_S)
def _space(context: Context, limits: Limits) -> Outcome:
    queue = _config(context, limits).queue
    facts = _facts(context, limits)
    free = shutil.disk_usage(_config(context, limits).kiosk.data_folder).free - queue.keep_free_mib * 2**20
    segment = queue.segment_mib * 2**20
    if queue.max_folder_gib:
        free = min(free, round(queue.max_folder_gib * 2**30) - facts.segments * segment)
    each = max(1, facts.record_bytes // facts.next_seq) if facts.next_seq else RECORD_BYTES
    evidence = f"{max(0, free) / 1e9:.1f} GB: about {max(0, free) // each} more records of {each / 1000:.0f} kB"
    if free < segment:
        return NO_SPACE.seen(evidence)
    return LITTLE_SPACE.seen(evidence) if free < PEOPLE_A_DAY * each else ok(evidence)


@FAMILY.check("chain", "Chuỗi hồ sơ", "Chain of records", BROKEN, DAMAGED, OtherVersion, within_s=READ_WITHIN_S)
def _chain(context: Context, limits: Limits) -> Outcome:
    facts = _facts(context, limits)
    if facts.broken:
        return BROKEN.seen("; ".join(facts.broken[:3]))
    if facts.damaged:
        return DAMAGED.seen("; ".join(facts.damaged[:5]))
    return ok(f"{facts.next_seq} records in order; {facts.checked} of {facts.pending} waiting ones read in full")


@FAMILY.check("receipt", "Đã ký nhận", "Receipted", NO_POSITION, within_s=READ_WITHIN_S)
def _receipt(context: Context, limits: Limits) -> Outcome:
    facts = _facts(context, limits)
    if facts.slot is None and facts.next_seq:
        return NO_POSITION.seen(f"{facts.next_seq} records in the folder")
    return ok(f"up to record {facts.acknowledged - 1}" if facts.acknowledged else "no record yet")


@FAMILY.check("rejected", "Hồ sơ trung tâm không dùng được", "Records that the collector cannot use", REJECTED)
def _rejected(context: Context, limits: Limits) -> Outcome:
    status = context.status(limits)
    if status is None:
        return not_assessed("Chỉ chương trình kiosk biết, mà nó không chạy.", "Only the daemon knows, and none runs.")
    seqs = [int(seq) for seq in status["uplink"]["quarantined"]]
    return REJECTED.seen(f"records {_numbers(seqs)}") if seqs else ok("none by the last receipt")


@FAMILY.check("visit", "Lượt thu nhận dở dang", "Unfinished visit", UNFINISHED)
def _visit(context: Context, limits: Limits) -> Outcome:
    status = context.status(limits)
    if status is None:
        journal = _config(context, limits).kiosk.data_folder / "journal"
        try:
            left = any(journal.iterdir())
        except FileNotFoundError:
            left = False
        except PermissionError:
            return not_assessed("Không có quyền đọc; chạy lại bằng sudo.", "Not permitted; run it with sudo.")
        return UNFINISHED.seen("the journal is not empty") if left else ok("none")
    if context.visit_open(limits):
        return skipped("Đang có một lượt thu nhận.", "A visit is open.")
    return UNFINISHED.seen("told by the daemon") if status.get("unfinished_visit") else ok("none")


def _config(context: Context, limits: Limits) -> Config:
    return context.config(limits)


def _reading(context: Context, limits: Limits) -> Shared[QueueFacts | None]:
    folder = queue_folder(context.config(limits))

    def read(own: Limits) -> QueueFacts | None:
        try:
            return read_queue(folder, time.monotonic() + BODIES_S, own.cancelled)
        except OSError as failure:
            raise NotAssessed(
                "Không đọc được hàng đợi.", "The queue cannot be read.", f"{folder}: {failure.strerror}"
            ) from failure

    # A folder of another version is the chain's affair: it is the check that names what is wrong inside.
    return context.measured("queue.chain", read, READ_WITHIN_S)


def _facts(context: Context, limits: Limits) -> QueueFacts:
    facts = _reading(context, limits).get(limits)
    if facts is None:
        raise SeeOther("queue.folder")
    return facts


def _numbers(seqs: list[int]) -> str:
    return ", ".join(map(str, seqs[:10])) + (f" and {len(seqs) - 10} more" if len(seqs) > 10 else "")
