"""The kernel: settings, the gate, the model chain, events. Imports nothing else of ours."""
