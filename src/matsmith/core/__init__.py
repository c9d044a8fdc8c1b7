"""What every layer speaks: specification, candidates, records, ledger, properties, units, errors."""
