"""Pure functions that answer within 100 ms: NumPy, or torch on one thread. A lab made of them declares a DEMO."""
