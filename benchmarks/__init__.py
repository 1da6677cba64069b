"""Side-by-side programs that print ratios; never run by the tests."""
