"""The tables of the paper's supplement, beside what is found here."""
