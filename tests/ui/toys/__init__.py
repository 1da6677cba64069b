"""Experiments for the tests of forms and run panels: in the catalog while those tests run."""
