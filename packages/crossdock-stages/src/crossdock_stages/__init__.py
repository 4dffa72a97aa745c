"""The line: intake, translate, decide, deliver, on one harness and one ledger."""
