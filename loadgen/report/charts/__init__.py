"""The charts of the report: Bokeh figures, each with its title, its unit and its text alternative."""
