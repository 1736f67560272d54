"""What each panel shows: functions from what is known to plain data, as JSON has it.

A view is called with a `shoal.distributed.dashboard.model.Model` and the arguments of the page's
address, and returns dictionaries with numbers, texts and lists at their ends.  What changes
stands in dictionaries under keys that stay, so that a page is sent only what is new
(`shoal.distributed.dashboard.delta`); a list is sent whole.  How much a view returns is bounded,
however large the cluster.

A module has the views of one subject; `shoal.distributed.dashboard.panels` is the table of all.
"""
