"""Arrays to plotly figures; never torch."""
