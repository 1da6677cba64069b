"""What a person may take away of a run, as bytes: pure functions of a snapshot, its experiment, figures, weights."""
