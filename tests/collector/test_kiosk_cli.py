"""`collector kiosk`, as administrators type it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from agent.proto.enrolment_token import EnrolmentToken
from collector.cli import app
from tests.collector.world import KIOSK, World


class TestKiosk:
    """Every subcommand."""

    @pytest.fixture(autouse=True)
    def _world(self, world: World) -> None:
        self.folder = world.folder / "collector"

    def run(self, *arguments: str) -> Result:
        """Run `collector kiosk`."""
        return CliRunner().invoke(app, ["kiosk", *arguments, "--config", str(self.folder)], env={"COLUMNS": "250"})

    def rows(self, command: str) -> list[dict[str, str]]:
        """Return what a listing says."""
        done = self.run(command, "--json")
        assert done.exit_code == 0, done.output
        rows: list[dict[str, str]] = json.loads(done.stdout)
        return rows

    def test_add_prints_a_token_and_the_log_says_for_whom(self) -> None:
        """The token is on standard output and nowhere else."""
        done = self.run("add", "kiosk-7", "--reason", "Ward 7, Nguyễn Văn A")
        assert done.exit_code == 0, done.output
        token = EnrolmentToken.parse(done.stdout)
        (row,) = [row for row in self.rows("list") if row["kiosk"] == "kiosk-7"]
        assert row["state"] == "waits for enrolment"
        assert row["attestation"] == "not assessed"
        newest, before, *_ = self.rows("log")
        assert (newest["action"], newest["detail"]) == ("token_issued", "Ward 7, Nguyễn Văn A")
        assert before["action"] == "added"
        assert newest["actor"]
        assert token.secret.hex() not in json.dumps(self.rows("log"))

    def test_adding_twice_only_issues_a_new_token(self) -> None:
        """The old one is withdrawn."""
        first, second = (self.run("add", "kiosk-7", "--reason", "x").stdout for _ in range(2))
        assert first != second
        assert [row["action"] for row in self.rows("log")].count("added") == 1 + 2  # the world's own two kiosks

    def test_revoke_and_list(self) -> None:
        """The reason is in the list; no token before it is added again."""
        assert self.run("revoke", KIOSK, "--reason", "stolen").exit_code == 0
        assert "revoked: stolen" in {row["state"] for row in self.rows("list")}
        refused = self.run("token", KIOSK, "--reason", "x")
        assert refused.exit_code == 1
        assert "collector.kiosk_not_admitted" in refused.stderr
        assert self.run("add", KIOSK, "--reason", "found").exit_code == 0

    @pytest.mark.parametrize("command", ["token", "revoke"])
    def test_a_kiosk_that_is_not_on_the_list(self, command: str) -> None:
        """The remedy names the command."""
        done = self.run(command, "kiosk-9", "--reason", "x")
        assert done.exit_code == 1
        assert "collector kiosk add" in done.stderr

    def test_a_name_that_leads_elsewhere_is_refused(self) -> None:
        """It becomes a common name and a folder."""
        done = self.run("add", "../up", "--reason", "x")
        assert done.exit_code == 1
        assert "collector.setup" in done.stderr

    def test_tables_are_for_people(self) -> None:
        """Both listings."""
        assert KIOSK in self.run("list").stdout
        assert "added" in self.run("log").stdout

    def test_a_registry_that_is_not_there_is_an_error(self) -> None:
        """It must not look like one without revoked kiosks."""
        (self.folder / "store" / "registry.sqlite").unlink()
        done = self.run("list")
        assert done.exit_code == 1
        assert "registry.sqlite" in done.stderr.replace("\n", "")

    @pytest.mark.parametrize("path", ["tls/server.pem"])
    def test_a_certificate_that_cannot_be_read_is_named(self, path: str) -> None:
        """Without it the token could not name the collector."""
        (self.folder / path).write_bytes(b"nonsense")
        done = self.run("token", KIOSK, "--reason", "x")
        assert done.exit_code == 1
        assert "collector.tls" in done.stderr
