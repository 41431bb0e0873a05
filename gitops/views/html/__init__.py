"""The report of a review: one HTML file.

A review and its stacks' records come in; a page goes out that loads nothing. Begin with `report.py`; `drawing.py`
places the graph, `history.py` tells the past, and `templates/` has the markup.
"""
