"""One file for each revision: ``rev_NNNN.py``."""
