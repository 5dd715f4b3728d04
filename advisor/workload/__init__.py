"""From query texts to typed, plannable statements with realistic values; pglast is the authority on SQL."""
