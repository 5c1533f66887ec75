"""The reference collector: ingest over gRPC, verify, store, signed receipts, opening of records."""
