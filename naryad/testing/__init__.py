"""Public fakes that plugin authors use too."""
