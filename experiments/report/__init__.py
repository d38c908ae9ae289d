"""What chapters, claims and the explorer read from finished tables, and how they draw it.

Here is what several chapters share; what a single chapter computes and draws is in
:mod:`experiments.report.chapters`.
"""
