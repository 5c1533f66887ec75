"""The kiosk's certificate: enrolment by a one-time token, renewal by itself, and the collector's signed time."""

from agent.enrolment.enrolling import Enrolled, enrol
from agent.enrolment.errors import EnrolmentError
from agent.enrolment.renewing import Renewal, RenewalState
from agent.enrolment.time_floor import TimeFloor
from agent.enrolment.tls_folder import TlsFolder

__all__ = ["Enrolled", "EnrolmentError", "Renewal", "RenewalState", "TimeFloor", "TlsFolder", "enrol"]
