"""Workers, scheduler and store: everything that keeps runs alive."""
