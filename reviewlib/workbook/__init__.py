"""Starting a workbook: a first params file from an unknown export, the notebooks, and the sample company."""
