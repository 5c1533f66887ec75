"""The people this station may take in. A CSV stand-in until rosters come signed from the collector."""

from agent.roster.csv_roster import Roster
from agent.roster.errors import AmbiguousName, NotEligible, NotOnRoster, RosterUnreadable
from agent.roster.member import Member

__all__ = ["AmbiguousName", "Member", "NotEligible", "NotOnRoster", "Roster", "RosterUnreadable"]
