"""Looking after the queue's records: list, check, carry away on a disk. For technicians.

Knows the queue, sealing and the export's format; nothing of people, devices or the network.
"""
