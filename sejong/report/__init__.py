"""The report: one page that says what was built, from what, how good it is and what it cannot do."""
