"""What is remembered: receipts, their hash chain, accounts."""
