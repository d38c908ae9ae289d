"""One run is one notebook, executed by papermill with one dictionary of parameters."""
