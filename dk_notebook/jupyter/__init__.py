"""The only place that imports IPython and ipywidgets."""
