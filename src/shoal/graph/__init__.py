"""Graphs: tasks, layers, plans, and what makes them small and well ordered."""
