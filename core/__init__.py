"""LayerLab's core: experiments, engine, demos and figures. Never imports Streamlit."""
