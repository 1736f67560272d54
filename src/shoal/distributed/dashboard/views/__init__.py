"""What each panel of a page shows, as a function from the model to plain data.

A view returns a dictionary of numbers, strings and lists that JSON can say; what can be large is a
dictionary by something that stays the same, so that changes are small (`delta`).  `PANELS` names
all views; `PAGES` says which panels a page has.
"""
